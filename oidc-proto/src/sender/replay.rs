//! [`ReplayWindow`]: a proof is used once (RFC 9449 section 11.1).
//!
//! Checking and remembering are one operation on `&mut self`: there is no moment between them in which
//! a second use could pass. A store that several nodes share does the same with one command, such as
//! Redis' `SET NX` with an expiry, on the same [`ReplayKey`], and answers with the same [`Use`].

use crate::{
    base::{base64url, moment::Timestamp},
    jose::sha256,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// How many proofs a window remembers unless set otherwise: some 30 MB when it is full, and a thousand
/// proofs a second of one key for the 90 seconds that a proof is accepted by default.
pub const DEFAULT_REPLAY_ENTRIES: usize = 200_000;

/// What a proof is remembered by, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReplayKey {
    /// A hash of the key, the identifier and the target of the proof.
    pub key: [u8; 32],
    /// A hash of the key alone: whose proof it is.
    pub holder: [u8; 32],
    /// The last second in which the proof could be accepted.
    pub until: Timestamp,
}

impl ReplayKey {
    /// For a proof of this key (`jkt`), with this identifier (`jti`), for this target (`htu`,
    /// normalized), that could be accepted until then.
    pub(super) fn new(jkt: &str, jti: &str, htu: &str, until: Timestamp) -> Self {
        let mut text = Vec::with_capacity(jkt.len() + jti.len() + htu.len() + 24);
        for part in [jkt, jti, htu] {
            // The same on machines of any word size: nodes of both may share a store.
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        Self { key: sha256(&text), holder: sha256(jkt.as_bytes()), until }
    }

    /// The key as text, for a store that wants one.
    #[must_use]
    pub fn to_text(self) -> String {
        base64url::encode(&self.key)
    }
}

impl fmt::Debug for ReplayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayKey").field("key", &self.to_text()).field("until", &self.until).finish()
    }
}

/// Whether a proof is used for the first time: the answer of a [`ReplayWindow`], or of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Use {
    /// It is, and is remembered from now on.
    First,
    /// It has been used before.
    Replayed,
    /// Nobody knows: there is no room to remember it, its key has taken its share of the room, or the store
    /// cannot be reached.
    Full,
}

/// The proofs that have been used and could be used again: in memory, bounded, without a timer.
///
/// **Nobody takes all the room.** Each key may have as many proofs here as there is room left: alone, it
/// gets half of it; of several that want more than there is, each gets the same, and as much stays free
/// for the next. So a client that floods an API is refused, and others are not.
pub struct ReplayWindow {
    capacity: usize,
    used: BTreeMap<[u8; 32], [u8; 32]>,
    holders: BTreeMap<[u8; 32], usize>,
    by_end: BTreeSet<(Timestamp, [u8; 32])>,
    /// Everything up to here may have been forgotten.
    forgotten: Option<Timestamp>,
}

impl ReplayWindow {
    /// An empty window of [`DEFAULT_REPLAY_ENTRIES`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_REPLAY_ENTRIES)
    }

    /// An empty window that remembers so many proofs at once; memory is taken as it fills.
    #[must_use]
    pub const fn with_capacity(entries: usize) -> Self {
        Self {
            capacity: entries,
            used: BTreeMap::new(),
            holders: BTreeMap::new(),
            by_end: BTreeSet::new(),
            forgotten: None,
        }
    }

    /// Notes the use of a proof, and says whether it is the first. When the room is taken by proofs that
    /// could still be accepted, it answers [`Use::Full`] and forgets none of them.
    pub fn first_use(&mut self, proof: ReplayKey, now: Timestamp) -> Use {
        while let Some(&(until, key)) = self.by_end.first().filter(|(until, _)| *until < now) {
            self.by_end.pop_first();
            if let Some(holder) = self.used.remove(&key) {
                self.leave(&holder);
            }
            self.forgotten = self.forgotten.max(Some(until));
        }
        // A clock that was set back must not bring a forgotten proof back to life.
        if self.used.contains_key(&proof.key) || Some(proof.until) <= self.forgotten {
            return Use::Replayed;
        }
        let left = self.capacity.saturating_sub(self.used.len());
        if self.holders.get(&proof.holder).copied().unwrap_or(0) >= left {
            return Use::Full;
        }
        *self.holders.entry(proof.holder).or_default() += 1;
        self.used.insert(proof.key, proof.holder);
        self.by_end.insert((proof.until, proof.key));
        Use::First
    }

    /// One proof less of this key.
    fn leave(&mut self, holder: &[u8; 32]) {
        if let Some(count) = self.holders.get_mut(holder) {
            *count -= 1;
            if *count == 0 {
                self.holders.remove(holder);
            }
        }
    }

    /// How many proofs are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ReplayWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayWindow")
            .field("entries", &self.used.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(id: u8, until: i64) -> ReplayKey {
        of(id, id, until)
    }

    fn of(holder: u8, id: u8, until: i64) -> ReplayKey {
        ReplayKey { key: [id; 32], holder: [holder; 32], until: Timestamp(until) }
    }

    /// How many proofs of this key find room, one after the other.
    fn flood(window: &mut ReplayWindow, holder: u8, from: u8) -> usize {
        let firsts = (0..100).map(|id| window.first_use(of(holder, from + id, 100), Timestamp(0)));
        firsts.filter(|answer| *answer == Use::First).count()
    }

    /// What nodes that share a store must agree on: whatever they are built for, and by whichever version.
    #[test]
    fn the_key_of_a_proof_is_the_same_on_every_machine() {
        let (jkt, jti) = ("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "-BwC3ESc6acc2lTc");
        let htu = "https://resource.example.org/protectedresource";
        let key = ReplayKey::new(jkt, jti, htu, Timestamp(7));
        assert_eq!(key.to_text(), "mfG51I50nga3FCB2ta1p6YgUeTSD7AUCOJVsHWGPh8Y");
        assert_eq!(base64url::encode(&key.holder), "L8NHBukaKRbosI1SHcThc557A5atkrjNwj83_4NoPUo");
    }

    #[test]
    fn a_key_that_floods_the_window_leaves_room_for_others() {
        let mut window = ReplayWindow::with_capacity(60);
        assert_eq!(flood(&mut window, 1, 0), 30, "half of it");
        assert_eq!(window.first_use(of(2, 200, 100), Timestamp(0)), Use::First);
        assert_eq!(flood(&mut window, 3, 100), 15, "half of the rest");
        assert_eq!(window.first_use(of(2, 201, 100), Timestamp(0)), Use::First);
        assert_eq!(window.first_use(of(1, 0, 100), Timestamp(0)), Use::Replayed, "and nothing is forgotten");
        assert_eq!(window.first_use(of(1, 99, 200), Timestamp(101)), Use::First, "room by time alone");
        assert_eq!((window.len(), window.holders.len()), (1, 1));
    }

    #[test]
    fn d17_the_window_is_bounded_purged_by_time_and_fails_closed() {
        let mut window = ReplayWindow::with_capacity(2);
        assert_eq!(window.first_use(proof(1, 100), Timestamp(50)), Use::First);
        assert_eq!(window.first_use(proof(1, 100), Timestamp(100)), Use::Replayed);
        assert_eq!(window.first_use(proof(2, 110), Timestamp(100)), Use::First);
        assert_eq!(window.first_use(proof(3, 120), Timestamp(100)), Use::Full);
        assert_eq!(window.first_use(proof(1, 100), Timestamp(100)), Use::Replayed, "none was forgotten");
        assert_eq!(window.len(), 2);
        assert_eq!(window.first_use(proof(3, 120), Timestamp(101)), Use::First, "room by time alone");
        assert_eq!(window.len(), 2);
        assert_eq!(ReplayWindow::with_capacity(0).first_use(proof(1, 9), Timestamp(0)), Use::Full);
    }

    #[test]
    fn a_clock_set_back_or_far_ahead_lets_nothing_pass_twice_and_recovers() {
        let mut window = ReplayWindow::new();
        assert_eq!(window.first_use(proof(1, 190), Timestamp(100)), Use::First);
        assert_eq!(window.first_use(proof(2, 9_000), Timestamp(8_950)), Use::First, "the clock leaps");
        assert_eq!(window.first_use(proof(1, 190), Timestamp(101)), Use::Replayed, "and is set back");
        assert_eq!(window.first_use(proof(3, 191), Timestamp(101)), Use::First);
    }

    #[test]
    fn whatever_the_clock_does_no_proof_is_first_twice_and_the_window_never_overflows() {
        let mut state = 7_u64;
        let mut draw = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        for _ in 0..200 {
            let capacity = 1 + usize::try_from(draw(6)).unwrap();
            let mut window = ReplayWindow::with_capacity(capacity);
            let ends: Vec<i64> = (0..12).map(|_| draw(100).try_into().unwrap()).collect();
            let mut firsts = [0; 12];
            for _ in 0..100 {
                let id = usize::try_from(draw(12)).unwrap();
                let answer = window.first_use(
                    of(u8::try_from(id % 3).unwrap(), u8::try_from(id).unwrap(), ends[id]),
                    Timestamp(draw(120).try_into().unwrap()),
                );
                firsts[id] += usize::from(answer == Use::First);
                assert!(window.len() <= capacity && window.len() == window.by_end.len());
                assert_eq!(window.len(), window.holders.values().sum::<usize>());
            }
            assert!(firsts.iter().all(|count| *count <= 1), "{firsts:?}");
        }
    }

    #[test]
    fn keys_differ_if_any_part_does() {
        let key = |jkt, jti, htu| ReplayKey::new(jkt, jti, htu, Timestamp(0)).key;
        let all = [key("a", "b", "c"), key("ab", "", "c"), key("a", "bc", ""), key("", "ab", "c")];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| one != other));
        }
    }
}
