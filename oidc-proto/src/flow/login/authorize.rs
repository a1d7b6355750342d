//! The checks of an authorization request against the provider's metadata, PKCE, and the token request for a code.

use crate::{
    backend::sha256,
    base::{base64url, secret::Secret},
    flow::{
        client::{Client, Form},
        contract::ConfigError,
        saved::text,
    },
    message::{Answer, AuthorizationRequest},
};

/// The response type of a login without a code.
pub(in crate::flow) const ID_TOKEN: &str = "id_token";

/// Checks that the provider accepts the request of this flow, and that this flow meets the provider's demands.
///
/// A list in the metadata refuses a request only if the request could not succeed. `grant_types_supported` never
/// refuses one: it is optional, many providers do not follow its default, and a provider that does not support a grant
/// says so.
pub(in crate::flow) fn check_provider(client: &Client, answer: Answer) -> Result<(), ConfigError> {
    let (metadata, response_type, response_mode) = (client.metadata(), answer.kind, answer.mode_name());
    if metadata.requires_pushed_requests() {
        return Err(ConfigError::PushedRequestsOnly);
    }
    if metadata.requires_signed_requests() {
        return Err(ConfigError::SignedRequestsOnly);
    }
    if !metadata.supports_response_type(response_type) {
        return Err(ConfigError::NoResponseType(response_type));
    }
    if !metadata.supports_response_mode(response_mode) {
        return Err(ConfigError::NoResponseMode(response_mode));
    }
    if response_type != ID_TOKEN && metadata.refuses_s256() && !client.quirks().no_pkce {
        return Err(ConfigError::NoS256);
    }
    if answer.is_signed() && client.inner().response_verifier.accepts_nothing() {
        return Err(ConfigError::NoResponseAlgorithm);
    }
    Ok(())
}

/// Checks that the client can verify an ID token, and that the demands of the request can be saved.
pub(in crate::flow) fn check_login(
    client: &Client,
    request: &AuthorizationRequest,
) -> Result<(), ConfigError> {
    if client.inner().verifier.algorithms.set().is_empty() {
        return Err(ConfigError::NoAlgorithm);
    }
    if !text::is_list(&request.essential_acr) {
        return Err(ConfigError::Parameter("essential_acr"));
    }
    Ok(())
}

/// Returns the token request for a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
pub(in crate::flow) fn code_form(code: Secret, redirect_uri: String, code_verifier: Option<Secret>) -> Form {
    let mut form: Form = vec![
        ("grant_type".into(), "authorization_code".into()),
        ("code".into(), code),
        ("redirect_uri".into(), redirect_uri.into()),
    ];
    form.extend(code_verifier.map(|verifier| ("code_verifier".into(), verifier)));
    form
}

/// Returns the challenge for a verifier (RFC 7636 section 4.2).
pub(in crate::flow) fn s256(verifier: &str) -> String {
    base64url::encode(&sha256(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
