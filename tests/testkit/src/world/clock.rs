//! [`SimClock`]: a clock that a test moves by hand.

use crate::Seed;
use oidc_proto::base::{Moment, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A clock that stands still until it is moved. Clones show the same time.
#[derive(Clone, Debug)]
pub struct SimClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Timestamp,
    seed: Seed,
}

impl SimClock {
    /// A clock at this time, with entropy from this seed.
    #[must_use]
    pub fn new(now: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { now, seed: Seed::silent(seed) })))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state().now
    }

    /// The time, and fresh entropy.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let mut state = self.state();
        let now = state.now;
        state.seed.moment(now)
    }

    /// Moves it so many seconds: back, if they are negative.
    pub fn advance(&self, seconds: i64) {
        let mut state = self.state();
        state.now = state.now.plus(seconds);
    }

    /// Sets it.
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
    fn it_stands_still_until_it_is_moved_and_never_repeats_entropy() {
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
