//! [`Failed`]: why a flow did not come to its end.

use oidc_proto::{Error, renew::Failure};
use std::fmt;

/// Why a flow did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is the transport, and there is the protocol")]
pub enum Failed<E> {
    /// There was no response, and the flow could not go on without one.
    Transport(E),
    /// The flow is over.
    Protocol(Error),
}

impl<E> From<Error> for Failed<E> {
    fn from(error: Error) -> Self {
        Self::Protocol(error)
    }
}

impl<E> From<Failed<E>> for Failure {
    fn from(failed: Failed<E>) -> Self {
        match failed {
            Failed::Transport(_) => Self::NoResponse,
            Failed::Protocol(error) => Self::Flow(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "no response: {error}"),
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Failed<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Protocol(error) => error.source(),
        }
    }
}
