//! A provider for the walks: its keys, its metadata, and the answers that refuse a request.

use crate::{
    base::{
        endpoint_url::UrlPolicy,
        moment::{Moment, Timestamp},
    },
    flow::{Client, ClientBuilder},
    jose::{Algorithm, KeySet, RingSigner, Sign, sign_compact},
    metadata::{Profile, ProviderMetadata},
};
use ring::{rand::SystemRandom, signature};
use serde_json::{Map, Value, json as value};
use std::sync::Arc;

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(crate) const ISSUER: &str = "https://op.example";

/// An answer, under its name in the diagrams. `None` means that no response arrives.
pub(crate) type Turn = (String, Option<http::Response<Vec<u8>>>);

pub(crate) fn moment() -> Moment {
    Moment::new(NOW, [5; 32])
}

fn response(status: u16, kind: &str, body: String) -> http::Response<Vec<u8>> {
    http::Response::builder().status(status).header("content-type", kind).body(body.into()).unwrap()
}

pub(crate) fn json(answer: &str, status: u16, body: &Value) -> Turn {
    (answer.to_owned(), Some(response(status, "application/json", body.to_string())))
}

/// Adds the demand for a nonce in the DPoP proof to an answer.
pub(crate) fn with_nonce((answer, response): Turn) -> Turn {
    let mut response = response.unwrap();
    response.headers_mut().insert("dpop-nonce", "n".parse().unwrap());
    response.headers_mut().insert("www-authenticate", "DPoP error=\"use_dpop_nonce\"".parse().unwrap());
    (answer, Some(response))
}

/// Returns the answers that no endpoint gives on success.
pub(crate) fn refusals() -> Vec<Turn> {
    let statuses = [400, 401, 403, 404, 405, 410, 418, 429, 500, 501, 502, 503, 504];
    let mut turns: Vec<Turn> = statuses.map(|status| json(&status.to_string(), status, &value!({}))).into();
    let mut redirect = response(302, "application/json", "{}".to_owned());
    redirect.headers_mut().insert("location", "https://elsewhere.example/".parse().unwrap());
    turns.push(("redirect".to_owned(), Some(redirect)));
    let large = " ".repeat(1 << 20);
    turns.push(("too large".to_owned(), Some(response(200, "application/json", large))));
    turns.push(("not JSON".to_owned(), Some(response(200, "text/html", "<html>".to_owned()))));
    turns.push(("lost".to_owned(), None));
    turns
}

/// Returns the metadata of a provider with all endpoints.
pub(crate) fn document() -> Value {
    value!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://op.example/auth",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/jwks",
        "introspection_endpoint": "https://op.example/introspect",
        "revocation_endpoint": "https://op.example/revoke",
        "userinfo_endpoint": "https://op.example/userinfo",
        "device_authorization_endpoint": "https://op.example/device",
        "response_types_supported": ["code", "id_token", "code id_token"],
        "response_modes_supported": ["query", "form_post", "query.jwt", "form_post.jwt", "jwt"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "authorization_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
    })
}

/// Starts a client of this provider, after a change of the metadata.
pub(crate) fn builder(change: impl FnOnce(&mut Value)) -> ClientBuilder {
    builder_as(Profile::OpenIdProvider, change)
}

/// Starts a client of a provider with this profile, after a change of the metadata.
pub(crate) fn builder_as(profile: Profile, change: impl FnOnce(&mut Value)) -> ClientBuilder {
    let mut document = document();
    change(&mut document);
    let text = document.to_string();
    let policy = UrlPolicy::default();
    let metadata = ProviderMetadata::parse(text.as_bytes(), ISSUER, profile, &policy);
    Client::builder(metadata.unwrap(), "app").redirect_uri("https://app.example/callback")
}

fn signer(kid: &str) -> Arc<RingSigner> {
    let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).unwrap();
    Arc::new(RingSigner::from_pkcs8(Algorithm::ES256, pkcs8.as_ref(), Some(kid)).unwrap())
}

fn jwks(signers: &[&RingSigner]) -> Value {
    let keys: Vec<_> = signers.iter().map(|signer| signer.public_jwk().unwrap().to_json()).collect();
    value!({ "keys": keys })
}

/// The keys of a provider. A client has the first of them.
pub(crate) struct Party {
    pub(crate) first: Arc<RingSigner>,
    /// The key after the rotation.
    pub(crate) newer: Arc<RingSigner>,
    /// Another key with the name of the first.
    pub(crate) same_name: Arc<RingSigner>,
}

impl Party {
    pub(crate) fn new() -> Self {
        Self { first: signer("k1"), newer: signer("k2"), same_name: signer("k1") }
    }

    /// Returns the keys that the client has.
    pub(crate) fn keys(&self) -> Arc<KeySet> {
        Arc::new(KeySet::parse(jwks(&[&self.first]).to_string().as_bytes()).unwrap())
    }

    pub(crate) fn sign(&self, signer: &RingSigner, claims: &Value) -> String {
        sign_compact(signer, Map::new(), claims.to_string().as_bytes()).unwrap()
    }

    /// Returns the ID token of a user who has just logged in.
    pub(crate) fn id_token(&self, signer: &RingSigner, nonce: Option<&str>, more: &Value) -> String {
        let mut claims = value!({"iss": ISSUER, "aud": "app", "sub": "alice",
            "iat": NOW.0, "exp": NOW.0 + 300});
        let members = claims.as_object_mut().unwrap();
        members.extend(nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
        members.extend(more.as_object().unwrap().clone());
        self.sign(signer, &claims)
    }

    /// Returns every answer of the `jwks_uri`.
    pub(crate) fn published(&self) -> Vec<Turn> {
        let mut turns = refusals();
        turns.push(json("keys", 200, &jwks(&[&self.newer, &self.same_name])));
        turns.push(json("keys that do not vouch", 200, &jwks(&[&signer("k3")])));
        turns.push(json("no usable key", 200, &value!({ "keys": [] })));
        turns
    }

    /// Returns every answer of a token endpoint that signs ID tokens.
    pub(crate) fn granted(&self, nonce: Option<&str>) -> Vec<Turn> {
        let mut turns = refusals();
        let tokens = value!({"access_token": "a", "token_type": "Bearer", "expires_in": 60});
        turns.push(json("no ID token", 200, &tokens));
        let forged = self.id_token(&self.first, nonce, &value!({"iss": "https://evil.example"}));
        for (answer, id_token) in [
            ("vouched for", self.id_token(&self.first, nonce, &value!({}))),
            ("another key", self.id_token(&self.newer, nonce, &value!({}))),
            ("another issuer", forged),
        ] {
            let mut tokens = tokens.clone();
            tokens["id_token"] = id_token.into();
            turns.push(json(answer, 200, &tokens));
        }
        turns.push(json("invalid_grant", 400, &value!({"error": "invalid_grant"})));
        turns
    }
}
