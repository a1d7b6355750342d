//! The contract that every flow and every driver can rely on.

mod assertions;
mod authentication;
mod callbacks;
mod certificates;
mod certified;
mod flows;
mod hybrid;
mod proofs;
mod resource_answers;
mod resource_requests;
mod session_keys;

use oidc_proto::{
    Moment, Timestamp, UrlPolicy,
    flow::{Client, ClientBuilder, Flow, Pending, Request, Step, Terms},
    jose::{Algorithm, RingSigner},
    metadata::{Profile, ProviderMetadata},
};
use ring::{rand::SystemRandom, signature};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(crate) const ISSUER: &str = "https://op.example";

pub(crate) fn moment(after: i64, seed: u8) -> Moment {
    Moment::new(NOW.plus(after), [seed; 32])
}

pub(crate) fn key() -> Arc<RingSigner> {
    let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).unwrap();
    Arc::new(RingSigner::from_pkcs8(Algorithm::ES256, pkcs8.as_ref(), Some("k1")).unwrap())
}

/// A client of a provider that has every endpoint.
pub(crate) fn builder() -> ClientBuilder {
    let document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://op.example/auth",
        "token_endpoint": "https://op.example/token?tenant=1",
        "jwks_uri": "https://op.example/jwks",
        "introspection_endpoint": "https://op.example/introspect",
        "revocation_endpoint": "https://op.example/revoke",
        "userinfo_endpoint": "https://op.example/userinfo",
        "device_authorization_endpoint": "https://op.example/device",
        "response_types_supported": ["code", "id_token"],
        "response_modes_supported": ["query", "form_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic", "none"],
    });
    let document = document.to_string();
    let metadata =
        ProviderMetadata::parse(document.as_bytes(), ISSUER, Profile::OpenIdProvider, &UrlPolicy::default());
    Client::builder(metadata.unwrap(), "app").redirect_uri("https://app.example/callback")
}

pub(crate) fn response(status: u16, body: &str) -> http::Response<Vec<u8>> {
    let response = http::Response::builder().status(status).header("content-type", "application/json");
    response.body(body.into()).unwrap()
}

pub(crate) fn with_nonce(mut response: http::Response<Vec<u8>>, nonce: &str) -> http::Response<Vec<u8>> {
    response.headers_mut().insert("dpop-nonce", nonce.parse().unwrap());
    response
}

pub(crate) fn sent<F: Flow>(step: impl Into<Step<F>>) -> (Request, Terms, Pending<F>) {
    match step.into() {
        Step::Send(call) => call.into_parts(),
        other => panic!("it sends: {other:?}"),
    }
}

/// The parameters in the body of a request.
pub(crate) fn form(request: &Request) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

/// The header and the claims of a JWS.
pub(crate) fn read(jws: &str) -> (Value, Value) {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    let part = |at| BASE64_URL_SAFE_NO_PAD.decode(jws.split('.').nth(at).unwrap()).unwrap();
    (serde_json::from_slice(&part(0)).unwrap(), serde_json::from_slice(&part(1)).unwrap())
}
