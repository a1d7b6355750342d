//! [`Timestamp`] and [`Moment`]: time and entropy as values, so that no code of this library reads a clock.

use crate::backend::Mac;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// A point in time: whole seconds since the Unix epoch, like the `NumericDate` of RFC 7519 section 2.
///
/// ```
/// use oidc_proto::Timestamp;
/// use std::time::Duration;
///
/// let issued = Timestamp(1_700_000_000);
/// let expires = issued.after(Duration::from_secs(300));
/// assert_eq!(expires, Timestamp(1_700_000_300));
/// assert_eq!(issued.until(expires), Duration::from_secs(300));
/// assert_eq!(expires.until(issued), Duration::ZERO, "it has passed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[allow(clippy::exhaustive_structs, reason = "a number with a name: it never gets another field")]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the time that is `seconds` later, or earlier if `seconds` is negative. Saturates.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Returns the time that is `duration` later. A fraction of a second is rounded up. Saturates.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        self.plus(whole_seconds(duration))
    }

    /// Returns the duration from this time to `later`, or zero if `later` is not after this time.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

/// Converts a duration to seconds. A fraction is rounded up. Saturates.
pub(crate) const fn whole_seconds(duration: Duration) -> i64 {
    let seconds = duration.as_secs().saturating_add((duration.subsec_nanos() > 0) as u64);
    if seconds > i64::MAX.unsigned_abs() { i64::MAX } else { seconds.cast_signed() }
}

/// Converts a duration to seconds like [`whole_seconds`], but to no more than `most`.
pub(crate) const fn seconds_up_to(duration: Duration, most: u32) -> u32 {
    let seconds = whole_seconds(duration);
    if seconds < most as i64 { seconds as u32 } else { most }
}

/// The current time and 32 fresh random bytes, passed to a transition of a flow.
///
/// A driver makes it with system calls, a test from a literal, and a replay from a recording. It is deliberately
/// neither `Clone` nor `Copy`: each transition consumes a moment, so no two values of `state`, `nonce` or
/// `code_verifier` are made from the same entropy.
///
/// ```
/// use oidc_proto::{Moment, Timestamp};
/// use std::time::{SystemTime, UNIX_EPOCH};
///
/// fn moment(entropy: [u8; 32]) -> Result<Moment, Box<dyn std::error::Error>> {
///     let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
///     Ok(Moment::new(Timestamp(seconds.try_into()?), entropy))
/// }
///
/// // In a program, the bytes come from the random generator of the system.
/// assert!(moment([7; 32])?.now() > Timestamp(1_700_000_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Moment {
    now: Timestamp,
    entropy: [u8; 32],
}

impl Moment {
    /// Creates a moment. The entropy must be fresh, from a cryptographically secure source.
    #[must_use]
    pub const fn new(now: Timestamp, entropy: [u8; 32]) -> Self {
        Self { now, entropy }
    }

    /// The time of this moment.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Moves the time of this moment forward to `time`, if it is earlier. A driver that has slept its full time
    /// calls this, in case the clock was set back meanwhile.
    #[must_use]
    pub fn not_before(mut self, time: Timestamp) -> Self {
        self.now = self.now.max(time);
        self
    }

    /// Splits this moment into two moments with the same time. A flow that contains another flow keeps one half
    /// and passes on the other. Neither half reveals anything about the other.
    #[must_use]
    pub fn halve(self) -> (Self, Self) {
        let (now, mut entropy) = self.split();
        let mut half = || Self::new(now, entropy.bytes());
        (half(), half())
    }

    /// Returns 128 fresh bits, for a name that nobody else has.
    #[must_use]
    pub fn into_bits(self) -> [u8; 16] {
        self.split().1.salt()
    }

    /// Returns the time, and a source of as many independent values as one transition needs.
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
    /// Draws 256 fresh bits as 43 characters of base64url. They can serve as a `state`, a `nonce` or a PKCE
    /// `code_verifier` (RFC 7636 section 4.1 recommends exactly this length).
    pub(crate) fn token(&mut self) -> String {
        super::base64url::encode(&self.bytes())
    }

    /// Draws 256 fresh bits.
    fn bytes(&mut self) -> [u8; 32] {
        self.used += 1;
        self.seed.sign(&[&self.used.to_be_bytes()])
    }

    /// Draws 256 fresh bits for a private key.
    pub(crate) fn key(&mut self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.bytes())
    }

    /// Draws 128 fresh bits.
    pub(crate) fn salt(&mut self) -> [u8; 16] {
        let mut salt = [0; 16];
        salt.iter_mut().zip(&self.bytes()).for_each(|(to, from)| *to = *from);
        salt
    }

    /// Draws one fresh byte, for jitter.
    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_yields_independent_values_and_the_same_values_on_replay() {
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
        assert_eq!(draw(again), first, "a replay gives the same value");
        let (quarter, other) = halves().0.halve();
        assert!(![&first, &second].contains(&&draw(quarter)) && draw(other) != first);
    }

    #[test]
    fn times_saturate_and_waits_for_the_past_are_zero() {
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
