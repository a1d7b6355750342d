//! [`Clock`]: where a [`Flight`](crate::Flight) gets time and entropy from, and an
//! [`Observer`](crate::Observer) durations.

use crate::{moment, now};
use oidc_proto::{Moment, Timestamp};
use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// A source of time and entropy. A closure that makes moments is one.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;
    /// The time, and fresh entropy.
    fn moment(&self) -> Moment;
    /// Since some moment of the past, by a clock that nobody sets: two readings make a duration. That of
    /// this machine, unless a simulation has its own; a closure has none.
    fn elapsed(&self) -> Duration {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        FIRST.get_or_init(Instant::now).elapsed()
    }
}

/// This machine's clock, and its secure source of entropy.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "there is nothing in it")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn moment(&self) -> Moment {
        moment()
    }
}

impl<F: Fn() -> Moment + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self().now()
    }

    fn moment(&self) -> Moment {
        self()
    }
}

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}
