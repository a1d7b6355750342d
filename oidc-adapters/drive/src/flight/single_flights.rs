//! [`SingleFlights`]: a bounded pool with a [`SingleFlight`] for each issuer, or for each token.

use super::state::SingleFlight;
use crate::event::{Clock, Observer, SystemClock, Watched};
use oidc_proto::renew::{RenewalPolicy, SharedCache, SharedCacheCounters};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A bounded pool of independent flights: while one of them renews, waits or fails, the others go on.
///
/// The key names the value. For keys and metadata it is the issuer. For tokens it must be the client and the whole
/// [`ClientCredentialsRequest`](oidc_proto::flow::ClientCredentialsRequest), so that no caller gets a token for another
/// scope or resource.
///
/// ```
/// use oidc_drive::{SingleFlights, oidc_proto::renew::{Freshness, Need, RenewalError, RenewalPolicy, Renewed}};
/// use std::{sync::Arc, time::Duration};
///
/// let keys = SingleFlights::<&str, String>::new(RenewalPolicy::KEYS, 100);
/// let fetched = |text: &str| {
///     Ok(Renewed::new(Arc::new(text.to_owned()), Freshness::lasting(Duration::from_secs(300))))
/// };
///
/// // One issuer is down; the other one is not affected.
/// assert!(keys.flight(&"https://down.example").get(Need::Any, || Err(RenewalError::NoResponse)).is_err());
/// let value = keys.flight(&"https://op.example").get(Need::Any, || fetched("keys"))?;
/// assert_eq!(*value.value, "keys");
/// assert_eq!(keys.all().len(), 2);
/// # Ok::<(), oidc_drive::NotAvailableError>(())
/// ```
pub struct SingleFlights<K, T> {
    pool: Mutex<SharedCache<K, SingleFlight<T>>>,
    policy: RenewalPolicy,
    clock: Arc<dyn Clock>,
    watched: Option<Box<Watch<K>>>,
}

type Watch<K> = dyn Fn(&K) -> Watched + Send + Sync;

impl<K: Ord + Clone, T> SingleFlights<K, T> {
    /// Makes a pool of at most `cap` flights with this policy. The flight that was used longest ago makes room.
    #[must_use]
    pub fn new(policy: RenewalPolicy, cap: usize) -> Self {
        Self::with_clock(policy, cap, Arc::new(SystemClock))
    }

    /// Makes a pool as [`new`](Self::new) does, with another clock than [`SystemClock`].
    #[must_use]
    pub fn with_clock(policy: RenewalPolicy, cap: usize, clock: Arc<dyn Clock>) -> Self {
        Self { pool: Mutex::new(SharedCache::new(cap)), policy, clock, watched: None }
    }

    /// Reports the end of every renewal to this observer: see [`SingleFlight::with_observer`]. `issuer` turns a key
    /// into the name that events may show, because a key can contain a secret.
    #[must_use]
    pub fn with_observer(
        mut self,
        what: &'static str,
        issuer: impl Fn(&K) -> Arc<str> + Send + Sync + 'static,
        observer: &Observer,
    ) -> Self {
        let observer = observer.clone();
        self.watched = Some(Box::new(move |key| Watched::new(what, issuer(key), &observer)));
        self
    }

    /// Returns the flight of this key, and makes it if need be. No lock is held when this returns.
    #[must_use]
    pub fn flight(&self, key: &K) -> Arc<SingleFlight<T>> {
        let watched = self.watched.as_ref().map(|watch| watch(key)).unwrap_or_default();
        let new = || SingleFlight::with_clock(self.policy, Arc::clone(&self.clock)).watched(watched);
        self.pool().get_or_insert_with(key, new)
    }

    /// Returns the flight of this key, if there is one already. Takes no room in the pool.
    #[must_use]
    pub fn existing(&self, key: &K) -> Option<Arc<SingleFlight<T>>> {
        self.pool().get(key)
    }

    /// Removes a key, and returns its flight. Callers that hold the flight keep it.
    pub fn remove(&self, key: &K) -> Option<Arc<SingleFlight<T>>> {
        self.pool().remove(key)
    }

    /// Returns all current flights, with their keys.
    #[must_use]
    pub fn all(&self) -> Vec<(K, Arc<SingleFlight<T>>)> {
        self.pool().iter().map(|(key, flight)| (key.clone(), Arc::clone(flight))).collect()
    }

    /// Returns the counters of the pool.
    #[must_use]
    pub fn counters(&self) -> SharedCacheCounters {
        self.pool().counters()
    }

    pub(crate) const fn policy(&self) -> RenewalPolicy {
        self.policy
    }

    fn pool(&self) -> MutexGuard<'_, SharedCache<K, SingleFlight<T>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone, T> fmt::Debug for SingleFlights<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlights").field("counters", &self.counters()).finish_non_exhaustive()
    }
}
