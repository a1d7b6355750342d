//! [`DriveError`]: why a flow did not come to its end.

use oidc_proto::{Error, renew::RenewalError};
use std::fmt;

/// Why a flow did not come to its end. [`run`](crate::run), [`run_async`](crate::run_async) and the `run` of each
/// adapter's `Http` return it.
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is the transport, and there is the protocol")]
pub enum DriveError<E> {
    /// There was no response, and the flow could not go on without one.
    Transport(E),
    /// The flow is over.
    Protocol(Error),
}

impl<E> From<Error> for DriveError<E> {
    fn from(error: Error) -> Self {
        Self::Protocol(error)
    }
}

impl<E> From<DriveError<E>> for RenewalError {
    fn from(failed: DriveError<E>) -> Self {
        match failed {
            DriveError::Transport(_) => Self::NoResponse,
            DriveError::Protocol(error) => Self::Flow(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for DriveError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "there was no response: {error}"),
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

/// The sentence, so that `unwrap` shows it; with the transport's error as its own `Debug` shows it, as not every
/// one of those has a `Display`.
impl<E: fmt::Debug> fmt::Debug for DriveError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "there was no response: {error:?}"),
            Self::Protocol(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for DriveError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Protocol(error) => error.source(),
        }
    }
}
