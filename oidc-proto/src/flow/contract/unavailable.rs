//! [`Unavailable`]: the error of a provider that is busy or down.

use super::terms::Endpoint;
use crate::base::sentence::debug_is_sentence;
use http::StatusCode;
use std::{fmt, time::Duration};

/// The provider is busy or down (RFC 9110 sections 15.6.4 and 10.2.3).
///
/// Every flow can end with it: [`Error::Unavailable`](crate::flow::Error::Unavailable).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// The endpoint that answered.
    pub endpoint: Endpoint,
    /// The status of the response.
    pub status: u16,
    /// Whole seconds, in 32 bits: 136 years are enough, and an error stays small.
    retry_after: Option<u32>,
}

impl Unavailable {
    pub(crate) fn new(endpoint: Endpoint, status: StatusCode, retry_after: Option<Duration>) -> Self {
        let seconds = |wait: Duration| u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
        Self { endpoint, status: status.as_u16(), retry_after: retry_after.map(seconds) }
    }

    /// Returns the time to wait before the next attempt (`Retry-After`), in whole seconds.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.retry_after {
            Some(seconds) => Some(Duration::from_secs(seconds as u64)),
            None => None,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not available (status {})", self.endpoint, self.status)?;
        match self.retry_after {
            Some(seconds) => write!(f, "; try again in {seconds} s"),
            None => f.write_str("; try again later"),
        }
    }
}

impl std::error::Error for Unavailable {}

debug_is_sentence!(Unavailable);
