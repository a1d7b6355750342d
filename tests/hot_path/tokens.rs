//! Access tokens to verify: valid ones, and ones with any part changed, signed with the published test keys
//! of the testkit.

use oidc_proto::{
    Secret, Timestamp,
    base::base64url,
    jose::{Algorithm, KeySet, RingSigner, Sign, sign_compact},
    token::AccessTokenVerifier,
};
use serde_json::{Map, Value, json};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(crate) const ISSUER: &str = "https://op.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const SECRET: &str = "a secret of more than thirty-two bytes for HMAC";

const KEYS: &str = include_str!("../testkit/data/test-only-keys.json");

/// The verifier of the API.
pub(crate) fn verifier() -> AccessTokenVerifier {
    AccessTokenVerifier::new(ISSUER, API)
}

/// The private key of an algorithm, as a JWK that is named after its material.
pub(crate) fn jwk(algorithm: Algorithm) -> Map<String, Value> {
    let material = match algorithm.name() {
        "ES256" => "p256-1",
        "ES384" => "p384-1",
        "EdDSA" | "Ed25519" => "ed25519-1",
        _ => "rsa-1",
    };
    let file: Value = serde_json::from_str(KEYS).unwrap();
    let keys = file["keys"].as_array().unwrap();
    let mut jwk = keys.iter().find(|key| key["material"] == material).unwrap().as_object().unwrap().clone();
    jwk.remove("material");
    jwk.insert("kid".to_owned(), material.into());
    jwk
}

pub(crate) fn signer(algorithm: Algorithm) -> RingSigner {
    if algorithm.is_symmetric() {
        return RingSigner::from_secret(algorithm, &Secret::new(SECRET), None).unwrap();
    }
    RingSigner::from_jwk(Value::Object(jwk(algorithm)).to_string().as_bytes(), Some(algorithm)).unwrap()
}

/// The verification keys: all asymmetric ones, or the secret.
pub(crate) fn keys(algorithm: Algorithm) -> KeySet {
    if algorithm.is_symmetric() {
        return KeySet::from_secret(&Secret::new(SECRET));
    }
    let all = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
    let public = all.map(|algorithm| {
        let mut jwk = jwk(algorithm);
        jwk.retain(|name, _| ["kty", "crv", "x", "y", "n", "e", "kid"].contains(&name.as_str()));
        Value::Object(jwk)
    });
    KeySet::parse(json!({ "keys": public }).to_string().as_bytes()).unwrap()
}

/// The claims of a valid access token (RFC 9068 section 2.2).
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": API, "sub": "alice", "client_id": "app", "jti": "one",
        "iat": NOW.0, "exp": NOW.0 + 300, "scope": "read write",
    })
}

/// An object with these changes. `null` removes a member.
fn changed(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
    object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    object
}

/// The claims of a valid token, with these changes.
pub(crate) fn claims_with(changes: Value) -> Value {
    changed(claims(), changes)
}

/// A valid token with these claims.
pub(crate) fn token(algorithm: Algorithm, claims: &Value) -> String {
    let header = Map::from_iter([("typ".to_owned(), json!("at+jwt"))]);
    sign_compact(&signer(algorithm), header, claims.to_string().as_bytes()).unwrap()
}

/// A token with exactly this header and payload, signed with EdDSA.
pub(crate) fn raw(header: &str, payload: &str) -> String {
    let signed =
        format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()));
    let signature = signer(Algorithm::EdDSA).sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url::encode(&signature))
}

/// The header of a valid token, with these changes.
pub(crate) fn header_with(changes: Value) -> String {
    changed(json!({"alg": "EdDSA", "kid": "ed25519-1", "typ": "at+jwt"}), changes).to_string()
}

/// A valid token whose signature has a wrong bit.
pub(crate) fn tampered(algorithm: Algorithm) -> String {
    let token = token(algorithm, &claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = base64url::decode(signature).unwrap();
    signature[10] ^= 1;
    format!("{signed}.{}", base64url::encode(&signature))
}
