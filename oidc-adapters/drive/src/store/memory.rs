//! [`MemoryStore`]: a [`Store`] in the memory of one process.

use super::{
    error::StoreError,
    traits::{Found, Store, StoreFuture},
};
use crate::event::{Clock, SystemClock};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The most values that are kept. If all of them are alive, a new one is refused.
pub const MAX_VALUES: usize = 200_000;

/// A [`Store`] in the memory of one process: for tests, and for handles that share one process. Its clones share their
/// values. It keeps at most [`MAX_VALUES`] values, and removes none that is alive: the lease of a refresh token must not
/// vanish.
///
/// ```
/// use oidc_drive::store::{MemoryStore, Store};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), oidc_drive::store::StoreError> {
/// let store = MemoryStore::new();
/// store.put("key", b"value", Duration::from_secs(60)).await?;
/// assert_eq!(store.get("key").await?.value.as_deref(), Some(&b"value"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    values: Arc<Mutex<Values>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Values {
    by_key: BTreeMap<String, (Vec<u8>, Duration)>,
    by_end: BTreeSet<(Duration, String)>,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    /// Makes an empty store with a clock of your own, of which only [`elapsed`](Clock::elapsed) counts.
    #[must_use]
    pub fn with_clock(clock: impl Clock + 'static) -> Self {
        Self { values: Arc::default(), clock: Arc::new(clock) }
    }

    /// Returns the number of values. Some may have expired, and are not removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values().by_key.len()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values that have not expired, and the time.
    fn now(&self) -> (MutexGuard<'_, Values>, Duration) {
        let mut values = self.values();
        let now = self.clock.elapsed();
        values.forget(now);
        (values, now)
    }
}

impl Values {
    fn get(&self, key: &str) -> Option<&[u8]> {
        self.by_key.get(key).map(|(value, _)| &**value)
    }

    fn remove(&mut self, key: &str) -> Option<Vec<u8>> {
        let (value, end) = self.by_key.remove(key)?;
        self.by_end.remove(&(end, key.to_owned()));
        Some(value)
    }

    /// Replaces a value, or adds it if there is room. What has ended is forgotten by then.
    fn set(&mut self, key: &str, value: &[u8], end: Duration) -> Result<(), StoreError> {
        if self.remove(key).is_none() && self.by_key.len() >= MAX_VALUES {
            return Err(StoreError::NoAnswer("the store is full".to_owned()));
        }
        self.by_key.insert(key.to_owned(), (value.to_owned(), end));
        self.by_end.insert((end, key.to_owned()));
        Ok(())
    }

    fn forget(&mut self, now: Duration) {
        while let Some((_, key)) = self.by_end.first().filter(|(end, _)| *end <= now).cloned() {
            self.remove(&key);
        }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        let (values, now) = self.now();
        Box::pin(ready(Ok(Found::new(values.get(key).map(<[u8]>::to_vec), now))))
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        let (mut values, now) = self.now();
        let there = values.get(key);
        if there != expected {
            let found = Found::new(there.map(<[u8]>::to_vec), now);
            return Box::pin(ready(Ok(Some(found))));
        }
        let set = match new {
            Some((value, lifetime)) => values.set(key, value, now.saturating_add(lifetime)),
            None => {
                values.remove(key);
                Ok(())
            }
        };
        Box::pin(ready(set.map(|()| None)))
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        let (mut values, now) = self.now();
        Box::pin(ready(values.set(key, value, now.saturating_add(lifetime))))
    }

    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        Box::pin(ready(Ok(self.now().0.remove(key))))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("values", &self.len()).finish_non_exhaustive()
    }
}
