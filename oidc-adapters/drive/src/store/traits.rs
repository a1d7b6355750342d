//! [`Store`]: where the nodes of a program keep what they share.

use super::error::StoreError;
use oidc_proto::{Timestamp, sender::ReplayKey};
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

/// The answer of a [`Store`], as a future.
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// A store of short values that expire, which all nodes of a program share. It knows nothing of tokens: the types of
/// this module say what is kept, and seal it.
///
/// Each method is one step, which no other caller sees half done. A method must end within a bounded time. If it is
/// unknown whether a change was made, it returns an error. The values are bytes of this library. A store has one clock,
/// which no node sets: the times of all leases are its times.
///
/// [`MemoryStore`](super::MemoryStore) is one for a single process. `FileStore` (feature `file`) is one over files.
/// `oidc-redis` has one over Redis. This one is over a store of your own:
///
/// ```
/// use oidc_drive::store::{Found, MemoryStore, Store, StoreFuture};
/// use std::time::Duration;
///
/// /// Keeps the values of one application apart from those of another.
/// struct Prefixed<S>(&'static str, S);
///
/// impl<S: Store> Prefixed<S> {
///     fn key(&self, key: &str) -> String {
///         format!("{}:{key}", self.0)
///     }
/// }
///
/// impl<S: Store> Store for Prefixed<S> {
///     fn get(&self, key: &str) -> StoreFuture<Found> {
///         self.1.get(&self.key(key))
///     }
///     fn compare_and_set(
///         &self,
///         key: &str,
///         expected: Option<&[u8]>,
///         new: Option<(&[u8], Duration)>,
///     ) -> StoreFuture<Option<Found>> {
///         self.1.compare_and_set(&self.key(key), expected, new)
///     }
///     fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
///         self.1.put(&self.key(key), value, lifetime)
///     }
///     fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
///         self.1.take(&self.key(key))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), oidc_drive::store::StoreError> {
/// let store = Prefixed("app", MemoryStore::new());
/// assert_eq!(store.compare_and_set("k", None, Some((b"one", Duration::from_secs(60)))).await?, None);
/// // Somebody else was first.
/// let there = store.compare_and_set("k", None, Some((b"two", Duration::from_secs(60)))).await?;
/// assert_eq!(there.and_then(|found| found.value).as_deref(), Some(&b"one"[..]));
/// assert_eq!(store.take("k").await?.as_deref(), Some(&b"one"[..]));
/// assert_eq!(store.take("k").await?, None);
/// # Ok(())
/// # }
/// ```
pub trait Store: Send + Sync {
    /// Reads the value of a key, and the time of the store.
    fn get(&self, key: &str) -> StoreFuture<Found>;

    /// Replaces the value of a key, but only if it is `expected`; `None` stands for no value. `new` is the new value and
    /// its lifetime; `None` removes the value. Returns `None` if the value was replaced. Otherwise it returns what is
    /// there instead.
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>>;

    /// Sets the value of a key, whatever it was.
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()>;

    /// Removes the value of a key, and returns it. If several callers do so at once, one of them gets it.
    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>>;
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        (**self).get(key)
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        (**self).compare_and_set(key, expected, new)
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        (**self).put(key, value, lifetime)
    }

    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        (**self).take(key)
    }
}

impl fmt::Debug for dyn Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// The value of a key, and the time at which a [`Store`] read it.
///
/// ```
/// use oidc_drive::store::Found;
/// use std::time::Duration;
///
/// /// The answer of a store of one's own, whose clock counts milliseconds.
/// fn found(value: Option<Vec<u8>>, milliseconds: u64) -> Found {
///     Found::new(value, Duration::from_millis(milliseconds))
/// }
/// assert_eq!(found(None, 1_500).now.as_millis(), 1_500);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The value. `None` if there is none, or if it has expired.
    pub value: Option<Vec<u8>>,
    /// The time of the store: the span since some moment of the past, which is the same for all keys and nodes.
    pub now: Duration,
}

impl Found {
    /// Makes the answer of a store.
    #[must_use]
    pub const fn new(value: Option<Vec<u8>>, now: Duration) -> Self {
        Self { value, now }
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_ref().map(|value| format!("{} bytes", value.len()));
        f.debug_struct("Found").field("value", &value).field("now", &self.now).finish()
    }
}

/// Makes the name of a value: its kind, and a hash of the rest, so that no text of others stands in a store.
pub(crate) fn name(kind: &str, issuer: &str, parts: &[&str]) -> String {
    format!("{kind}:{}", ReplayKey::new(kind, issuer, parts, Timestamp(0)).to_text())
}
