//! [`BackchannelLogoutError`] and [`FrontchannelLogoutError`]: the reasons why a logout that comes in is refused.

use crate::{
    base::{
        form::FormError,
        sentence::{Remedy, debug_is_sentence, predicate},
    },
    token::VerificationError,
};
use http::{HeaderValue, StatusCode, header};

/// The longest body of a back-channel logout request, in bytes. It holds a logout token of
/// [`MAX_TOKEN`](crate::token::MAX_TOKEN).
pub const MAX_LOGOUT_REQUEST: usize = 32 * 1024;

/// The reason why a back-channel logout request is refused. It holds nothing of the request.
///
/// [`response`](Self::response) is what to answer.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackchannelLogoutError {
    /// The request is no POST (Back-Channel Logout 1.0 section 2.5).
    #[error("the logout request is no POST")]
    Method,
    /// The body is not declared to be a form, or there are several declarations.
    #[error("the logout request is not of the media type `application/x-www-form-urlencoded`")]
    MediaType,
    /// The body is longer than [`MAX_LOGOUT_REQUEST`].
    #[error("the logout request is longer than the limit ({MAX_LOGOUT_REQUEST} bytes)")]
    TooLarge,
    /// The body is no acceptable form.
    #[error("the body of the logout request {}", predicate(.0))]
    Form(FormError),
    /// The form has no logout token.
    #[error("the logout request lacks `logout_token`")]
    Missing,
    /// The logout token is refused (section 2.6).
    #[error("the logout request is refused: {0}")]
    Token(#[from] VerificationError),
    /// The logout token was used before: see [`LogoutToken::first_use`](crate::token::LogoutToken::first_use).
    #[error("the logout token was used before (`jti`)")]
    Replayed,
    /// This program could not log the user out: a store or the keys of the provider are out of reach. A program returns it
    /// whose sessions could not be ended.
    #[error("the logout could not be carried out: a store or the keys of the provider are out of reach")]
    Failed,
}

debug_is_sentence!(BackchannelLogoutError);

impl BackchannelLogoutError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Method => "backchannel_logout_method",
            Self::MediaType => "backchannel_logout_media_type",
            Self::TooLarge => "backchannel_logout_too_large",
            Self::Form(_) => "backchannel_logout_form",
            Self::Missing => "backchannel_logout_missing",
            Self::Token(error) => error.code(),
            Self::Replayed => "backchannel_logout_replayed",
            Self::Failed => "backchannel_logout_failed",
        }
    }

    /// Returns who can do what about the error. Anybody can have sent the request, so its sender is to blame, unless this
    /// program lacks what it needs.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Failed => Remedy::TryLater { after: None },
            Self::Method
            | Self::MediaType
            | Self::TooLarge
            | Self::Form(_)
            | Self::Missing
            | Self::Token(_)
            | Self::Replayed => Remedy::RequestAtFault,
        }
    }

    /// Whether the request might be accepted with newer keys of the provider. If so, fetch the keys and verify once more.
    #[must_use]
    pub const fn wants_newer_keys(&self) -> bool {
        matches!(self, Self::Token(error) if error.wants_newer_keys())
    }

    /// Returns the response to the provider: 400 with the error as JSON, and `Cache-Control: no-store` (section 2.8). It
    /// tells the sender nothing but what is wrong with the request.
    #[must_use]
    pub fn response(&self) -> http::Response<Vec<u8>> {
        let error = match self {
            Self::Failed => "temporarily_unavailable",
            Self::Method
            | Self::MediaType
            | Self::TooLarge
            | Self::Form(_)
            | Self::Missing
            | Self::Token(_)
            | Self::Replayed => "invalid_request",
        };
        // RFC 6749 section 5.2 allows printable ASCII without `"` and `\`.
        let allowed = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let description: String = self.to_string().chars().filter(allowed).collect();
        let body = serde_json::json!({ "error": error, "error_description": description });
        let mut response = answer(StatusCode::BAD_REQUEST, body.to_string().into_bytes());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

/// An answer that no cache keeps.
pub(super) fn answer(status: StatusCode, body: Vec<u8>) -> http::Response<Vec<u8>> {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The reason why a front-channel logout is refused. It holds nothing of the request.
///
/// Answer with 400 and the headers of [`FrontchannelLogoutRequest::headers`](super::FrontchannelLogoutRequest::headers).
/// Only a frame sees it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrontchannelLogoutError {
    /// The query is no acceptable form.
    #[error("the query of the front-channel logout {}", predicate(.0))]
    Form(FormError),
    /// `iss` or `sid` is missing. Both are there, or neither (Front-Channel Logout 1.0 section 2); the client has
    /// registered `frontchannel_logout_session_required` if it wants both.
    #[error(
        "the front-channel logout lacks `{0}`: register `frontchannel_logout_session_required`, or take `FrontchannelLogoutRequest::session_if_named`"
    )]
    Missing(&'static str),
    /// The `sid` is empty, or has characters that are not visible.
    #[error("the front-channel logout has a `sid` that no session has")]
    Sid,
    /// The `iss` is not the issuer of this client.
    #[error("the front-channel logout is of another issuer (`iss`) than the one of the client")]
    Issuer,
}

debug_is_sentence!(FrontchannelLogoutError);

impl FrontchannelLogoutError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "frontchannel_logout_form",
            Self::Missing(_) => "frontchannel_logout_missing",
            Self::Sid => "frontchannel_logout_sid",
            Self::Issuer => "frontchannel_logout_issuer",
        }
    }

    /// Returns who can do what about the error. Any page can have made the browser send the request. But without `iss`
    /// and `sid`, the registration may differ from what this program expects.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Missing(_) => Remedy::FixConfiguration,
            Self::Form(_) | Self::Sid | Self::Issuer => Remedy::RequestAtFault,
        }
    }
}
