//! [`RedisStore`]: a store over Redis for programs with tokio.

use crate::commands::{self, TIMEOUT, is_answer, lost, slow};
use oidc_drive::store::{Found, Store, StoreError, StoreFuture};
use redis::{AsyncConnectionConfig, Client, Cmd, Value, aio::MultiplexedConnection};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A [`Store`] over Redis, for programs with tokio. All commands share one connection, which is opened when it is needed,
/// and again when it is lost. Its clones share the connection.
///
/// ```no_run
/// use oidc_redis::{RedisStore, oidc_drive::store::Store};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), oidc_redis::oidc_drive::store::StoreError> {
/// let store = RedisStore::open("redis://127.0.0.1")?.with_prefix("my-app:").with_timeout(Duration::from_secs(1));
/// store.put("key", b"value", Duration::from_secs(60)).await?;
/// assert_eq!(store.take("key").await?.as_deref(), Some(&b"value"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    client: Client,
    open: Arc<Mutex<Open>>,
    prefix: String,
    timeout: Duration,
}

/// The connection, and how many were opened before.
#[derive(Default)]
struct Open {
    connection: Option<MultiplexedConnection>,
    count: u64,
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
        Self { client, open: Arc::default(), prefix: "oidc:".to_owned(), timeout: TIMEOUT }
    }

    /// Sets the text before all keys; the default is `oidc:`. Programs that share a Redis need one each.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the time within which each method ends, connecting included; the default is three seconds.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn ask<T: 'static>(
        &self,
        command: Cmd,
        read: impl FnOnce(Value) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<T> {
        let store = self.clone();
        Box::pin(async move {
            let (limit, asked) = (store.timeout, store.opened());
            match tokio::time::timeout(limit, store.answer(&command)).await {
                Ok(answer) => read(answer?),
                Err(_) => {
                    store.close(asked);
                    Err(slow(limit))
                }
            }
        })
    }

    async fn answer(&self, command: &Cmd) -> Result<Value, StoreError> {
        let (mut connection, count) = self.connection().await?;
        command.query_async(&mut connection).await.map_err(|error| {
            if !is_answer(&error) {
                self.close(count);
            }
            lost(&error)
        })
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), StoreError> {
        {
            let open = self.lock();
            if let Some(connection) = &open.connection {
                return Ok((connection.clone(), open.count));
            }
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(|error| lost(&error))?;
        let mut open = self.lock();
        open.count += 1;
        open.connection = Some(connection.clone());
        Ok((connection, open.count))
    }

    fn opened(&self) -> u64 {
        self.lock().count
    }

    /// Forgets this connection, but not a newer one.
    fn close(&self, count: u64) {
        let mut open = self.lock();
        if open.count == count {
            open.connection = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for RedisStore {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        self.ask(commands::get(&self.key(key)), commands::found)
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        self.ask(commands::compare_and_set(&self.key(key), expected, new), commands::swapped)
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        self.ask(commands::put(&self.key(key), value, lifetime), commands::done)
    }

    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        self.ask(commands::take(&self.key(key)), commands::taken)
    }
}

/// Leaves out the address, which may have a password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, timeout, .. } = self;
        f.debug_struct("RedisStore").field("prefix", prefix).field("timeout", timeout).finish_non_exhaustive()
    }
}
