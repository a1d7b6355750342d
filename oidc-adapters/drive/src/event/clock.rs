//! [`Clock`]: the source of time and entropy for a [`SingleFlight`](crate::SingleFlight), and of durations for an
//! [`Observer`](crate::Observer).

use oidc_proto::{Moment, Timestamp};
use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A source of time and entropy. A closure that returns a [`Moment`] implements it.
///
/// ```
/// use oidc_drive::{Clock, SystemClock, oidc_proto::{Moment, Timestamp}};
///
/// // For tests: a clock that stands still, and entropy that is not secret.
/// let fixed = || Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// assert_eq!(Clock::now(&fixed), Timestamp(1_800_000_000));
///
/// // For programs.
/// assert!(SystemClock.now() > Timestamp(1_700_000_000));
/// ```
pub trait Clock: Send + Sync {
    /// Returns the time.
    fn now(&self) -> Timestamp;
    /// Returns the time and fresh entropy.
    fn moment(&self) -> Moment;
    /// Returns the time since some moment of the past, by a clock that nobody sets; two readings make a duration. The
    /// default is the monotonic clock of this machine. A simulation may have its own; a closure has the default.
    fn elapsed(&self) -> Duration {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        FIRST.get_or_init(Instant::now).elapsed()
    }
}

/// This machine's clock and its secure source of entropy.
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

/// Returns the time of this machine's clock, and 32 bytes from its secure source of entropy.
///
/// # Panics
/// If the operating system has no entropy. Nothing can be done safely then.
#[must_use]
#[allow(clippy::expect_used, reason = "to go on without entropy would be worse than to stop")]
pub fn moment() -> Moment {
    let random = ring::rand::SystemRandom::new();
    let entropy: ring::rand::Random<[u8; 32]> =
        ring::rand::generate(&random).expect("the operating system has no entropy");
    Moment::new(now(), entropy.expose())
}

/// Returns the time of this machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
