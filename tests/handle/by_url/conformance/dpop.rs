//! The scenarios `dpop` and `dpop-nonce`: a resource that accepts no bearer token.

use super::*;
use http::HeaderMap;
use oidc_proto::base::base64url;
use oidc_proto::jose::Algorithm;
use oidc_testkit::KeyRing;
use ring::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use std::collections::BTreeSet;

/// The nonce that the resource demands.
const NONCE: &str = "a-nonce-of-the-resource";

#[test]
fn dpop() {
    with_proofs(false);
}

#[test]
fn dpop_nonce() {
    with_proofs(true);
}

#[track_caller]
fn with_proofs(nonces: bool) {
    each_with(
        |town| {
            town.change(|net| {
                let server = net.servers.get_mut(ONE).unwrap();
                server.accept_dpop([Algorithm::ES256]);
                server.require_dpop(true);
                if nonces {
                    server.demand_dpop_nonces(300);
                }
            });
            resource(town, nonces);
            let key = || KeyRing::client_key(Algorithm::ES256).0;
            let threads = town.blocking().client(move |client| client.dpop_key(key()));
            (town.asynchronous().client(move |client| client.dpop_key(key())), threads)
        },
        |town, caller| {
            for operation in ["read", "write", "admin"] {
                caller.does(operation);
            }
            // A code is sent twice in this one case: with a nonce, and another proof.
            let sent = town.log().iter().filter(|seen| seen.url == TOKEN).count();
            assert_eq!((town.visits(), sent), (1, if nonces { 2 } else { 1 }));
            assert_eq!(town.count(ONE, EndpointName::Token), sent);
            town.change(|net| net.servers.values().for_each(TestProvider::assert_clean));
        },
    );
}

/// A resource that demands a fresh proof in each request, perhaps with a nonce.
fn resource(town: &Town, nonces: bool) {
    let mut seen = BTreeSet::new();
    guard(town, move |request, now| {
        let Some(authorization) = request.headers().get("authorization") else {
            return refuse(&format!(r#"DPoP resource_metadata="{METADATA}""#));
        };
        let token = authorization.to_str().unwrap().strip_prefix("DPoP ").expect("the scheme DPoP");
        let proof = proof(request.headers(), token);
        assert_eq!((&proof["htm"], &proof["htu"]), (&json!("POST"), &json!(RESOURCE)));
        assert!(proof["iat"].as_i64().is_some_and(|made| (made - now.0).abs() < 300));
        assert!(seen.insert(proof["jti"].as_str().unwrap().to_owned()), "a proof comes twice");
        if nonces && proof["nonce"] != NONCE {
            let mut response = refuse(r#"DPoP error="use_dpop_nonce""#);
            response.headers_mut().insert("dpop-nonce", NONCE.parse().unwrap());
            return response;
        }
        did(request)
    });
}

/// The claims of the one proof, which its key has signed, for this token, which is bound to the key.
fn proof(headers: &HeaderMap, token: &str) -> Value {
    let proofs: Vec<_> = headers.get_all("dpop").iter().collect();
    assert_eq!(proofs.len(), 1);
    let jwt = proofs[0].to_str().unwrap();
    let parts: Vec<&str> = jwt.split('.').collect();
    let decode = |part: &str| base64url::decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    let jwk = &header["jwk"];
    assert!(jwk.get("d").is_none(), "no private key");
    let [x, y] = ["x", "y"].map(|name| jwk[name].as_str().unwrap());
    let point = [vec![4], decode(x), decode(y)].concat();
    let signed = jwt.rsplit_once('.').unwrap().0;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(signed.as_bytes(), &decode(parts[2])).expect("the signature of the proof");
    let proof: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    assert_eq!(proof["ath"], json!(hashed(token)));
    let thumbprint = hashed(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
    assert_eq!(claims(token)["cnf"]["jkt"], json!(thumbprint));
    proof
}

fn hashed(text: &str) -> String {
    base64url::encode(digest(&SHA256, text.as_bytes()).as_ref())
}
