//! [`SharedCache`]: what is renewed for many issuers, or many tokens, in bounded room.

use crate::base::bounded::Bounded;
use std::sync::Arc;

/// A bounded map of shared values: one for each issuer, or for each client, scope and resource.
///
/// It never holds more than its cap; the value that was used longest ago makes room for a new one.
/// Whoever holds an `Arc` keeps their value and finishes with it undisturbed: only the next caller of
/// an evicted key starts anew. All operations take time in the logarithm of the cap.
#[derive(Clone, Debug)]
pub struct SharedCache<K, V> {
    held: Bounded<K, Arc<V>>,
    counters: SharedCacheCounters,
}

/// What has happened so far, to be read by metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedCacheCounters {
    /// Keys that were there.
    pub hits: u64,
    /// Keys that were not.
    pub misses: u64,
    /// Values that made room for others.
    pub evictions: u64,
}

impl<K: Ord + Clone, V> SharedCache<K, V> {
    /// A pool of no more than this many values; of one, if it is zero.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { held: Bounded::new(cap.max(1)), counters: SharedCacheCounters::default() }
    }

    /// The value of this key, if it is there. Counts as a use.
    pub fn get(&mut self, key: &K) -> Option<Arc<V>> {
        let held = self.held.get(key).cloned();
        match held {
            Some(_) => self.counters.hits += 1,
            None => self.counters.misses += 1,
        }
        held
    }

    /// The value of this key; a new one, if there is none. Do nothing slow in `new`.
    pub fn get_or_insert_with(&mut self, key: &K, new: impl FnOnce() -> V) -> Arc<V> {
        if let Some(held) = self.get(key) {
            return held;
        }
        let value = Arc::new(new());
        self.held.insert(key.clone(), Arc::clone(&value), 1);
        value
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &K) -> Option<Arc<V>> {
        self.held.remove(key)
    }

    /// The values, by key. Does not count as a use.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Arc<V>)> {
        self.held.iter()
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many there may be.
    #[must_use]
    pub const fn cap(&self) -> usize {
        self.held.max_cost()
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counters(&self) -> SharedCacheCounters {
        SharedCacheCounters { evictions: self.held.evictions(), ..self.counters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_issuers_take_the_room_of_the_cap_and_break_nobody() {
        let mut pool = SharedCache::new(100);
        let mine = pool.get_or_insert_with(&0, || 0);
        for issuer in 1..=10_000 {
            assert_eq!(*pool.get_or_insert_with(&issuer, || issuer), issuer);
            assert!(pool.len() <= pool.cap());
        }
        assert_eq!(*mine, 0, "who holds an evicted value keeps it");
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
