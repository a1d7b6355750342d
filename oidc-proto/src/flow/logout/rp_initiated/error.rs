//! [`LogoutError`]: the reasons for which a logout at the provider cannot begin, or a return from it is refused.

use crate::{
    base::{
        json::JsonError,
        sentence::{Remedy, debug_is_sentence, predicate},
    },
    jose::JwsError,
    message::RequestError,
};

/// The reason for which a logout at the provider cannot begin, or a return from it is refused. It holds nothing of the
/// ID token.
///
/// [`Client::logout`](crate::flow::Client::logout) and [`PendingLogout::returned`](crate::flow::PendingLogout::returned)
/// return it. Whatever it says, the session of the user in your application has ended: end it before all else.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogoutError {
    /// The provider's metadata has no such endpoint, or a URL for it that may not be used.
    #[error(
        "the provider's metadata has no usable `end_session_endpoint`, so the user stays logged in there: say so on the page after the logout, and call `AuthorizationRequest::prompt` with `login` at the next login"
    )]
    NoEndpoint,
    /// The ID token hint has no form that the provider can read. An encrypted one must be decrypted first (section 2).
    #[error(
        "the hint of the logout (`LogoutRequest::id_token_hint`) is not the signed ID token of the login: {0}"
    )]
    Hint(JwsError),
    /// The claims of the ID token hint cannot be read.
    #[error(
        "the hint of the logout (`LogoutRequest::id_token_hint`) is not the ID token of the login: its content {}",
        predicate(.0)
    )]
    HintClaims(JsonError),
    /// The ID token hint comes from another issuer, or was issued to another client. This claim says so.
    #[error(
        "the hint of the logout (`LogoutRequest::id_token_hint`) is no ID token of this provider for this client: its `{0}` is missing or another"
    )]
    OtherHint(&'static str),
    /// The post-logout redirect URI is not one that may be used. The rules are those for redirect URIs.
    #[error("the redirect URI of the logout (`LogoutRequest::post_logout_redirect_uri`) {0}")]
    RedirectUri(&'static str),
    /// A further parameter would override one that the library sets, or is given twice. The name is then `extra`.
    #[error(
        "the further parameter `{0}` of the logout request would override one that the library sets, or is given twice"
    )]
    Reserved(&'static str),
    /// A parameter's value is not allowed.
    #[error("the parameter `{0}` of the logout request has a value that the specification does not allow")]
    Parameter(&'static str),
    /// The return does not belong to this logout.
    #[error(
        "the user does not come back from this logout: the `state` is missing or not the one sent, as the logout was begun in another browser, or somebody else has led the user here"
    )]
    State,
    /// The saved logout belongs to another client or provider.
    #[error("the saved logout belongs to another client or provider")]
    SavedState,
}

debug_is_sentence!(LogoutError);

impl LogoutError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoEndpoint => "logout_no_endpoint",
            Self::Hint(_) | Self::HintClaims(_) | Self::OtherHint(_) => "logout_hint",
            Self::RedirectUri(_) => "logout_redirect_uri",
            Self::Reserved(_) | Self::Parameter(_) => "logout_parameter",
            Self::State => "logout_state",
            Self::SavedState => "logout_saved_state",
        }
    }

    /// Returns who can do what about it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::NoEndpoint
            | Self::Hint(_)
            | Self::HintClaims(_)
            | Self::OtherHint(_)
            | Self::RedirectUri(_)
            | Self::Reserved(_)
            | Self::Parameter(_)
            | Self::SavedState => Remedy::FixConfiguration,
            Self::State => Remedy::RequestAtFault,
        }
    }
}

impl From<RequestError> for LogoutError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Reserved(name) => Self::Reserved(name),
            RequestError::Parameter(name) => Self::Parameter(name),
        }
    }
}
