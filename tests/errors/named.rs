//! The words in ticks in a text: each is a method that a caller may call, or a word of the specifications.

use crate::declared;
use std::collections::{BTreeMap, BTreeSet};

/// Members, parameters, values and endpoints, as the specifications spell them.
const WORDS: &[&str] = &[
    ".well-known",
    "DPoP",
    "JWT",
    "PRIVATE KEY",
    "S256",
    "a_code_of_its_own",
    "access_denied",
    "access_token",
    "application_type",
    "account_selection_required",
    "acr",
    "act",
    "application/token-introspection+jwt",
    "application/json",
    "text/html",
    "at_hash",
    "ath",
    "aud",
    "auth_req_id",
    "auth_time",
    "authorization_code",
    "authorization_pending",
    "authorization_signing_alg_values_supported",
    "azp",
    "backchannel_user_code_parameter_supported",
    "backchannel_token_delivery_modes_supported",
    "backchannel_authentication_request_signing_alg_values_supported",
    "b64",
    "c_hash",
    "client_name",
    "client_secret",
    "client_secret_basic",
    "client_secret_jwt",
    "client_secret_post",
    "cnf",
    "code id_token",
    "code_challenge_methods_supported",
    "consent_required",
    "crit",
    "crv",
    "dpop+jwt",
    "attest_jwt_client_auth",
    "client_attestation_pop_signing_alg_values_supported",
    "client_attestation_signing_alg_values_supported",
    "dpop_signing_alg_values_supported",
    "invalid_client_attestation",
    "oauth-client-attestation+jwt",
    "use_attestation_challenge",
    "use_fresh_attestation",
    "end_session_endpoint",
    "exp",
    "expired_token",
    "expired_login_hint_token",
    "expires_in",
    "form_post",
    "sid",
    "events",
    "application/x-www-form-urlencoded",
    "logout_token",
    "frontchannel_logout_session_required",
    "grant_types",
    "htm",
    "https",
    "htu",
    "iat",
    "id_token",
    "id_token_signing_alg_values_supported",
    "insufficient_scope",
    "insufficient_user_authentication",
    "interaction_required",
    "invalid_client",
    "invalid_client_metadata",
    "invalid_redirect_uri",
    "invalid_software_statement",
    "invalid_binding_message",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_request_object",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "invalid_user_code",
    "iss",
    "jti",
    "jwk",
    "jwks_uri",
    "key_ops",
    "kty",
    "localhost",
    "login",
    "login_hint",
    "login_hint_token",
    "login_required",
    "logo_uri",
    "missing_user_code",
    "n",
    "nonce",
    "nbf",
    "op.example",
    "ping",
    "private_key_jwt",
    "prompt=none",
    "redirect_uris",
    "registration_client_uri",
    "request",
    "request_object_signing_alg_values_supported",
    "request_parameter_supported",
    "push",
    "request_uri",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "response",
    "response_modes_supported",
    "response_types_supported",
    "s_hash",
    "server_error",
    "signed_metadata",
    "slow_down",
    "temporarily_unavailable",
    "state",
    "target_link_uri",
    "token_endpoint",
    "unapproved_software_statement",
    "token_endpoint_auth_method",
    "token_endpoint_auth_methods_supported",
    "authorization_details_types_supported",
    "invalid_authorization_details",
    // Types of authorization details, of examples.
    "payment",
    "account",
    "transfer",
    "token_endpoint_auth_signing_alg_values_supported",
    "token_type",
    "transaction_failed",
    "unauthorized_client",
    "unknown_user_id",
    "unsupported_grant_type",
    "unsupported_response_type",
    "unsupported_token_type",
    "urn:openid:params:jwt:claim:rt_hash",
    "urn:openid:params:jwt:claim:auth_req_id",
    "use",
    "user_code",
    "use_dpop_nonce",
    "x",
    "{name}",
    "openssl pkcs8 -topk8 -nocrypt",
];

/// Public methods, and settings that are on or off, by the type that they are of. All methods are under an empty name.
pub(crate) type Methods = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn public_methods() -> Methods {
    let mut methods = Methods::new();
    let folders = ["oidc-proto", "oidc-adapters/drive", "oidc-adapters/ureq"];
    for text in folders.iter().flat_map(|folder| declared::sources(&crate::root().join(folder).join("src"))) {
        let mut kind = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("impl") {
                let rest = rest.rsplit(" for ").next().unwrap_or_default().trim_start();
                let rest = match rest.strip_prefix('<') {
                    Some(_) => rest.split_once("> ").map_or("", |(_, rest)| rest),
                    None => rest,
                };
                kind = rest.split(['<', ' ', '{']).next().unwrap_or_default().to_owned();
            }
            // The fields of `Quirks` and of its like are settings, as methods are.
            if let Some(rest) = line.strip_prefix("pub struct ") {
                kind = rest.split(['<', ' ', '{', '(']).next().unwrap_or_default().to_owned();
            }
            let line = line.trim_start();
            if let Some(name) = line.strip_prefix("pub ").and_then(|field| field.strip_suffix(": bool,")) {
                methods.entry(kind.clone()).or_default().insert(name.to_owned());
            }
            let found =
                ["pub fn ", "pub const fn ", "pub async fn "].iter().find_map(|how| line.strip_prefix(how));
            if let Some(rest) = found {
                let name = rest.split(['(', '<']).next().unwrap_or_default().to_owned();
                methods.entry(String::new()).or_default().insert(name.clone());
                methods.entry(kind.clone()).or_default().insert(name);
            }
        }
    }
    methods
}

pub(crate) fn in_ticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether it is a method that exists, or a word of the specifications.
pub(crate) fn check(name: &str, methods: &Methods) -> Result<(), &'static str> {
    let name = name.trim_end_matches("()");
    if WORDS.contains(&name) || name.contains("://") {
        return Ok(());
    }
    match name.split_once("::") {
        Some((kind, method)) if methods.get(kind).is_some_and(|all| all.contains(method)) => Ok(()),
        Some(_) => Err("is no public method of that type"),
        None if methods[""].contains(name) => Ok(()),
        None => Err("is neither a public method nor a word of the specifications"),
    }
}
