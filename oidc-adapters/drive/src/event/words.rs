//! The words of events: why a flow is over, why a renewal failed, and what a flow is called.

use oidc_proto::{Error, renew::RenewalError};

/// Why there was no response, if nobody says more.
pub(crate) const NO_RESPONSE: &str = "no_response";

/// The error codes that a provider may give, by the specifications. Any other could be anything.
const OAUTH: [&str; 22] = [
    // RFC 6749 sections 4.1.2.1 and 5.2
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "invalid_scope",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
    // RFC 6750 section 3.1, RFC 8707 section 2, RFC 9449 section 5, RFC 9470 section 3
    "invalid_token",
    "insufficient_scope",
    "invalid_target",
    "invalid_dpop_proof",
    "use_dpop_nonce",
    "insufficient_user_authentication",
    // RFC 8628 section 3.5
    "authorization_pending",
    "slow_down",
    "expired_token",
    // OpenID Connect Core 1.0 section 3.1.2.6
    "login_required",
    "interaction_required",
    "consent_required",
];

/// Why a flow is over, in one word: the [code](Error::code) of the error. Of an OAuth error it is the one
/// that the provider gave, if the specifications know it, and `oauth_error` if not: an unknown one could
/// be anything, even a secret.
#[must_use]
pub fn why_ended(error: &Error) -> &'static str {
    let given = if let Error::OAuth(given) = error { given.response.error.as_str() } else { "" };
    OAUTH.into_iter().find(|known| *known == given).unwrap_or_else(|| error.code())
}

/// Why a renewal failed, in one word: as [`why_ended`]; else `no_response` or `expired`.
#[must_use]
pub fn why_failed(failure: &RenewalError) -> &'static str {
    match failure {
        RenewalError::Flow(error) => why_ended(error),
        RenewalError::Expired => "expired",
        RenewalError::NoResponse | _ => NO_RESPONSE,
    }
}

/// The name of a type, without its path.
pub(crate) fn name_of<F>() -> &'static str {
    let name = std::any::type_name::<F>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
