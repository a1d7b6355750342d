//! [`ReplayWindow`]: lets a message be used only once. Such messages are DPoP proofs (RFC 9449 section 11.1), logout
//! tokens and client assertions.
//!
//! Checking and remembering are one operation on `&mut self`, so no second use can pass between them. A store that
//! several nodes share does the same in one command, such as Redis' `SET NX` with an expiry. It uses the same
//! [`ReplayKey`] and gives the same [`ReplayAnswer`].

use crate::{
    backend::Fingerprint,
    base::{base64url, moment::Timestamp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The default number of messages that a window remembers. A full window takes 32 MB if few senders fill it, and 45 MB
/// if each message has a sender of its own. One client can then send a
/// thousand proofs a second, each of which is accepted for 90 seconds by default.
pub const DEFAULT_REPLAY_ENTRIES: usize = 200_000;

/// The maximum number of messages that are forgotten at once. A call adds one message at most, so the window shrinks all
/// the same. Without a limit, the first call after a quiet hour would forget a whole window, and all others would wait.
const MAX_FORGOTTEN: usize = 32;

/// How often one call forgets before it answers that there is no room.
const MAX_ROUNDS: usize = 32;

/// The identity of a message that may be used once, and how long to remember it.
///
/// ```
/// use oidc_proto::{Timestamp, sender::ReplayKey};
///
/// // The key of a logout token, by its issuer and `jti`; remember it until the token expires:
/// let key = ReplayKey::new("logout_token", "https://op.example", &["bWJq"], Timestamp(1_800_000_120));
/// // The arguments of a shared store, such as Redis' `SET <text> 1 NX EXAT <until>`:
/// let (text, until) = (key.to_text(), key.until.0);
/// assert_eq!((text.len(), until), (43, 1_800_000_120));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReplayKey {
    /// A hash of the purpose, the sender and the identifier of the message.
    pub key: [u8; 32],
    /// A hash of the purpose and the sender. The window divides its room among senders by it.
    pub holder: [u8; 32],
    /// The last second in which the message could be accepted.
    pub until: Timestamp,
}

impl ReplayKey {
    /// Makes the key of a message.
    ///
    /// * `purpose`: a constant of the program, such as `"logout_token"`.
    /// * `sender`: for example an issuer.
    /// * `identifier`: the identifier that the sender gave the message, in as many parts as it has.
    /// * `until`: the last second in which the message could be accepted.
    ///
    /// The keys of two purposes or two senders are never equal. The key of a message is the same on every machine.
    #[must_use]
    pub fn new(purpose: &str, sender: &str, identifier: &[&str], until: Timestamp) -> Self {
        let of_sender = || {
            let mut hash = Fingerprint::new();
            hash.text(Some(purpose)).text(Some(sender));
            hash
        };
        let mut hash = of_sender();
        for part in identifier {
            hash.text(Some(part));
        }
        Self { key: hash.finish(), holder: of_sender().finish(), until }
    }

    /// Returns the key as text, for a store that needs text: 43 characters of base64url.
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

/// Whether a message is used for the first time: the answer of a [`ReplayWindow`] or of a shared store.
///
/// ```
/// use oidc_proto::sender::ReplayAnswer;
///
/// /// Translates the answer of a shared store: whether `SET NX` has set the key.
/// fn answer(set: Result<bool, std::io::Error>) -> ReplayAnswer {
///     match set {
///         Ok(true) => ReplayAnswer::First,
///         Ok(false) => ReplayAnswer::Replayed,
///         Err(_) => ReplayAnswer::Unknown, // Never `First`: an outage must not let replays pass.
///     }
/// }
///
/// assert_eq!(answer(Ok(true)), ReplayAnswer::First);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum ReplayAnswer {
    /// The message is used for the first time, and is now remembered.
    First,
    /// The message has been used before.
    Replayed,
    /// There is no answer: the window is full, the sender has used up its share of the room, or the store cannot be
    /// reached. Refuse the message.
    Unknown,
}

/// A memory of used messages, for one node. It is bounded and needs no timer. One window may serve several purposes:
/// see [`ReplayKey::new`].
///
/// **No sender can take all the room.** A sender may add a message only while it has fewer here than there are free
/// places. So a single sender gets half of the room. If several want more than there is, each gets an equal share, and
/// another share stays free for the next one. A client that floods an API is refused, and the others are not.
///
/// ```
/// use oidc_proto::{
///     Timestamp,
///     sender::{ReplayAnswer, ReplayKey, ReplayWindow},
/// };
///
/// let mut window = ReplayWindow::with_capacity(1000);
/// let token = ReplayKey::new("logout_token", "https://op.example", &["bWJq"], Timestamp(1_800_000_120));
/// assert_eq!(window.first_use(token, Timestamp(1_800_000_000)), ReplayAnswer::First);
/// assert_eq!(window.first_use(token, Timestamp(1_800_000_001)), ReplayAnswer::Replayed);
/// ```
pub struct ReplayWindow {
    capacity: usize,
    used: BTreeMap<[u8; 32], [u8; 32]>,
    holders: BTreeMap<[u8; 32], usize>,
    by_end: BTreeSet<(Timestamp, [u8; 32])>,
    /// The latest end of a forgotten message. Messages that end at this time or earlier may have been forgotten.
    forgotten: Option<Timestamp>,
}

impl ReplayWindow {
    /// Makes an empty window with room for [`DEFAULT_REPLAY_ENTRIES`] messages.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_REPLAY_ENTRIES)
    }

    /// Makes an empty window with room for this many messages. It takes memory as it fills.
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

    /// Remembers the use of a message, and returns whether it is the first. The window forgets a message only when the
    /// message could no longer be accepted. If it has no room, it answers [`ReplayAnswer::Unknown`].
    ///
    /// One call forgets at most 32 messages. If there is still no room, it forgets up to 1,024 before it answers so.
    pub fn first_use(&mut self, message: ReplayKey, now: Timestamp) -> ReplayAnswer {
        for _ in 0..MAX_ROUNDS {
            let forgets_more = self.forget(now);
            // A clock that was set back must not bring a forgotten message back to life.
            if self.used.contains_key(&message.key) || Some(message.until) <= self.forgotten {
                return ReplayAnswer::Replayed;
            }
            let left = self.capacity.saturating_sub(self.used.len());
            if self.holders.get(&message.holder).copied().unwrap_or(0) < left {
                *self.holders.entry(message.holder).or_default() += 1;
                self.used.insert(message.key, message.holder);
                self.by_end.insert((message.until, message.key));
                return ReplayAnswer::First;
            }
            if !forgets_more {
                break;
            }
        }
        ReplayAnswer::Unknown
    }

    /// Forgets some of the messages that have ended. Returns whether there may be more of them.
    fn forget(&mut self, now: Timestamp) -> bool {
        for _ in 0..MAX_FORGOTTEN {
            let Some(&(until, key)) = self.by_end.first().filter(|(until, _)| *until < now) else {
                return false;
            };
            self.by_end.pop_first();
            if let Some(holder) = self.used.remove(&key) {
                self.leave(&holder);
            }
            self.forgotten = self.forgotten.max(Some(until));
        }
        true
    }

    /// Counts one message less of this sender.
    fn leave(&mut self, holder: &[u8; 32]) {
        if let Some(count) = self.holders.get_mut(holder) {
            *count -= 1;
            if *count == 0 {
                self.holders.remove(holder);
            }
        }
    }

    /// Returns the number of remembered messages. Some of them may have ended, and are not forgotten yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether no message is remembered.
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

    /// Sends a hundred proofs of this key, and returns how many find room.
    fn flood(window: &mut ReplayWindow, holder: u8, from: u8) -> usize {
        let firsts = (0..100).map(|id| window.first_use(of(holder, from + id, 100), Timestamp(0)));
        firsts.filter(|answer| *answer == ReplayAnswer::First).count()
    }

    /// Nodes that share a store must agree on the keys, whatever their platform or version.
    #[test]
    fn the_key_of_a_proof_is_the_same_on_every_machine() {
        let (jkt, jti) = ("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "-BwC3ESc6acc2lTc");
        let htu = "https://resource.example.org/protectedresource";
        let key = ReplayKey::new("dpop", jkt, &[jti, htu], Timestamp(7));
        assert_eq!(key.to_text(), "0gYOCskUwGyqKQQLdSvDIn4DuE9-iDFUBNMD7I9yMUs");
        assert_eq!(base64url::encode(&key.holder), "VGYxUgM21DiMOheqsNEkF1wV7AU5FsVuUQXLHQT6_wY");
    }

    #[test]
    fn a_key_that_floods_the_window_leaves_room_for_others() {
        let mut window = ReplayWindow::with_capacity(60);
        assert_eq!(flood(&mut window, 1, 0), 30, "half of the room");
        assert_eq!(window.first_use(of(2, 200, 100), Timestamp(0)), ReplayAnswer::First);
        assert_eq!(flood(&mut window, 3, 100), 15, "half of the rest");
        assert_eq!(window.first_use(of(2, 201, 100), Timestamp(0)), ReplayAnswer::First);
        assert_eq!(
            window.first_use(of(1, 0, 100), Timestamp(0)),
            ReplayAnswer::Replayed,
            "and nothing is forgotten"
        );
        assert_eq!(
            window.first_use(of(1, 99, 200), Timestamp(101)),
            ReplayAnswer::First,
            "only time makes room"
        );
        assert_eq!(window.len(), 48 - MAX_FORGOTTEN, "which is made step by step");
        assert_eq!(window.first_use(of(1, 99, 200), Timestamp(101)), ReplayAnswer::Replayed);
        assert_eq!((window.len(), window.holders.len()), (1, 1));
    }

    #[test]
    fn d17_the_window_is_bounded_purged_by_time_and_fails_closed() {
        let mut window = ReplayWindow::with_capacity(2);
        assert_eq!(window.first_use(proof(1, 100), Timestamp(50)), ReplayAnswer::First);
        assert_eq!(window.first_use(proof(1, 100), Timestamp(100)), ReplayAnswer::Replayed);
        assert_eq!(window.first_use(proof(2, 110), Timestamp(100)), ReplayAnswer::First);
        assert_eq!(window.first_use(proof(3, 120), Timestamp(100)), ReplayAnswer::Unknown);
        assert_eq!(
            window.first_use(proof(1, 100), Timestamp(100)),
            ReplayAnswer::Replayed,
            "none was forgotten"
        );
        assert_eq!(window.len(), 2);
        assert_eq!(
            window.first_use(proof(3, 120), Timestamp(101)),
            ReplayAnswer::First,
            "only time makes room"
        );
        assert_eq!(window.len(), 2);
        assert_eq!(
            ReplayWindow::with_capacity(0).first_use(proof(1, 9), Timestamp(0)),
            ReplayAnswer::Unknown
        );
    }

    fn numbered(holder: u32, id: u32, until: i64) -> ReplayKey {
        let bytes = |number: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            bytes
        };
        ReplayKey { key: bytes(id), holder: bytes(holder), until: Timestamp(until) }
    }

    /// A window with `count` messages of senders that send `each`.
    fn filled(capacity: usize, count: u32, each: u32) -> ReplayWindow {
        let mut window = ReplayWindow::with_capacity(capacity);
        for id in 0..count {
            let answer = window.first_use(numbered(id / each, id, 100), Timestamp(0));
            assert_eq!(answer, ReplayAnswer::First, "{id}");
        }
        window
    }

    #[test]
    fn one_call_forgets_a_bounded_number_of_messages_and_calls_drain_the_window() {
        for (count, each) in [(31, 1), (1_000, 1), (5_000, 100), (20_000, 20_000)] {
            let mut window = filled(100_000, count, each);
            let (mut before, mut calls) = (window.len(), 0);
            while window.used.values().any(|holder| *holder != [0xff; 32]) {
                let probe = ReplayKey { holder: [0xff; 32], ..numbered(0, 1_000_000 + calls, 300) };
                assert_eq!(window.first_use(probe, Timestamp(200)), ReplayAnswer::First);
                let forgotten = before + 1 - window.len();
                assert!(forgotten <= MAX_FORGOTTEN, "{forgotten}");
                (before, calls) = (window.len(), calls + 1);
            }
            assert_eq!(calls, count.div_ceil(32), "{count}");
            assert_eq!(window.len(), usize::try_from(calls).unwrap());
            // What was forgotten is not alive again, and what has ended and is not forgotten is refused, too.
            assert_eq!(window.first_use(numbered(0, 0, 100), Timestamp(0)), ReplayAnswer::Replayed);
        }
    }

    /// The first sender filled half of the window, and many others the rest. When all have ended, the first sender has
    /// room again, although only a part of its messages is forgotten at once.
    #[test]
    fn a_sender_whose_messages_have_ended_waits_for_a_bounded_number_of_calls() {
        let mut window = filled(4_000, 2_000, 2_000);
        for sender in 1..2_000 {
            let answer = window.first_use(numbered(sender, 10_000 + sender, 100), Timestamp(0));
            assert_eq!(answer, ReplayAnswer::First);
        }
        assert_eq!(window.first_use(numbered(0, 2_000, 100), Timestamp(0)), ReplayAnswer::Unknown);
        assert_eq!(window.len(), 3_999, "nothing has ended, so nothing is forgotten");
        let answers: Vec<_> = (0..3)
            .map(|call| {
                let before = window.len();
                let answer = window.first_use(numbered(0, 20_000 + call, 300), Timestamp(200));
                assert!(before - window.len() <= MAX_FORGOTTEN * MAX_ROUNDS);
                answer
            })
            .collect();
        assert_eq!(answers.last(), Some(&ReplayAnswer::First), "{answers:?}");
    }

    #[test]
    fn a_clock_set_back_or_far_ahead_lets_nothing_pass_twice_and_recovers() {
        let mut window = ReplayWindow::new();
        assert_eq!(window.first_use(proof(1, 190), Timestamp(100)), ReplayAnswer::First);
        assert_eq!(
            window.first_use(proof(2, 9_000), Timestamp(8_950)),
            ReplayAnswer::First,
            "the clock leaps"
        );
        assert_eq!(
            window.first_use(proof(1, 190), Timestamp(101)),
            ReplayAnswer::Replayed,
            "and is set back"
        );
        assert_eq!(window.first_use(proof(3, 191), Timestamp(101)), ReplayAnswer::First);
    }

    #[test]
    fn under_any_clock_no_proof_is_first_twice_and_the_window_never_overflows() {
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
                firsts[id] += usize::from(answer == ReplayAnswer::First);
                assert!(window.len() <= capacity && window.len() == window.by_end.len());
                assert_eq!(window.len(), window.holders.values().sum::<usize>());
            }
            assert!(firsts.iter().all(|count| *count <= 1), "{firsts:?}");
        }
    }

    #[test]
    fn keys_differ_if_any_part_does() {
        let key = |purpose, who, id: &[&str]| ReplayKey::new(purpose, who, id, Timestamp(0)).key;
        let all = [
            key("a", "b", &["c", "d"]),
            key("ab", "", &["c", "d"]),
            key("a", "bc", &["", "d"]),
            key("", "ab", &["c", "d"]),
            key("a", "b", &["cd"]),
            key("a", "b", &["cd", ""]),
            key("a", "b", &[]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| one != other));
        }
    }

    #[test]
    fn one_window_serves_two_purposes_and_neither_disturbs_the_other() {
        let of = |purpose, id: &str| ReplayKey::new(purpose, "https://op.example", &[id], Timestamp(100));
        let mut window = ReplayWindow::with_capacity(8);
        for purpose in ["logout_token", "client_assertion"] {
            assert_eq!(window.first_use(of(purpose, "1"), Timestamp(0)), ReplayAnswer::First, "{purpose}");
            assert_eq!(window.first_use(of(purpose, "1"), Timestamp(0)), ReplayAnswer::Replayed, "{purpose}");
        }
        // Moving a letter from one part to another makes another key.
        let moved = ReplayKey::new("logout_tokenh", "ttps://op.example", &["1"], Timestamp(100));
        assert_eq!(window.first_use(moved, Timestamp(0)), ReplayAnswer::First);
        let flood = (2..20).map(|id| window.first_use(of("logout_token", &id.to_string()), Timestamp(0)));
        assert!(flood.last() == Some(ReplayAnswer::Unknown));
        assert_eq!(
            window.first_use(of("client_assertion", "2"), Timestamp(0)),
            ReplayAnswer::First,
            "room of its own"
        );
    }
}
