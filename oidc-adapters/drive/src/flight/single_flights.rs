//! [`SingleFlights`]: a [`SingleFlight`] for each issuer, or for each token, in bounded room.

use super::state::SingleFlight;
use crate::event::{Clock, Observer, SystemClock, Watched};
use oidc_proto::renew::{RenewalPolicy, SharedCache, SharedCacheCounters};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A bounded pool of flights that know nothing of each other: while one of them renews, waits or
/// fails, the others go on.
///
/// The key says whose value it is: an issuer; or, for tokens, the client with all of its
/// [`ClientCredentialsRequest`](oidc_proto::flow::ClientCredentialsRequest), so that nobody gets a token of another
/// scope or resource.
pub struct SingleFlights<K, T> {
    pool: Mutex<SharedCache<K, SingleFlight<T>>>,
    policy: RenewalPolicy,
    clock: Arc<dyn Clock>,
    watched: Option<Box<Watch<K>>>,
}

type Watch<K> = dyn Fn(&K) -> Watched + Send + Sync;

impl<K: Ord + Clone, T> SingleFlights<K, T> {
    /// No more than `cap` flights, each by this policy. The one that was used longest ago makes room.
    #[must_use]
    pub fn new(policy: RenewalPolicy, cap: usize) -> Self {
        Self::with_clock(policy, cap, Arc::new(SystemClock))
    }

    /// The same by a clock of one's own.
    #[must_use]
    pub fn with_clock(policy: RenewalPolicy, cap: usize, clock: Arc<dyn Clock>) -> Self {
        Self { pool: Mutex::new(SharedCache::new(cap)), policy, clock, watched: None }
    }

    /// Tells this observer of the end of every renewal: see [`SingleFlight::with_observer`]. `issuer` says of a key
    /// what may be told; a key can be a secret, or be made of one.
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

    /// The flight of this key. No lock is held when it returns.
    #[must_use]
    pub fn flight(&self, key: &K) -> Arc<SingleFlight<T>> {
        let watched = self.watched.as_ref().map(|watch| watch(key)).unwrap_or_default();
        let new = || SingleFlight::with_clock(self.policy, Arc::clone(&self.clock)).watched(watched);
        self.pool().get_or_insert_with(key, new)
    }

    /// The flight of this key, if there is one already. Takes no room.
    #[must_use]
    pub fn existing(&self, key: &K) -> Option<Arc<SingleFlight<T>>> {
        self.pool().get(key)
    }

    /// Forgets a key. Who has its flight in hand keeps it.
    pub fn remove(&self, key: &K) -> Option<Arc<SingleFlight<T>>> {
        self.pool().remove(key)
    }

    /// All flights of now, by key.
    #[must_use]
    pub fn all(&self) -> Vec<(K, Arc<SingleFlight<T>>)> {
        self.pool().iter().map(|(key, flight)| (key.clone(), Arc::clone(flight))).collect()
    }

    /// What has happened to the pool so far.
    #[must_use]
    pub fn counters(&self) -> SharedCacheCounters {
        self.pool().counters()
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
