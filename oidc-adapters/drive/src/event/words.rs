//! The words of events: the codes of failed flows and renewals, and the names of flows.

use oidc_proto::{Error, renew::RenewalError};

/// The code for a request without a response, if the HTTP client has no other.
pub(crate) const NO_RESPONSE: &str = "no_response";

/// Returns why a flow failed, in one word: the [code](Error::code) of the error.
#[must_use]
pub fn why_ended(error: &Error) -> &'static str {
    error.code()
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
