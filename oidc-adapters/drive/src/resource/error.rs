//! [`AccessError`] and [`ResourceError`]: why a request to a resource has no answer.

use crate::{
    flight::NotAvailableError, provider::ProviderError, sentence::debug_is_sentence, store::StoreError,
};
use oidc_proto::{
    Error, Remedy,
    flow::{ConfigError, NoClientIdentityError, ResourceChallenge, ResourceRequestError, ScopeStepUpError},
};
use std::fmt;

/// Why there is no access to a resource.
///
/// ```
/// use oidc_drive::{oidc_proto::{Remedy, flow::ScopeStepUpError}, resource::AccessError};
///
/// let error = AccessError::Scope(ScopeStepUpError::NothingNew);
/// assert_eq!((error.code(), error.remedy()), ("step_up_nothing_new", Remedy::LogInAgain));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessError {
    /// The request must not have an access token. Nothing was sent.
    Request(ResourceRequestError),
    /// The discovery, the registration or the grant of tokens has failed: the text says where.
    Provider(ProviderError),
    /// The authorization server takes none of the program's identities.
    Identity(NoClientIdentityError),
    /// Nobody is asked for the scopes that the resource demands.
    Scope(ScopeStepUpError),
    /// The program's own [browser function](super::ResourceBuilder::browser) has failed, with this text.
    Browser(String),
    /// The settings have no way to get a token: neither a browser nor a grant.
    NoGrant,
    /// The resource refuses a token that was issued for it just now, or refuses the request for a reason that no token
    /// helps against.
    Refused(Box<ResourceChallenge>),
    /// Another caller's attempt is still under way, or has just failed.
    Unavailable(NotAvailableError),
    /// The [store](super::ResourceBuilder::store) has no answer, so it is unknown whether there are tokens.
    Store(StoreError),
}

impl AccessError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(error) => error.code(),
            Self::Provider(error) => error.code(),
            Self::Identity(error) => error.code(),
            Self::Scope(error) => error.code(),
            Self::Browser(_) => "browser",
            Self::NoGrant => "config_no_grant",
            Self::Refused(_) => "resource_refused",
            Self::Unavailable(_) => "unavailable",
            Self::Store(error) => error.code(),
        }
    }

    /// Returns who can do what about it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Request(error) => error.remedy(),
            Self::Provider(error) => error.remedy(),
            Self::Identity(error) => error.remedy(),
            Self::Scope(error) => error.remedy(),
            Self::Browser(_) => Remedy::LogInAgain,
            Self::NoGrant => Remedy::FixConfiguration,
            Self::Refused(_) => Remedy::ProviderAtFault,
            Self::Unavailable(unavailable) => unavailable.remedy(),
            Self::Store(error) => error.remedy(),
        }
    }
}

impl From<ResourceRequestError> for AccessError {
    fn from(error: ResourceRequestError) -> Self {
        Self::Request(error)
    }
}

impl From<ProviderError> for AccessError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<Error> for AccessError {
    fn from(error: Error) -> Self {
        Self::Provider(error.into())
    }
}

impl From<ConfigError> for AccessError {
    fn from(error: ConfigError) -> Self {
        Self::Provider(error.into())
    }
}

impl From<NoClientIdentityError> for AccessError {
    fn from(error: NoClientIdentityError) -> Self {
        Self::Identity(error)
    }
}

impl From<ScopeStepUpError> for AccessError {
    fn from(error: ScopeStepUpError) -> Self {
        Self::Scope(error)
    }
}

impl From<StoreError> for AccessError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Provider(error) => error.fmt(f),
            Self::Identity(error) => error.fmt(f),
            Self::Scope(error) => error.fmt(f),
            Self::Browser(why) => write!(f, "the user did not come back from the authorization server: {why}"),
            Self::NoGrant => f.write_str(
                "there is no way to get a token for the resource: call `ResourceBuilder::browser` for a user, or \
                 `ResourceBuilder::client_credentials` or `ResourceBuilder::grant` for a program",
            ),
            Self::Refused(challenge) => {
                write!(f, "the resource refuses the request with status {}, and a new token would not help", challenge.status.as_u16())?;
                match &challenge.response {
                    Some(response) => write!(f, ": {response}"),
                    None => Ok(()),
                }
            }
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

debug_is_sentence!(AccessError);

impl std::error::Error for AccessError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Request(error) => error.source(),
            Self::Provider(error) => error.source(),
            Self::Identity(error) => error.source(),
            Self::Scope(error) => error.source(),
            Self::Unavailable(unavailable) => unavailable.source(),
            Self::Store(error) => error.source(),
            Self::Browser(_) | Self::NoGrant | Self::Refused(_) => None,
        }
    }
}

/// The HTTP client of a handle has no response. The text names the host and the reason. [`Resource::fetch`] returns it.
///
/// [`Resource::fetch`]: super::Resource::fetch
///
/// ```
/// use oidc_drive::resource::{NoResponseError, ResourceError};
///
/// fn why(error: &ResourceError<NoResponseError>) -> String {
///     error.to_string()
/// }
///
/// let lost = ResourceError::Transport(NoResponseError::from("mcp.example:443: connection refused".to_owned()));
/// assert_eq!(why(&lost), "the resource did not answer: mcp.example:443: connection refused");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct NoResponseError(String);

impl From<String> for NoResponseError {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for NoResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

debug_is_sentence!(NoResponseError);

impl std::error::Error for NoResponseError {}

/// Why a request to a resource has no answer. `E` is the error of the HTTP client, or of the library over it.
///
/// ```
/// use oidc_drive::resource::{AccessError, ResourceError};
///
/// /// Whether the request may have reached the resource.
/// fn may_have_arrived<E>(error: &ResourceError<E>) -> bool {
///     !matches!(error, ResourceError::Access(AccessError::Request(_)))
/// }
///
/// let error = ResourceError::<String>::Access(AccessError::NoGrant);
/// assert!(may_have_arrived(&error)); // it was refused there
/// assert_eq!(error.code(), "config_no_grant");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceError<E> {
    /// There is no access. If the request was sent, the resource has refused it.
    Access(AccessError),
    /// The HTTP client has failed. It is unknown whether the resource has carried out the request.
    Transport(E),
    /// The body of the response is larger than [`max_body`](super::ResourceBuilder::max_body).
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl<E> ResourceError<E> {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Access(error) => error.code(),
            Self::Transport(_) => "no_response",
            Self::TooLarge { .. } => "resource_too_large",
        }
    }

    /// Returns who can do what about it. Without a response it is [`TryLater`](Remedy::TryLater); whether the request may
    /// be sent again is for the program to decide.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Access(error) => error.remedy(),
            Self::Transport(_) => Remedy::TryLater { after: None },
            Self::TooLarge { .. } => Remedy::FixConfiguration,
        }
    }
}

impl<E> From<AccessError> for ResourceError<E> {
    fn from(error: AccessError) -> Self {
        Self::Access(error)
    }
}

impl<E: fmt::Display> fmt::Display for ResourceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(error) => error.fmt(f),
            Self::Transport(error) => write!(f, "the resource did not answer: {error}"),
            Self::TooLarge { limit } => write!(
                f,
                "the response of the resource is larger than {limit} bytes (`ResourceBuilder::max_body` sets the limit, and \
                 `Resource::send` has none)"
            ),
        }
    }
}

/// The sentence, so that `unwrap` shows it; with the error of the HTTP client as its own `Debug` shows it.
impl<E: fmt::Debug> fmt::Debug for ResourceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(error) => fmt::Display::fmt(error, f),
            Self::Transport(error) => write!(f, "the resource did not answer: {error:?}"),
            Self::TooLarge { limit } => {
                fmt::Display::fmt(&ResourceError::<&str>::TooLarge { limit: *limit }, f)
            }
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ResourceError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Access(error) => error.source(),
            Self::Transport(error) => Some(error),
            Self::TooLarge { .. } => None,
        }
    }
}
