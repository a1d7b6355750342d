//! [`SimClock`]: a clock that a test moves by hand.

use crate::Seed;
use oidc_proto::base::{Moment, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A clock that stands still until a test moves it. Clones share the time.
///
/// ```
/// use oidc_testkit::{SimClock, Timestamp};
///
/// let clock = SimClock::new(Timestamp(1_800_000_000), 1);
/// let shared = clock.clone();
/// clock.advance(60);
/// assert_eq!(shared.now(), Timestamp(1_800_000_060));
/// ```
#[derive(Clone, Debug)]
pub struct SimClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Timestamp,
    seed: Seed,
}

impl SimClock {
    /// A clock that shows `now`, with entropy from this seed.
    #[must_use]
    pub fn new(now: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { now, seed: Seed::silent(seed) })))
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state().now
    }

    /// The current time with fresh entropy.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let mut state = self.state();
        let now = state.now;
        state.seed.moment(now)
    }

    /// Moves the clock forward by this many seconds, or back if the number is negative.
    pub fn advance(&self, seconds: i64) {
        let mut state = self.state();
        state.now = state.now.plus(seconds);
    }

    /// Sets the clock to this time.
    pub fn set(&self, now: Timestamp) {
        self.state().now = now;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_still_until_it_is_moved_and_never_repeats_entropy() {
        let clock = SimClock::new(Timestamp(100), 1);
        let shown = clock.clone();
        clock.advance(5);
        assert_eq!(shown.now(), Timestamp(105));
        clock.advance(-10);
        assert_eq!(shown.moment().now(), Timestamp(95));
        clock.set(Timestamp(7));
        assert_eq!(shown.now(), Timestamp(7));
        let [a, b] = [(), ()].map(|()| clock.state().seed.bytes32());
        assert_ne!(a, b);
    }
}
