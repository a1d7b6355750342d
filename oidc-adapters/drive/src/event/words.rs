//! The words of events: the codes of failed flows and renewals, and the names of flows.

use oidc_proto::{Error, renew::RenewalError};

/// The code for a request without a response, if the HTTP client has no other.
pub(crate) const NO_RESPONSE: &str = "no_response";

/// The error codes of the specifications. Any other code from a provider could contain anything.
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

/// Returns why a flow failed, in one word: the [code](Error::code) of the error. For an OAuth error it is the code from
/// the provider if the specifications define it. Otherwise it is `oauth_error`, because an unknown code could be
/// anything, even a secret.
#[must_use]
pub fn why_ended(error: &Error) -> &'static str {
    let given = if let Error::OAuth(given) = error.cause() { given.response.error.as_str() } else { "" };
    OAUTH.into_iter().find(|known| *known == given).unwrap_or_else(|| error.code())
}

/// Returns why a renewal failed, in one word: `no_response`, `expired`, or the word of [`why_ended`].
#[must_use]
pub fn why_failed(failure: &RenewalError) -> &'static str {
    match failure {
        RenewalError::Flow(error) => why_ended(error),
        RenewalError::Expired => "expired",
        RenewalError::NoResponse | _ => NO_RESPONSE,
    }
}

/// The name of a type, without its path and its parameters.
pub(crate) fn name_of<F>() -> &'static str {
    let name = std::any::type_name::<F>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
