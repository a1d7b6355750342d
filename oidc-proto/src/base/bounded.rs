//! [`Bounded`]: a map with a limit, which forgets the least recently used entries.

use std::collections::BTreeMap;

/// A map whose entries together cost no more than a limit. To make room, it forgets the least recently used
/// entries.
///
/// The caller sets the cost of each entry. A cost of 1 each limits the number of entries; their length in bytes
/// limits the memory. A call of `get`, `peek`, `insert` or `remove` takes time in the logarithm of the number of
/// entries, and so does each eviction. The evicted entries depend on the calls alone, not on a clock.
///
/// ```
/// use oidc_proto::base::Bounded;
///
/// let mut sessions = Bounded::new(2);
/// sessions.insert("alice", 1, 1);
/// sessions.insert("bob", 2, 1);
/// sessions.get(&"alice");
/// sessions.insert("carol", 3, 1);
///
/// assert_eq!(sessions.peek(&"bob"), None, "bob was used longest ago");
/// assert_eq!((sessions.len(), sessions.evictions()), (2, 1));
/// ```
#[derive(Clone, Debug)]
pub struct Bounded<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    /// The keys in the order of their last use. The first key is evicted first.
    order: BTreeMap<u64, K>,
    uses: u64,
    cost: usize,
    max_cost: usize,
    evictions: u64,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    value: V,
    cost: usize,
    used: u64,
}

impl<K: Ord + Clone, V> Bounded<K, V> {
    /// Creates an empty map whose entries together may cost `max_cost`.
    #[must_use]
    pub const fn new(max_cost: usize) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeMap::new(), uses: 0, cost: 0, max_cost, evictions: 0 }
    }

    /// Returns the value of this key. This counts as a use.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.order.remove(&entry.used) {
            self.order.insert(self.uses, key);
        }
        entry.used = self.uses;
        Some(&entry.value)
    }

    /// Returns the value of this key. This does not count as a use.
    #[must_use]
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Stores a value, and removes an earlier value of the same key. Returns whether the value is stored.
    ///
    /// A value that alone costs more than the limit is not stored, and no other entry is evicted for it. A cost
    /// of 0 counts as 1, so the number of entries is always bounded.
    pub fn insert(&mut self, key: K, value: V, cost: usize) -> bool {
        self.remove(&key);
        let cost = cost.max(1);
        let Some(room) = self.max_cost.checked_sub(cost) else { return false };
        while self.cost > room && self.evict() {}
        self.uses += 1;
        self.cost += cost;
        self.order.insert(self.uses, key.clone());
        self.entries.insert(key, Entry { value, cost, used: self.uses });
        true
    }

    /// Removes the value of this key and returns it. This does not count as an eviction.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used);
        self.cost -= entry.cost;
        Some(entry.value)
    }

    /// Removes every entry for which `keep` returns `false`. These do not count as evictions. Takes time linear in
    /// the number of entries.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let (order, cost) = (&mut self.order, &mut self.cost);
        self.entries.retain(|key, entry| {
            let kept = keep(key, &entry.value);
            if !kept {
                order.remove(&entry.used);
                *cost -= entry.cost;
            }
            kept
        });
    }

    /// Removes all entries. These do not count as evictions.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.cost = 0;
    }

    /// Returns the entries in the order of their keys. This does not count as a use.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the map has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The cost of all entries together.
    #[must_use]
    pub const fn cost(&self) -> usize {
        self.cost
    }

    /// The limit of the cost of all entries together.
    #[must_use]
    pub const fn max_cost(&self) -> usize {
        self.max_cost
    }

    /// The number of entries that were evicted so far to make room for other entries.
    #[must_use]
    pub const fn evictions(&self) -> u64 {
        self.evictions
    }

    fn evict(&mut self) -> bool {
        let Some((_, key)) = self.order.pop_first() else { return false };
        if let Some(entry) = self.entries.remove(&key) {
            self.cost -= entry.cost;
            self.evictions += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(map: &Bounded<u8, u8>) -> Vec<u8> {
        map.iter().map(|(key, _)| *key).collect()
    }

    #[test]
    fn the_least_recently_used_entry_makes_room() {
        let mut map = Bounded::new(3);
        for key in [1, 2, 3] {
            assert!(map.insert(key, key, 1));
        }
        assert_eq!(map.get(&1), Some(&1));
        assert_eq!(map.peek(&2), Some(&2), "peek does not count as a use");
        assert!(map.insert(4, 4, 1));
        assert_eq!((keys(&map), map.evictions()), (vec![1, 3, 4], 1));
        assert!(map.insert(5, 5, 2), "an entry of cost 2 replaces two entries of cost 1");
        assert_eq!((keys(&map), map.evictions(), map.cost()), (vec![4, 5], 3, 3));
    }

    #[test]
    fn an_entry_that_costs_more_than_the_limit_is_not_stored() {
        let mut map = Bounded::new(3);
        assert!(map.insert(1, 1, 3), "an entry may use the whole limit");
        assert!(!map.insert(2, 2, 4));
        assert!(!map.insert(2, 2, usize::MAX));
        assert_eq!((keys(&map), map.evictions()), (vec![1], 0));
        assert!(!map.insert(1, 9, 4), "the earlier value of the key is outdated, so it is removed");
        assert!(map.is_empty() && map.cost() == 0);
        assert!(!Bounded::new(0).insert(1, 1, 0), "a map with the limit 0 stores nothing");
    }

    #[test]
    fn an_entry_without_cost_is_still_counted() {
        let mut map = Bounded::new(2);
        for key in 0..100 {
            assert!(map.insert(key, 0, 0));
        }
        assert_eq!((map.len(), map.cost(), map.evictions()), (2, 2, 98));
    }

    /// A slow and simple model of the map: a list in the order of the last use.
    struct Model(Vec<(u8, u8, usize)>, u64);

    impl Model {
        fn insert(&mut self, key: u8, value: u8, cost: usize, max: usize) {
            self.0.retain(|entry| entry.0 != key);
            if cost > max {
                return;
            }
            while self.0.iter().map(|entry| entry.2).sum::<usize>() + cost > max {
                self.0.remove(0);
                self.1 += 1;
            }
            self.0.push((key, value, cost));
        }
        fn get(&mut self, key: u8) -> Option<u8> {
            let at = self.0.iter().position(|entry| entry.0 == key)?;
            let entry = self.0.remove(at);
            self.0.push(entry);
            Some(entry.1)
        }
    }

    #[test]
    fn random_calls_give_the_same_results_as_the_model() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut draw = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u8::try_from(state % below).unwrap()
        };
        for max in [0, 1, 5, 40] {
            let (mut map, mut model) = (Bounded::new(max), Model(Vec::new(), 0));
            for _ in 0..5_000 {
                let (key, value, cost) = (draw(30), draw(250), 1 + usize::from(draw(6)));
                match draw(20) {
                    0..8 => {
                        assert_eq!(map.insert(key, value, cost), cost <= max);
                        model.insert(key, value, cost, max);
                    }
                    8..17 => assert_eq!(map.get(&key).copied(), model.get(key)),
                    17..19 => {
                        let held = model.0.iter().find(|entry| entry.0 == key).map(|entry| entry.1);
                        assert_eq!(map.remove(&key), held);
                        model.0.retain(|entry| entry.0 != key);
                    }
                    _ => {
                        map.retain(|key, value| (key ^ value) & 3 != 0);
                        model.0.retain(|(key, value, _)| (key ^ value) & 3 != 0);
                    }
                }
                let cost: usize = model.0.iter().map(|entry| entry.2).sum();
                assert_eq!((map.len(), map.cost(), map.evictions()), (model.0.len(), cost, model.1));
                assert!(map.cost() <= max && map.order.len() == map.entries.len());
            }
        }
    }
}
