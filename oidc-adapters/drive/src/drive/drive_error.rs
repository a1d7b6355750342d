//! [`DriveError`]: why a flow failed.

use oidc_proto::{Error, Remedy, renew::RenewalError};
use std::fmt;

/// Why a flow failed. `E` is the error of the HTTP client. [`run`](crate::run), [`run_async`](crate::run_async) and the
/// `run` of each adapter's `Http` return it.
///
/// ```
/// use oidc_drive::{DriveError, http, oidc_proto::flow::{Discovery, Request, Terms}, run};
///
/// let discovery = || Discovery::start("https://op.example", &Default::default());
///
/// let lost = run(discovery()?, |_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network"));
/// assert!(matches!(lost, Err(DriveError::Transport("no network"))));
///
/// let page = run(discovery()?, |_: Request, _: Terms| Ok::<_, ()>(http::Response::new("<html>")));
/// assert!(matches!(page, Err(DriveError::Protocol(_))));
/// # Ok::<(), oidc_drive::oidc_proto::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is the transport, and there is the protocol")]
pub enum DriveError<E> {
    /// There was no response, and the flow could not go on without one.
    Transport(E),
    /// The flow refused a response, or a setting was wrong.
    Protocol(Error),
}

impl<E> DriveError<E> {
    /// Returns a short, stable name for logs and metrics: `no_response`, or the code of the flow's error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Transport(_) => "no_response",
            Self::Protocol(error) => error.code(),
        }
    }

    /// Returns who can do what about it. Without a response it is [`TryLater`](Remedy::TryLater); the error of the HTTP
    /// client may know more.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Transport(_) => Remedy::TryLater { after: None },
            Self::Protocol(error) => error.remedy(),
        }
    }
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
