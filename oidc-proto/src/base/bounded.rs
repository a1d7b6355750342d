//! [`Bounded`]: a map that never grows past its bound, and forgets what was used longest ago.

use std::collections::BTreeMap;

/// A map whose entries together cost no more than its bound. To make room, it forgets the entries that
/// were used longest ago.
///
/// The cost of an entry is what its caller says: 1 each bounds their number, their length in bytes
/// bounds the memory. Every operation but [`retain`](Self::retain) takes time in the logarithm of the
/// number of entries, and each eviction too. What is forgotten depends on nothing but the calls.
#[derive(Clone, Debug)]
pub struct Bounded<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    /// By last use: the first is the first to go.
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
    /// An empty map for entries that cost no more than `max_cost` together.
    #[must_use]
    pub const fn new(max_cost: usize) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeMap::new(), uses: 0, cost: 0, max_cost, evictions: 0 }
    }

    /// The value of this key, which counts as used now.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.order.remove(&entry.used) {
            self.order.insert(self.uses, key);
        }
        entry.used = self.uses;
        Some(&entry.value)
    }

    /// The value of this key, without counting as a use.
    #[must_use]
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Holds this value, in place of an earlier one of the same key. Returns whether it is held: what
    /// costs more than the whole map may, is not, and nothing else is evicted for it.
    ///
    /// A cost of 0 counts as 1, so that the number of entries is bounded in any case.
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

    /// Gives the value of this key back, and forgets it. This is no eviction.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used);
        self.cost -= entry.cost;
        Some(entry.value)
    }

    /// Forgets every entry that is not to be kept. These are no evictions. Takes linear time.
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

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.cost = 0;
    }

    /// The entries, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What they cost together.
    #[must_use]
    pub const fn cost(&self) -> usize {
        self.cost
    }

    /// What they may cost together.
    #[must_use]
    pub const fn max_cost(&self) -> usize {
        self.max_cost
    }

    /// How many entries have been forgotten so far to make room for others.
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
    fn what_was_used_longest_ago_makes_room() {
        let mut map = Bounded::new(3);
        for key in [1, 2, 3] {
            assert!(map.insert(key, key, 1));
        }
        assert_eq!(map.get(&1), Some(&1));
        assert_eq!(map.peek(&2), Some(&2), "a look is not a use");
        assert!(map.insert(4, 4, 1));
        assert_eq!((keys(&map), map.evictions()), (vec![1, 3, 4], 1));
        assert!(map.insert(5, 5, 2), "one that costs two takes the place of two");
        assert_eq!((keys(&map), map.evictions(), map.cost()), (vec![4, 5], 3, 3));
    }

    #[test]
    fn an_entry_that_costs_more_than_all_takes_no_room() {
        let mut map = Bounded::new(3);
        assert!(map.insert(1, 1, 3), "all of it is allowed");
        assert!(!map.insert(2, 2, 4));
        assert!(!map.insert(2, 2, usize::MAX));
        assert_eq!((keys(&map), map.evictions()), (vec![1], 0));
        assert!(!map.insert(1, 9, 4), "but the earlier value of its key is wrong now, and gone");
        assert!(map.is_empty() && map.cost() == 0);
        assert!(!Bounded::new(0).insert(1, 1, 0), "nothing fits into nothing");
    }

    #[test]
    fn what_costs_nothing_is_still_counted() {
        let mut map = Bounded::new(2);
        for key in 0..100 {
            assert!(map.insert(key, 0, 0));
        }
        assert_eq!((map.len(), map.cost(), map.evictions()), (2, 2, 98));
    }

    /// The same map, as slow and simple as can be: a list by last use.
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
    fn over_random_calls_it_is_a_list_by_last_use() {
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
