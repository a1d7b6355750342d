//! [`RedisStore`] for programs with threads.

use crate::commands::{self, is_answer, lost, slow};
use oidc_drive::store::{Found, Store, StoreError, StoreFuture};
use redis::{Client, Cmd, Connection, RedisResult, Value};
use std::{
    fmt,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The most connections that wait for the next command. Each thread that asks at the same time has one of its own.
const MAX_IDLE: usize = 16;

/// The default time within which each part of an exchange ends.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A [`Store`] over Redis, for programs with threads, and so for a
/// [`blocking::Provider`](oidc_drive::blocking::Provider). It asks Redis on the thread of its caller. Its clones share
/// their connections.
///
/// ```no_run
/// use oidc_redis::{blocking::RedisStore, oidc_drive::blocking::store::Revocations};
///
/// let store = RedisStore::open("redis://127.0.0.1")?.with_prefix("my-app:");
/// let revocations = Revocations::new(store);
/// # drop(revocations);
/// # Ok::<(), oidc_redis::oidc_drive::store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct RedisStore {
    client: Client,
    idle: Arc<Mutex<Vec<Connection>>>,
    prefix: String,
    timeout: Duration,
}

impl RedisStore {
    /// Uses the Redis with this URL: `redis://user:password@host:6379/0`, or `unix:///path`. Nothing is sent yet, so a
    /// program starts while its Redis is down.
    ///
    /// # Errors
    /// The URL is none of a Redis, or needs a feature of the crate `redis`, such as TLS.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Client::open(url).map(Self::new).map_err(|error| lost(&error))
    }

    /// Uses the Redis of this client: for TLS and other settings of the crate [`redis`].
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, idle: Arc::default(), prefix: "oidc:".to_owned(), timeout: TIMEOUT }
    }

    /// Sets the text before all keys; the default is `oidc:`. Programs that share a Redis need one each.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the time within which connecting, sending and reading each end; the default is a second for each of the three.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn ask<T: Send + 'static>(
        &self,
        command: &Cmd,
        read: impl FnOnce(Value) -> Result<T, StoreError>,
    ) -> StoreFuture<T> {
        Box::pin(ready(self.answer(command).and_then(read)))
    }

    fn answer(&self, command: &Cmd) -> Result<Value, StoreError> {
        let began = Instant::now();
        let waiting = self.lock().pop();
        let mut connection = match waiting {
            Some(connection) => connection,
            None => self.connect().map_err(|error| lost(&error))?,
        };
        let answer: RedisResult<Value> = command.query(&mut connection);
        match answer {
            Ok(value) => {
                self.keep(connection);
                Ok(value)
            }
            Err(error) if is_answer(&error) => {
                self.keep(connection);
                Err(lost(&error))
            }
            Err(error) => {
                // Those that wait are of the same age, and likely lost, too.
                self.lock().clear();
                Err(if began.elapsed() >= self.timeout { slow(self.timeout) } else { lost(&error) })
            }
        }
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        Ok(connection)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.lock();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for RedisStore {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        self.ask(&commands::get(&self.key(key)), commands::found)
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        self.ask(&commands::compare_and_set(&self.key(key), expected, new), commands::swapped)
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        self.ask(&commands::put(&self.key(key), value, lifetime), commands::done)
    }

    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        self.ask(&commands::take(&self.key(key)), commands::taken)
    }
}

/// Leaves out the address, which may have a password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, timeout, .. } = self;
        f.debug_struct("RedisStore").field("prefix", prefix).field("timeout", timeout).finish_non_exhaustive()
    }
}
