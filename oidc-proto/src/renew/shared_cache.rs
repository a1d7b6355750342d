//! [`SharedCache`]: the renewals of many issuers or many tokens, in bounded memory.

use crate::base::bounded::Bounded;
use std::sync::Arc;

/// A bounded map of shared values, such as one renewal for each issuer, or for each client, scope and resource.
///
/// It never holds more values than its cap: a new value evicts the least recently used one. A caller that holds the
/// `Arc` of an evicted value can still use it. Only the next caller with its key gets a new value. Each operation
/// takes time in the logarithm of the number of values.
///
/// ```
/// use oidc_proto::renew::{Renewal, RenewalPolicy, SharedCache};
/// use std::sync::Mutex;
///
/// // The keys of up to 100 issuers.
/// let mut issuers = SharedCache::new(100);
/// let new = || Mutex::new(Renewal::<String>::new(RenewalPolicy::KEYS));
/// let first = issuers.get_or_insert_with(&"https://op.example", new);
/// let again = issuers.get_or_insert_with(&"https://op.example", new);
/// assert!(std::sync::Arc::ptr_eq(&first, &again));
/// assert_eq!((issuers.len(), issuers.counters().hits), (1, 1));
/// ```
#[derive(Clone, Debug)]
pub struct SharedCache<K, V> {
    held: Bounded<K, Arc<V>>,
    counters: SharedCacheCounters,
}

/// Counts of events since the cache was made, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedCacheCounters {
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Values that were evicted for others.
    pub evictions: u64,
}

impl<K: Ord + Clone, V> SharedCache<K, V> {
    /// Creates a cache for up to `cap` values. A cap of 0 counts as 1.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { held: Bounded::new(cap.max(1)), counters: SharedCacheCounters::default() }
    }

    /// Returns the value of this key, if there is one. Counts as a use.
    pub fn get(&mut self, key: &K) -> Option<Arc<V>> {
        let held = self.held.get(key).cloned();
        match held {
            Some(_) => self.counters.hits += 1,
            None => self.counters.misses += 1,
        }
        held
    }

    /// Returns the value of this key, or inserts a new one. `new` should be fast: callers usually hold a lock on the
    /// cache.
    pub fn get_or_insert_with(&mut self, key: &K, new: impl FnOnce() -> V) -> Arc<V> {
        if let Some(held) = self.get(key) {
            return held;
        }
        let value = Arc::new(new());
        self.held.insert(key.clone(), Arc::clone(&value), 1);
        value
    }

    /// Removes a key, and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<Arc<V>> {
        self.held.remove(key)
    }

    /// Returns the values in the order of their keys. Does not count as a use.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Arc<V>)> {
        self.held.iter()
    }

    /// Returns the number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Returns the largest number of values.
    #[must_use]
    pub const fn cap(&self) -> usize {
        self.held.max_cost()
    }

    /// Returns the counters.
    #[must_use]
    pub const fn counters(&self) -> SharedCacheCounters {
        SharedCacheCounters { evictions: self.held.evictions(), ..self.counters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_issuers_use_no_more_room_than_the_cap() {
        let mut pool = SharedCache::new(100);
        let mine = pool.get_or_insert_with(&0, || 0);
        for issuer in 1..=10_000 {
            assert_eq!(*pool.get_or_insert_with(&issuer, || issuer), issuer);
            assert!(pool.len() <= pool.cap());
        }
        assert_eq!(*mine, 0, "an evicted value can still be used");
        assert_eq!(pool.get(&0), None);
        let SharedCacheCounters { hits, misses, evictions } = pool.counters();
        assert_eq!((hits, misses, evictions), (0, 10_002, 9_901));
    }

    #[test]
    fn a_key_in_use_outlives_a_flood_of_others() {
        let mut pool = SharedCache::new(2);
        let mine = pool.get_or_insert_with(&0, || 0);
        for issuer in 1..=100 {
            pool.get_or_insert_with(&issuer, || issuer);
            assert!(Arc::ptr_eq(&mine, &pool.get(&0).unwrap()));
        }
        assert!(pool.remove(&0).is_some() && pool.remove(&0).is_none());
        assert_eq!(SharedCache::<u8, u8>::new(0).cap(), 1);
    }
}
