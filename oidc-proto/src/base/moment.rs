//! Time and entropy, as values: [`Timestamp`] and [`Moment`].

use crate::backend::Mac;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Seconds since the Unix epoch, as `NumericDate` of RFC 7519 section 2 counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[allow(clippy::exhaustive_structs, reason = "a number with a name, now and for ever")]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time and so many seconds more (or less, if negative); saturates.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// This time and `duration` later, a fraction of a second counted as a whole one; saturates.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        self.plus(whole_seconds(duration))
    }

    /// How long it is from here to `later`; zero if `later` has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

/// A duration in seconds, a fraction counted as a whole one; saturates.
pub(crate) const fn whole_seconds(duration: Duration) -> i64 {
    let seconds = duration.as_secs().saturating_add((duration.subsec_nanos() > 0) as u64);
    if seconds > i64::MAX.unsigned_abs() { i64::MAX } else { seconds.cast_signed() }
}

/// A duration in seconds as [`whole_seconds`], no more than `most`.
pub(crate) const fn seconds_up_to(duration: Duration, most: u32) -> u32 {
    let seconds = whole_seconds(duration);
    if seconds < most as i64 { seconds as u32 } else { most }
}

/// One reading of the outside world: the time, and 32 bytes that nobody has seen before.
///
/// A literal in tests, a recording in a replay, a system call in a driver. Deliberately neither
/// `Clone` nor `Copy`: each transition consumes its own, so no `state`, `nonce` or `code_verifier`
/// can be made twice from the same entropy.
pub struct Moment {
    now: Timestamp,
    entropy: [u8; 32],
}

impl Moment {
    /// A moment at `now` with fresh `entropy` from a cryptographically secure source.
    #[must_use]
    pub const fn new(now: Timestamp, entropy: [u8; 32]) -> Self {
        Self { now, entropy }
    }

    /// The time of this moment.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The same moment, but no earlier than `time`: for a driver that has slept its full time while
    /// somebody set the clock back.
    #[must_use]
    pub fn not_before(mut self, time: Timestamp) -> Self {
        self.now = self.now.max(time);
        self
    }

    /// Two moments out of this one, at the same time, for a transition that is made of two: a flow that
    /// hands one half to a flow inside it keeps the other. Neither half tells anything of the other.
    #[must_use]
    pub fn halve(self) -> (Self, Self) {
        let (now, mut entropy) = self.split();
        let mut half = || Self::new(now, entropy.bytes());
        (half(), half())
    }

    /// The time, and a source of as many independent values as one transition needs.
    pub(crate) fn split(self) -> (Timestamp, Entropy) {
        (self.now, Entropy { seed: Mac::new(&self.entropy), used: 0 })
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment").field("now", &self.now).finish_non_exhaustive()
    }
}

/// The entropy of one [`Moment`], expanded by HMAC-SHA-256 in counter mode.
pub(crate) struct Entropy {
    seed: Mac,
    used: u32,
}

impl Entropy {
    /// 256 fresh bits in base64url: 43 characters, fit for `state`, `nonce`, and as a PKCE
    /// `code_verifier` (RFC 7636 section 4.1 recommends exactly this length).
    pub(crate) fn token(&mut self) -> String {
        super::base64url::encode(&self.bytes())
    }

    /// 256 fresh bits.
    fn bytes(&mut self) -> [u8; 32] {
        self.used += 1;
        self.seed.sign(&[&self.used.to_be_bytes()])
    }

    /// 128 fresh bits.
    pub(crate) fn salt(&mut self) -> [u8; 16] {
        let mut salt = [0; 16];
        salt.iter_mut().zip(&self.bytes()).for_each(|(to, from)| *to = *from);
        salt
    }

    /// One fresh byte, for jitter.
    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_yields_independent_values_and_the_same_ones_on_replay() {
        let draw = |entropy| {
            let (_, mut source) = Moment::new(Timestamp(1), entropy).split();
            [source.token(), source.token(), source.token()]
        };
        let [a, b, c] = draw([7; 32]);
        assert!(a != b && b != c && a != c);
        assert_eq!(a.len(), 43);
        assert_eq!(draw([7; 32]), [a.clone(), b, c]);
        assert_ne!(draw([8; 32])[0], a);
    }

    #[test]
    fn the_halves_of_a_moment_share_their_time_and_nothing_else() {
        let draw = |moment: Moment| moment.split().1.token();
        let halves = || Moment::new(Timestamp(1), [7; 32]).halve();
        let (first, second) = halves();
        assert_eq!((first.now(), second.now()), (Timestamp(1), Timestamp(1)));
        let (first, second) = (draw(first), draw(second));
        assert!(first != second && ![&first, &second].contains(&&draw(Moment::new(Timestamp(1), [7; 32]))));
        let (again, _) = halves();
        assert_eq!(draw(again), first, "the same again on replay");
        let (quarter, other) = halves().0.halve();
        assert!(![&first, &second].contains(&&draw(quarter)) && draw(other) != first);
    }

    #[test]
    fn times_saturate_and_past_waits_are_zero() {
        assert_eq!(Timestamp(i64::MAX).plus(1), Timestamp(i64::MAX));
        assert_eq!(Timestamp(1).after(Duration::from_millis(1_001)), Timestamp(3));
        assert_eq!(Timestamp(1).after(Duration::MAX), Timestamp(i64::MAX));
        assert_eq!(Timestamp(10).until(Timestamp(13)), Duration::from_secs(3));
        assert_eq!(Timestamp(13).until(Timestamp(10)), Duration::ZERO);
        assert_eq!(Timestamp(i64::MIN).until(Timestamp(i64::MAX)).as_secs(), i64::MAX.unsigned_abs());
    }

    #[test]
    fn a_clock_set_back_does_not_move_a_wake_up_into_the_past() {
        let late = Moment::new(Timestamp(5), [0; 32]).not_before(Timestamp(9));
        assert_eq!(late.now(), Timestamp(9));
    }

    #[test]
    fn debug_shows_no_entropy() {
        assert_eq!(
            format!("{:?}", Moment::new(Timestamp(5), [0xAB; 32])),
            "Moment { now: Timestamp(5), .. }"
        );
    }
}
