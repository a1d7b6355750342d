//! [`Clock`]: where a [`Flight`](crate::Flight) gets time and entropy from.

use crate::{moment, now};
use oidc_proto::{Moment, Timestamp};
use std::fmt;

/// A source of time and entropy. A closure that makes moments is one.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;
    /// The time, and fresh entropy.
    fn moment(&self) -> Moment;
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
