//! [`Seed`]: all the randomness of a test, from one number that a failing test prints.

use oidc_proto::base::{Moment, Timestamp};
use ring::digest::{Context, SHA256};
use std::fmt;

/// A deterministic source of entropy: SHA-256 over a seed and a counter.
///
/// When it is dropped by a panicking test it prints itself, so that the run can be repeated.
#[derive(Debug)]
pub struct Seed {
    seed: u64,
    drawn: u64,
    silent: bool,
}

impl Seed {
    /// Starts from a number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, silent: false }
    }

    /// A seed that does not print itself: for randomness that no test has to repeat, such as that of a provider.
    #[must_use]
    pub const fn silent(seed: u64) -> Self {
        Self { seed, drawn: 0, silent: true }
    }

    /// The number it started from.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.seed
    }

    /// The next 32 bytes.
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

    /// A moment at this time with fresh entropy.
    pub fn moment(&mut self, now: Timestamp) -> Moment {
        Moment::new(now, self.bytes32())
    }

    /// A number below `bound`; zero if `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes32();
        // The bias is below 2^-32 for every bound a test would use.
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
    fn the_same_seed_gives_the_same_run_and_another_seed_another() {
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
    fn numbers_stay_below_their_bound_and_reach_all_of_it() {
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
