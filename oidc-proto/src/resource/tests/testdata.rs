//! Tokens, proofs and servers for the tests of this room.

use super::*;
pub(super) use crate::sender::{CertificateThumbprint, DpopVerifier, NonceKeys, ProofError, testdata::*};
pub(super) use crate::token::Scratch;
use crate::{
    jose::{KeySet, Sign, sign_compact},
    sender::ReplayAnswer,
};
use http::{HeaderMap, Method, Uri, header};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const ISSUER: &str = "https://op.example";
pub(super) const RESOURCE: &str = "https://api.example";

pub(super) fn keys() -> KeySet {
    KeySet::from_jwks(issuer().public_jwk()).unwrap()
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

pub(super) fn server() -> ResourceServerBuilder {
    ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new(ISSUER))
}

pub(super) fn dpop_server() -> ResourceServer {
    server().accept_dpop(DpopVerifier::new()).build().unwrap()
}

/// Inspects a request, with new memory.
pub(super) fn inspect<'r>(
    server: &ResourceServer,
    request: &RequestView<'r>,
) -> Result<Inspected<'r>, Denied> {
    server.inspect(request, &mut Scratch::new())
}

/// Inspects and judges a request for [`URL`].
pub(super) fn judge(server: &ResourceServer, headers: &HeaderMap) -> Verdict {
    let (method, uri) = (Method::GET, Uri::from_static("/orders?x=1"));
    match server.inspect(&RequestView::new(&method, &uri, headers), &mut Scratch::new()) {
        Ok(inspected) => server.judge(&inspected, &keys(), &mut Scratch::new(), NOW),
        Err(denied) => Verdict::Denied(denied),
    }
}

/// Returns the access of a verdict, or the refusal. A proof counts as new.
pub(super) fn outcome(verdict: Verdict) -> Result<Arc<Access>, Denied> {
    match verdict {
        Verdict::Accepted(access) => Ok(access),
        Verdict::CheckReplay(check) => check.finish(ReplayAnswer::First),
        Verdict::Denied(denied) | Verdict::NewerKeys(denied) => Err(denied),
    }
}

pub(super) fn bearer(server: &ResourceServer, token: &str) -> Result<Arc<Access>, Denied> {
    outcome(judge(server, &headers(&[("authorization", &format!("Bearer {token}"))])))
}

pub(super) fn dpop(server: &ResourceServer, token: &str, proof: &str) -> Result<Arc<Access>, Denied> {
    let authorization = format!("DPoP {token}");
    outcome(judge(server, &headers(&[("authorization", &authorization), ("dpop", proof)])))
}

pub(super) fn challenges(denied: &Denied) -> Vec<String> {
    let headers = denied.headers();
    headers.get_all(header::WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}
