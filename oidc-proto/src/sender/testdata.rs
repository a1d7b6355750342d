//! Keys and proofs for the tests of this room and of the rooms that use it.

use crate::{
    backend::sha256,
    base::{base64url, json::Extra, moment::Timestamp},
    jose::{Algorithm, RingSigner, Sign},
};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

pub(crate) const NOW: Timestamp = Timestamp(1_000_000);
pub(crate) const URL: &str = "https://api.example/orders";

const P256: &str = include_str!("../jose/testdata/p256.pem");
const ED25519: &str = include_str!("../jose/testdata/ed25519.pem");

/// Returns the key of the issuer.
pub(crate) fn issuer() -> RingSigner {
    RingSigner::from_pkcs8_pem(Algorithm::EdDSA, ED25519, Some("one")).unwrap()
}

/// Returns the key of the client.
pub(crate) fn client() -> RingSigner {
    RingSigner::from_pkcs8_pem(Algorithm::ES256, P256, None).unwrap()
}

pub(crate) fn jkt() -> String {
    client().public_jwk().unwrap().thumbprint().unwrap()
}

pub(crate) fn object(value: Value) -> Extra {
    let Value::Object(members) = value else { panic!("not an object: {value}") };
    members
}

/// Returns these members with some of them changed. `null` removes a member.
pub(crate) fn with(mut members: Value, changes: Value) -> Value {
    for (name, value) in object(changes) {
        members[name] = value;
    }
    let mut members = object(members);
    members.retain(|_, value| !value.is_null());
    Value::Object(members)
}

pub(crate) fn proof_claims(token: &str) -> Value {
    json!({"jti": "p1", "htm": "GET", "htu": URL, "iat": NOW.0,
           "ath": base64url::encode(&sha256(token.as_bytes()))})
}

/// Makes a JWS of any header and payload, valid or not.
pub(crate) fn sign(signer: &RingSigner, header: &Value, payload: &Value) -> String {
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = base64url::encode(&signer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

pub(crate) fn proof_header() -> Value {
    let mut jwk = client().public_jwk().unwrap().to_json();
    for name in ["alg", "use"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk})
}

pub(crate) fn proof(token: &str, changes: Value) -> String {
    sign(&client(), &proof_header(), &with(proof_claims(token), changes))
}

pub(crate) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}
