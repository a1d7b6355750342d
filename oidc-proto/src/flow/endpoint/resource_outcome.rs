//! [`ResourceOutcome`]: what an API says about the access token of a request (RFC 6750 section 3, RFC 9449 sections 7.1
//! and 9, RFC 9470 section 3).

use crate::{
    base::{
        header::{Challenge, challenges},
        secret::Secret,
    },
    message::ErrorResponse,
};
use http::{HeaderMap, StatusCode, header};
use std::time::Duration;

/// What an API says about the access token of a request, beside its response.
///
/// ```
/// use oidc_proto::{
///     Secret, UrlPolicy,
///     flow::{ResourceOrigins, ResourceOutcome, ResourceRequest, ResourceRequestError, ResourceStep},
/// };
///
/// /// What to do with the user whose request got this outcome.
/// fn advice(outcome: &ResourceOutcome) -> String {
///     match outcome {
///         ResourceOutcome::InsufficientScope(needed) => format!("ask the user for {}", needed.scope.join(" ")),
///         ResourceOutcome::InsufficientAuthentication(_) => "have the user log in again".to_owned(),
///         ResourceOutcome::InvalidToken(_) => "begin a new session".to_owned(),
///         _ => "show the response".to_owned(),
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let origins = ResourceOrigins::new("https://api.example", &UrlPolicy::default())?;
/// let (head, ()) = http::Request::get("https://api.example/orders").body(())?.into_parts();
/// let request = ResourceRequest::new(&origins, &head.method, &head.uri, &head.headers)?;
/// let (_, pending) = request.with_bearer(&Secret::new("2YotnFZFEjr1zCsicMWpAA"))?;
///
/// // The API answers 403 with a challenge:
/// let mut headers = http::HeaderMap::new();
/// headers.insert("www-authenticate", r#"Bearer error="insufficient_scope", scope="orders.write""#.parse()?);
/// let ResourceStep::Done(outcome) = pending.receive(http::StatusCode::FORBIDDEN, &headers) else {
///     return Err("a newer token would lack the scope, too".into());
/// };
/// assert_eq!(advice(&outcome), "ask the user for orders.write");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceOutcome {
    /// The response is not about the access token: a success, a redirect, or a failure that the application knows.
    Answered,
    /// The API refuses the access token: it has expired, was revoked, or is not for this API. An API that answers 401
    /// and gives no reason refuses it, too (RFC 9110 section 15.5.2).
    InvalidToken(Box<ResourceChallenge>),
    /// The access token lacks a scope (RFC 6750 section 3.1). A newer token of the same kind would lack it, too.
    InsufficientScope(Box<ResourceChallenge>),
    /// The user must authenticate again, in another way or more recently (RFC 9470).
    InsufficientAuthentication(Box<ResourceChallenge>),
    /// The API demands a DPoP proof with a nonce (RFC 9449 section 9), and the request was not sent again.
    NonceDemanded(Box<ResourceChallenge>),
    /// The API refuses the request for another reason, such as `invalid_request` or `invalid_dpop_proof`.
    Refused(Box<ResourceChallenge>),
}

impl ResourceOutcome {
    /// Returns the refusal, if the API has refused the request or its token.
    #[must_use]
    pub const fn challenge(&self) -> Option<&ResourceChallenge> {
        match self {
            Self::Answered => None,
            Self::InvalidToken(challenge)
            | Self::InsufficientScope(challenge)
            | Self::InsufficientAuthentication(challenge)
            | Self::NonceDemanded(challenge)
            | Self::Refused(challenge) => Some(challenge),
        }
    }

    /// Returns a short, stable name of the refusal, for logs and metrics. `None` if the response is not about the token.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Answered => None,
            Self::InvalidToken(_) => Some("invalid_token"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
            Self::InsufficientAuthentication(_) => Some("insufficient_user_authentication"),
            Self::NonceDemanded(_) => Some("use_dpop_nonce"),
            Self::Refused(_) => Some("resource_refused"),
        }
    }
}

/// The refusal of an API: its challenge, and why the request was not sent again.
///
/// The texts are those of the API. They do not repeat the access token, and `response` is cleaned for logs. For the
/// metadata of the API, see [`ResourceDiscovery::from_challenge`](crate::flow::ResourceDiscovery::from_challenge).
/// [`ResourceOutcome`] has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceChallenge {
    /// The status of the response.
    pub status: StatusCode,
    /// The error code and its description. `None` if the API gives no reason.
    pub response: Option<ErrorResponse>,
    /// The scopes that the request needs.
    pub scope: Vec<String>,
    /// The classes of authentication of which the user needs one, the preferred one first (RFC 9470 section 3).
    pub acr_values: Vec<String>,
    /// The longest time since the user authenticated (RFC 9470 section 3).
    pub max_age: Option<Duration>,
    /// Why the request was not sent again, if that might have helped.
    pub not_sent_again: Option<NotSentAgain>,
}

/// Why a request was not sent again, though the API would take it with another token or nonce. [`ResourceChallenge`] has
/// it.
///
/// ```
/// use oidc_proto::flow::NotSentAgain;
///
/// /// Whether the application may send its request anew, from the beginning.
/// fn may_begin_anew(why: NotSentAgain) -> bool {
///     why == NotSentAgain::Body // it can open the file again
/// }
///
/// assert!(may_begin_anew(NotSentAgain::Body));
/// assert!(!may_begin_anew(NotSentAgain::Repeated));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotSentAgain {
    /// The body can be sent once only.
    Body,
    /// The request was sent again once, for the same reason.
    Repeated,
    /// There is no newer token.
    NoNewerToken,
    /// The token has no DPoP key here, or the response has no usable nonce.
    NoNonce,
}

/// What a challenge asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    NewerToken,
    Scope,
    Authentication,
    Nonce,
    Otherwise,
}

/// Reads what a response says about the token that the request had.
pub(super) fn read(
    status: StatusCode,
    headers: &HeaderMap,
    scheme: &str,
    token: &Secret,
) -> (Asks, ResourceChallenge) {
    let mut said = ResourceChallenge {
        status,
        response: None,
        scope: Vec::new(),
        acr_values: Vec::new(),
        max_age: None,
        not_sent_again: None,
    };
    if !matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return (Asks::Nothing, said);
    }
    let all = challenges(headers, &header::WWW_AUTHENTICATE);
    let Some(challenge) = blamed(&all, scheme) else {
        // RFC 9110 section 15.5.2: the credentials were refused. Many APIs give no reason.
        let asks = if status == StatusCode::UNAUTHORIZED { Asks::NewerToken } else { Asks::Nothing };
        return (asks, said);
    };
    said.response = ErrorResponse::from_challenge(challenge, std::slice::from_ref(token));
    said.scope = words(challenge, "scope", token);
    said.acr_values = words(challenge, "acr_values", token);
    said.max_age = challenge.parameter("max_age").and_then(seconds);
    let asks = match challenge.parameter("error").unwrap_or_default() {
        "invalid_token" if status == StatusCode::UNAUTHORIZED => Asks::NewerToken,
        "use_dpop_nonce" if status == StatusCode::UNAUTHORIZED => Asks::Nonce,
        "insufficient_user_authentication" if status == StatusCode::UNAUTHORIZED => Asks::Authentication,
        // RFC 6750 section 3.1 says 403, and only that it should be.
        "insufficient_scope" if status != StatusCode::BAD_REQUEST => Asks::Scope,
        _ => Asks::Otherwise,
    };
    (asks, said)
}

/// Returns the challenge with an error: that of the scheme that the request had (RFC 9449 section 7.2), or else one of
/// another scheme for tokens.
fn blamed<'c>(all: &'c [Challenge], scheme: &str) -> Option<&'c Challenge> {
    let with_error = |scheme: &str| {
        all.iter().find(|one| one.scheme.eq_ignore_ascii_case(scheme) && one.parameter("error").is_some())
    };
    with_error(scheme).or_else(|| with_error("dpop")).or_else(|| with_error("bearer"))
}

/// Returns the words of a parameter: those that are visible ASCII and do not repeat the token.
fn words(challenge: &Challenge, name: &str, token: &Secret) -> Vec<String> {
    let text = challenge.parameter(name).unwrap_or_default();
    let fits = |word: &&str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()) && !word.contains(token.expose())
    };
    text.split(' ').filter(fits).map(str::to_owned).collect()
}

fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok().map(Duration::from_secs) } else { None }
}
