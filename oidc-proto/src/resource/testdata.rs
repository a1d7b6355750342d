//! Tokens, proofs and servers for the tests of this room.

use super::*;
use crate::{
    base::{base64url, json::Extra, moment::Timestamp},
    jose::{Algorithm, KeySet, RingSigner, Sign, sha256, sign_compact},
    token::Scratch,
};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::{Value, json};

pub(super) const NOW: Timestamp = Timestamp(1_000_000);
pub(super) const ISSUER: &str = "https://op.example";
pub(super) const RESOURCE: &str = "https://api.example";
pub(super) const URL: &str = "https://api.example/orders";

const P256: &str = include_str!("../jose/testdata/p256.pem");
const ED25519: &str = include_str!("../jose/testdata/ed25519.pem");

/// The issuer's key.
pub(super) fn issuer() -> RingSigner {
    RingSigner::from_pkcs8_pem(Algorithm::EdDSA, ED25519, Some("one")).unwrap()
}

/// The client's key.
pub(super) fn client() -> RingSigner {
    RingSigner::from_pkcs8_pem(Algorithm::ES256, P256, None).unwrap()
}

pub(super) fn keys() -> KeySet {
    KeySet::from_jwks(issuer().public_jwk()).unwrap()
}

pub(super) fn jkt() -> String {
    client().public_jwk().unwrap().thumbprint().unwrap()
}

pub(super) fn object(value: Value) -> Extra {
    let Value::Object(members) = value else { panic!("not an object: {value}") };
    members
}

/// These members with others in the place of some; `null` takes one out.
pub(super) fn with(mut members: Value, changes: Value) -> Value {
    for (name, value) in object(changes) {
        members[name] = value;
    }
    let mut members = object(members);
    members.retain(|_, value| !value.is_null());
    Value::Object(members)
}

pub(super) fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "alice", "aud": RESOURCE, "client_id": "app", "jti": "t1", "scope": "read write",
           "iat": NOW.0 - 10, "exp": NOW.0 + 300})
}

pub(super) fn token(changes: Value) -> String {
    let header = object(json!({"typ": "at+jwt"}));
    sign_compact(&issuer(), header, with(claims(), changes).to_string().as_bytes()).unwrap()
}

pub(super) fn bound_token() -> String {
    token(json!({"cnf": {"jkt": jkt()}}))
}

pub(super) fn proof_claims(token: &str) -> Value {
    json!({"jti": "p1", "htm": "GET", "htu": URL, "iat": NOW.0,
           "ath": base64url::encode(&sha256(token.as_bytes()))})
}

/// A JWS of whatever header and payload.
pub(super) fn sign(signer: &RingSigner, header: &Value, payload: &Value) -> String {
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = base64url::encode(&signer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

pub(super) fn proof_header() -> Value {
    let mut jwk = client().public_jwk().unwrap().to_json();
    for name in ["alg", "use"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk})
}

pub(super) fn proof(token: &str, changes: Value) -> String {
    sign(&client(), &proof_header(), &with(proof_claims(token), changes))
}

pub(super) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

pub(super) fn server() -> ResourceServerBuilder {
    ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new(ISSUER))
}

pub(super) fn dpop_server() -> ResourceServer {
    server().accept_dpop(DpopVerifier::new()).build().unwrap()
}

/// Inspects and judges a request for [`URL`].
pub(super) fn judge(server: &ResourceServer, headers: &HeaderMap) -> Verdict {
    let (method, uri) = (Method::GET, Uri::from_static("/orders?x=1"));
    match server.inspect(&RequestView::new(&method, &uri, headers)) {
        Ok(inspected) => server.judge(&inspected, &keys(), &mut Scratch::new(), NOW),
        Err(denied) => Verdict::Denied(denied),
    }
}

/// What is accepted, or why not; a proof is taken for fresh.
pub(super) fn outcome(verdict: Verdict) -> Result<Box<Access>, Denied> {
    match verdict {
        Verdict::Accepted(access) => Ok(access),
        Verdict::Once(proven) => proven.first_use(Use::First),
        Verdict::Denied(denied) | Verdict::NewerKeys(denied) => Err(denied),
    }
}

pub(super) fn bearer(server: &ResourceServer, token: &str) -> Result<Box<Access>, Denied> {
    outcome(judge(server, &headers(&[("authorization", &format!("Bearer {token}"))])))
}

pub(super) fn dpop(server: &ResourceServer, token: &str, proof: &str) -> Result<Box<Access>, Denied> {
    let authorization = format!("DPoP {token}");
    outcome(judge(server, &headers(&[("authorization", &authorization), ("dpop", proof)])))
}

pub(super) fn challenges(denied: &Denied) -> Vec<String> {
    let headers = denied.headers();
    headers.get_all(header::WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}
