//! [`Clock`]: where a [`SingleFlight`](crate::SingleFlight) gets time and entropy from, and an
//! [`Observer`](crate::Observer) durations.

use oidc_proto::{Moment, Timestamp};
use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
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

/// The time of this machine's clock, and 32 bytes from its secure source of entropy.
///
/// # Panics
/// If the operating system has no entropy to give. Nothing can be done safely then.
#[must_use]
#[allow(clippy::expect_used, reason = "to go on without entropy would be worse than to stop")]
pub fn moment() -> Moment {
    let random = ring::rand::SystemRandom::new();
    let entropy: ring::rand::Random<[u8; 32]> =
        ring::rand::generate(&random).expect("the operating system has no entropy");
    Moment::new(now(), entropy.expose())
}

/// The time of this machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
