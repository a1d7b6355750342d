//! [`CallbackError`]: why a callback is not acceptable.

use crate::{base::form::FormError, message::ErrorResponse, token::VerificationError};
use std::time::Duration;

/// How long, in seconds, a user may be away before the callback is refused. A login that was begun by a clock
/// which is ahead of the one that ends it by more than this is refused too: nobody knows how old it is.
pub const PENDING_LIFETIME: Duration = Duration::from_secs(3_600);

/// Why a callback is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// It is not a form in which every parameter stands once.
    #[error("its query {0}")]
    Form(#[from] FormError),
    /// It does not belong to this authorization request (RFC 6749 section 10.12).
    #[error("its `state` is missing or not the one sent; the login was begun elsewhere, or is forged")]
    State,
    /// It comes from another issuer (RFC 9207 section 2.4): an attempt at a mix-up.
    #[error("its `iss` is not the issuer that was asked")]
    Issuer,
    /// The provider says that its responses carry `iss`, and this one does not (RFC 9207 section 2.4).
    #[error("it lacks the `iss` that the provider always sends")]
    MissingIssuer,
    /// The provider, or the user, said no (RFC 6749 section 4.1.2.1).
    #[error("the provider answered {0}")]
    Denied(Box<ErrorResponse>),
    /// Neither a code nor an error.
    #[error("it has neither `code` nor `error`")]
    MissingCode,
    /// Neither an ID token nor an error, where an ID token was asked for.
    #[error("it has neither `id_token` nor `error`")]
    MissingIdToken,
    /// No access token and no error, where an access token was asked for.
    #[error("it has neither `access_token` nor `error`")]
    MissingAccessToken,
    /// Not signed, where a signed response was asked for (JARM).
    #[error("it has no `response`, though a signed one was asked for (`response_mode`)")]
    MissingResponse,
    /// The signed response is refused (JARM section 2.4).
    #[error("its `response` is refused: {0}")]
    Response(Box<VerificationError>),
    /// A parameter that tells of the access token is missing, or has a value that is not allowed.
    #[error("its `{0}` is missing or has a value that the specification does not allow (see `Quirks`)")]
    Parameter(&'static str),
    /// The user was away for longer than [`PENDING_LIFETIME`], or the login was begun by a clock that is so far
    /// ahead; begin again.
    #[error("the login was begun too long ago, or by another clock; begin again")]
    Expired,
}

impl CallbackError {
    /// A short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "callback_form",
            Self::State => "callback_state",
            Self::Issuer => "callback_issuer",
            Self::MissingIssuer => "callback_missing_issuer",
            Self::Denied(_) => "callback_denied",
            Self::MissingCode => "callback_missing_code",
            Self::MissingIdToken => "callback_missing_id_token",
            Self::MissingAccessToken => "callback_missing_access_token",
            Self::MissingResponse => "callback_missing_response",
            Self::Response(rejected) => rejected.code(),
            Self::Parameter(_) => "callback_parameter",
            Self::Expired => "callback_expired",
        }
    }
}
