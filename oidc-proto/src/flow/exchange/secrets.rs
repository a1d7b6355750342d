//! Which values of a request no error may repeat.

use crate::{
    base::{form, secret::Secret},
    flow::{
        client::{Client, Form},
        contract::Endpoint,
    },
};

/// The parameters whose values an error may repeat.
const OPEN: [&str; 12] = [
    "grant_type",
    "scope",
    "resource",
    "audience",
    "client_id",
    "client_assertion_type",
    "redirect_uri",
    "token_type_hint",
    "requested_token_type",
    "subject_token_type",
    "actor_token_type",
    "requested_expiry",
];

/// The same of a request that a user decides about: words of the specifications, and the hash of the PKCE verifier.
const OPEN_IF_PUSHED: [&str; 8] = [
    "response_type",
    "response_mode",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "display",
    "max_age",
    "acr_values",
];

/// Whether an error of this endpoint may repeat the value of a parameter. A parameter of the application counts as a
/// secret, because this crate cannot know its value to others.
pub(in crate::flow) fn is_open(endpoint: Endpoint, name: &str) -> bool {
    let begins =
        matches!(endpoint, Endpoint::PushedAuthorizationRequest | Endpoint::BackchannelAuthentication);
    OPEN.contains(&name) || begins && OPEN_IF_PUSHED.contains(&name)
}

/// Returns the secrets of a request, as they are and as they are sent: no error may repeat them.
pub(super) fn secrets(client: &Client, endpoint: Endpoint, form: &Form) -> Vec<Secret> {
    let mut secrets = client.secrets();
    for (_, value) in form.iter().filter(|(name, _)| !is_open(endpoint, name)) {
        secrets.extend([form::encode_one(value.expose()).into(), value.clone()]);
    }
    secrets
}
