//! [`Seed`]: all the randomness of a test, derived from one number that a failing test prints.

use oidc_proto::base::{Moment, Timestamp};
use ring::digest::{Context, SHA256};
use std::fmt;

/// A deterministic source of entropy: SHA-256 over a seed and a counter.
///
/// A test that panics prints its seed, so that the run can be repeated.
///
/// ```
/// use oidc_testkit::Seed;
///
/// let [mut first, mut second] = [Seed::new(7), Seed::new(7)];
/// assert_eq!(first.bytes32(), second.bytes32());
/// assert!(first.below(6) < 6);
/// ```
#[derive(Debug)]
pub struct Seed {
    seed: u64,
    drawn: u64,
    silent: bool,
}

impl Seed {
    /// A source that starts from this number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, silent: false }
    }

    /// A source that does not print itself, for randomness that no test has to repeat.
    #[must_use]
    pub const fn silent(seed: u64) -> Self {
        Self { seed, drawn: 0, silent: true }
    }

    /// The number that this source started from.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.seed
    }

    /// Returns the next 32 bytes.
    pub fn bytes32(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut hash = Context::new(&SHA256);
        hash.update(b"oidc-testkit");
        hash.update(&self.seed.to_be_bytes());
        hash.update(&self.drawn.to_be_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.finish().as_ref());
        bytes
    }

    /// Returns a moment at this time with fresh entropy.
    pub fn moment(&mut self, now: Timestamp) -> Moment {
        Moment::new(now, self.bytes32())
    }

    /// Returns a number below `bound`, or zero if `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes32();
        // The bias is below 2^-32 for every bound that a test uses.
        u64::from_be_bytes([a, b, c, d, e, f, g, h]).checked_rem(bound).unwrap_or(0)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {} after {} draws", self.seed, self.drawn)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.silent {
            eprintln!("this test ran with {self}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_repeats_a_run_and_another_seed_changes_it() {
        let draw = |number| {
            let mut seed = Seed::new(number);
            [seed.bytes32(), seed.bytes32(), seed.bytes32()]
        };
        let [a, b, c] = draw(7);
        assert!(a != b && b != c && a != c);
        assert_eq!(draw(7), [a, b, c]);
        assert_ne!(draw(8)[0], a);
    }

    #[test]
    fn numbers_stay_below_their_bound_and_take_every_value() {
        let mut seed = Seed::new(1);
        let drawn: std::collections::BTreeSet<_> = (0..200).map(|_| seed.below(6)).collect();
        assert_eq!(drawn, (0..6).collect());
        assert_eq!(seed.below(0), 0);
        assert_eq!(seed.to_string(), "seed 1 after 201 draws");
    }

    #[test]
    fn a_moment_has_the_time_it_was_asked_for() {
        assert_eq!(Seed::new(1).moment(Timestamp(5)).now(), Timestamp(5));
    }
}
