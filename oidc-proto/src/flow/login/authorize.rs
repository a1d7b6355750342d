//! What an authorization request may ask of a provider, by the provider's own word, PKCE, and how its code is sent.

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

/// What this flow sends, the provider must take; what the provider demands, this flow must send.
///
/// Lists refuse only where nothing could come of going on. `grant_types_supported` never refuses: it is
/// optional, its default is not what providers do, and a provider that does not know a grant says so.
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
    if response_type != ID_TOKEN && metadata.refuses_s256() {
        return Err(ConfigError::NoS256);
    }
    if answer.is_signed() && client.inner().response_verifier.accepts_nothing() {
        return Err(ConfigError::NoResponseAlgorithm);
    }
    Ok(())
}

/// What a request for an ID token must be able to have: one that can be verified, and demands that can be saved.
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

/// The token request for a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
pub(in crate::flow) fn code_form(code: Secret, redirect_uri: String, code_verifier: Secret) -> Form {
    vec![
        ("grant_type".into(), "authorization_code".into()),
        ("code".into(), code),
        ("redirect_uri".into(), redirect_uri.into()),
        ("code_verifier".into(), code_verifier),
    ]
}

/// RFC 7636 section 4.2.
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
