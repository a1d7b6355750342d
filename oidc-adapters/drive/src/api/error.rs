//! [`ApiResponse`] and [`ApiError`]: how a request to an API ends.

use crate::provider::ProviderError;
use oidc_proto::{
    Error, Remedy,
    flow::{ResourceOutcome, ResourceRequestError},
};
use std::fmt;

/// The response of an API as it came, and what it says about the access token.
///
/// Any status is a response. [`Api`](super::Api) has an example.
#[derive(Debug)]
#[non_exhaustive]
pub struct ApiResponse<R> {
    /// The response, with its status, its headers and its body untouched.
    pub response: http::Response<R>,
    /// What the API says about the token: a missing scope or another authentication that it demands is handed over here.
    pub outcome: ResourceOutcome,
    /// Why there was no newer token, if the API has refused the one that it got.
    pub renewal: Option<ProviderError>,
}

/// Why a request to an API has no response. `E` is the error of the HTTP client.
///
/// ```
/// use oidc_drive::{api::ApiError, oidc_proto::flow::ResourceRequestError};
///
/// /// Whether the request may have reached the API.
/// fn may_have_arrived<E>(error: &ApiError<E>) -> bool {
///     matches!(error, ApiError::Transport(_) | ApiError::TooLarge { .. })
/// }
///
/// let error = ApiError::<String>::Request(ResourceRequestError::OtherOrigin);
/// assert!(!may_have_arrived(&error));
/// assert_eq!(error.code(), "config_other_origin");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiError<E> {
    /// The request must not have the access token. Nothing was sent.
    Request(ResourceRequestError),
    /// There is no access token. Nothing was sent.
    Token(ProviderError),
    /// There was no response. It is unknown whether the API has carried out the request.
    Transport(E),
    /// The body of the response is larger than [`max_body`](super::ApiBuilder::max_body).
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl<E> ApiError<E> {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Transport(_) => "no_response",
            Self::TooLarge { .. } => "resource_too_large",
        }
    }

    /// Returns who can do what about it. Without a response it is [`TryLater`](Remedy::TryLater); whether the request may
    /// be sent again is for the program to decide.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Request(error) => error.remedy(),
            Self::Token(error) => error.remedy(),
            Self::Transport(_) => Remedy::TryLater { after: None },
            Self::TooLarge { .. } => Remedy::FixConfiguration,
        }
    }
}

impl<E> From<ResourceRequestError> for ApiError<E> {
    fn from(error: ResourceRequestError) -> Self {
        Self::Request(error)
    }
}

impl<E> From<ProviderError> for ApiError<E> {
    fn from(error: ProviderError) -> Self {
        Self::Token(error)
    }
}

impl<E> From<Error> for ApiError<E> {
    fn from(error: Error) -> Self {
        Self::Token(error.into())
    }
}

impl<E: fmt::Display> fmt::Display for ApiError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Token(error) => error.fmt(f),
            Self::Transport(error) => write!(f, "the API did not answer: {error}"),
            Self::TooLarge { limit } => write!(
                f,
                "the response of the API is larger than {limit} bytes (`ApiBuilder::max_body` sets the limit, and `Api::send` has none)"
            ),
        }
    }
}

/// The sentence, so that `unwrap` shows it; with the error of the HTTP client as its own `Debug` shows it.
impl<E: fmt::Debug> fmt::Debug for ApiError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => fmt::Display::fmt(error, f),
            Self::Token(error) => fmt::Display::fmt(error, f),
            Self::Transport(error) => write!(f, "the API did not answer: {error:?}"),
            Self::TooLarge { limit } => fmt::Display::fmt(&ApiError::<&str>::TooLarge { limit: *limit }, f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ApiError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Request(error) => error.source(),
            Self::Token(error) => error.source(),
            Self::Transport(error) => Some(error),
            Self::TooLarge { .. } => None,
        }
    }
}
