//! [`CallbackError`]: the reasons for which a callback is refused.

use super::oauth_error::hint_of_callback;
use crate::{
    base::{
        form::FormError,
        json::JsonError,
        sentence::{debug_is_sentence, predicate},
    },
    jose::JwsError,
    message::ErrorResponse,
    token::VerificationError,
};
use std::time::Duration;

/// The longest time between the start of a login and its callback. A login that begins in the future by more than
/// this is refused as well: the clock that began it is wrong, so nobody knows how old the login is.
pub const PENDING_LIFETIME: Duration = Duration::from_secs(3_600);

/// The reason for which a callback is refused.
///
/// The `callback` of each pending login returns it, in an [`Error::Callback`](crate::flow::Error::Callback).
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The callback is not a form with every parameter at most once.
    #[error("the query of the authorization response {}", predicate(.0))]
    Form(#[from] FormError),
    /// The callback does not belong to this authorization request (RFC 6749 section 10.12).
    #[error(
        "the authorization response is not the answer to this login: its `state` is missing or not the one sent, as the login was begun in another browser, or the response is forged"
    )]
    State,
    /// The callback is an error response without `state`, so nobody knows to which login it belongs. The provider may
    /// have left the `state` out, or somebody may have made the response up: show its text to developers only.
    #[error(
        "the authorization response has no `state`, so this login goes on and nobody vouches for what it says: {0}"
    )]
    Unattributed(Box<ErrorResponse>),
    /// The callback comes from another issuer (RFC 9207 section 2.4): an attempt at a mix-up.
    #[error(
        "the authorization response comes from another issuer (`iss`) than the one that was asked (`ClientBuilder::issuer_rule` accepts a template, or a second name: `IssuerRule::or_exact`)"
    )]
    Issuer,
    /// The callback lacks `iss`, though the metadata says that every response has it (RFC 9207 section 2.4).
    #[error("the authorization response lacks the `iss` that the provider says it always sends")]
    MissingIssuer,
    /// The provider or the user refused (RFC 6749 section 4.1.2.1).
    #[error("the provider or the user refused the login with {}{}", .0, hint_of_callback(.0))]
    Denied(Box<ErrorResponse>),
    /// The callback has neither a code nor an error.
    #[error("the authorization response has neither `code` nor `error`")]
    MissingCode,
    /// The callback has neither an ID token nor an error, though the request asked for an ID token.
    #[error("the authorization response has neither `id_token` nor `error`")]
    MissingIdToken,
    /// The callback has neither an access token nor an error, though the request asked for an access token.
    #[error("the authorization response has neither `access_token` nor `error`")]
    MissingAccessToken,
    /// The callback is not signed, though the request asked for a signed response (JARM).
    #[error(
        "the authorization response has no `response`, though a signed one was asked for (`response_mode`)"
    )]
    MissingResponse,
    /// The signature or the claims of the signed response are not acceptable (JARM section 2.4).
    #[error("the signed authorization response (`response`) is refused: {}{}", .0, setting(.0))]
    Response(Box<VerificationError>),
    /// A parameter of the access token is missing, or has a value that the specification does not allow.
    #[error(
        "the authorization response lacks `{0}`, or has a value for it that the specification does not allow (`Quirks::no_token_type` does without the type, and `Quirks::odd_expires_in` takes an odd lifetime for absent)"
    )]
    Parameter(&'static str),
    /// The user was away for longer than [`PENDING_LIFETIME`]. Begin again.
    #[error("the user came back {} s after the login began, and {} s is the most; begin again", .ago.as_secs(), PENDING_LIFETIME.as_secs())]
    Expired {
        /// How long ago the login began.
        ago: Duration,
    },
    /// The clock that began the login is ahead of this one by more than [`PENDING_LIFETIME`]. Begin again.
    #[error(
        "the login was begun by a clock that is {} s ahead of this one, and {} s is the most; begin again",
        .ahead.as_secs(), PENDING_LIFETIME.as_secs()
    )]
    BegunInFuture {
        /// How far the other clock is ahead.
        ahead: Duration,
    },
}

debug_is_sentence!(CallbackError);

/// What a client would set, so that the verdict on a signed response may be another.
fn setting(rejected: &VerificationError) -> &'static str {
    const SETTINGS: [(VerificationError, &str); 3] = [
        (
            VerificationError::Jws(JwsError::AlgorithmNotAllowed),
            " (`ClientBuilder::authorization_signed_response_alg` names the one that is allowed)",
        ),
        (
            VerificationError::Issuer,
            " (`ClientBuilder::issuer_rule` accepts a template, or a second name: `IssuerRule::or_exact`)",
        ),
        // Nothing else is known to repeat in this JWT.
        (
            VerificationError::Claims(JsonError::DuplicateMember),
            " (`Quirks::doubled_iss_in_authorization_response` accepts `iss` twice)",
        ),
    ];
    SETTINGS.iter().find(|(error, _)| error == rejected).map_or("", |(_, setting)| setting)
}

impl CallbackError {
    /// Whether the pending login may still end: the callback does not belong to it, as far as anybody can tell, or does not
    /// come from the issuer that was asked. Keep the login then, because others can send such a callback to a user.
    #[must_use]
    pub const fn login_may_still_end(&self) -> bool {
        matches!(self, Self::State | Self::Unattributed(_) | Self::Issuer | Self::MissingIssuer)
    }

    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "callback_form",
            Self::State => "callback_state",
            Self::Unattributed(_) => "callback_unattributed",
            Self::Issuer => "callback_issuer",
            Self::MissingIssuer => "callback_missing_issuer",
            Self::Denied(_) => "callback_denied",
            Self::MissingCode => "callback_missing_code",
            Self::MissingIdToken => "callback_missing_id_token",
            Self::MissingAccessToken => "callback_missing_access_token",
            Self::MissingResponse => "callback_missing_response",
            Self::Response(rejected) => rejected.code(),
            Self::Parameter(_) => "callback_parameter",
            Self::Expired { .. } | Self::BegunInFuture { .. } => "callback_expired",
        }
    }
}
