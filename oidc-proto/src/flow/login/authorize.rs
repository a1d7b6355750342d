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
use serde_json::Value;

/// The response type of a login without a code.
pub(in crate::flow) const ID_TOKEN: &str = "id_token";

/// Checks that the provider accepts the request of this flow, and that this flow meets the provider's demands.
///
/// A list in the metadata refuses a request only if the request could not succeed. `grant_types_supported` never
/// refuses one: it is optional, many providers do not follow its default, and a provider that does not support a grant
/// says so.
pub(in crate::flow) fn check_provider(client: &Client, answer: Answer) -> Result<(), ConfigError> {
    let (metadata, response_type, response_mode) = (client.metadata(), answer.kind, answer.mode_name());
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

/// The longest `max_age`: an ID token must have `auth_time`, and any is recent enough.
const ANY_AGE: u32 = u32::MAX;

/// Checks that the client can verify an ID token, and that the demands of the request can be saved. Returns what an ID
/// token must have: the maximum age of the authentication, and its classes.
pub(in crate::flow) fn check_login(
    client: &Client,
    request: &AuthorizationRequest,
) -> Result<(Option<u32>, Vec<String>), ConfigError> {
    if client.inner().verifier.algorithms.set().is_empty() {
        return Err(ConfigError::NoAlgorithm);
    }
    let in_claims = essential_classes(request)?;
    let (name, acr) = match in_claims {
        Some(classes) if request.essential_acr.is_empty() => ("claims", classes),
        Some(_) | None => ("essential_acr", request.essential_acr.clone()),
    };
    if !text::is_list(&acr) {
        return Err(ConfigError::Parameter(name));
    }
    // An essential `auth_time` is required (OpenID Connect Core 1.0 section 2).
    let dated = essential(request, "auth_time").map(|_| ANY_AGE);
    Ok((request.max_age_seconds().or(dated), acr))
}

/// Returns what the parameter `claims` demands of this claim of the ID token, if the claim is essential.
fn essential<'r>(request: &'r AuthorizationRequest, claim: &str) -> Option<&'r Value> {
    let wanted = request.claims.as_ref()?.get("id_token")?.get(claim)?;
    wanted.get("essential").and_then(Value::as_bool).filter(|essential| *essential).map(|_| wanted)
}

/// Returns the classes of which the parameter `claims` demands one (OpenID Connect Core 1.0 section 5.5.1.1).
fn essential_classes(request: &AuthorizationRequest) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(wanted) = essential(request, "acr") else { return Ok(None) };
    let unreadable = ConfigError::Parameter("claims");
    match (wanted.get("value"), wanted.get("values")) {
        (None, None) => Ok(None),
        (Some(Value::String(one)), None) => Ok(Some(vec![one.clone()])),
        (None, Some(Value::Array(many))) if !many.is_empty() => {
            let classes = many.iter().map(|class| class.as_str().map(str::to_owned)).collect::<Option<_>>();
            classes.map(Some).ok_or(unreadable)
        }
        _ => Err(unreadable),
    }
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
