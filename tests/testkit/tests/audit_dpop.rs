//! Proofs of possession: the provider accepts a good one once, refuses each fault, and binds what it grants.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use common::*;
use http::{Request, Response};
use oidc_proto::jose::{Sign, sign_compact};
use oidc_testkit::{Algorithm, EndpointName, KeyRing, Registration, TestProvider};
use serde_json::{Map, Value, json};

const TOKEN: &str = "https://op.example/tenant/token";
const USERINFO: &str = "https://op.example/tenant/userinfo";

fn provider() -> TestProvider {
    let mut provider = common::provider();
    let app = Registration::basic("app", SECRET).redirect_uri(CALLBACK);
    provider.register(app.grant_type("client_credentials"));
    provider.accept_dpop([Algorithm::ES256, Algorithm::EdDSA]);
    provider
}

/// A key, and its public half without a name.
fn key(algorithm: Algorithm, generation: u32) -> (Box<dyn Sign>, Value) {
    let (signer, _) = KeyRing::new().signer(algorithm, generation, None);
    let jwk = signer.public_jwk().unwrap().to_json();
    let names = ["kty", "crv", "x", "y"];
    let bare = names.iter().filter_map(|name| Some(((*name).to_owned(), jwk.get(*name)?.clone())));
    (signer, Value::Object(bare.collect()))
}

fn claims(jti: u64) -> Value {
    json!({"htm": "POST", "htu": TOKEN, "iat": NOW.0, "jti": value(jti)})
}

fn proof(key: &(Box<dyn Sign>, Value), claims: &Value) -> String {
    let header = Map::from_iter([("typ".to_owned(), "dpop+jwt".into()), ("jwk".to_owned(), key.1.clone())]);
    sign_compact(&*key.0, header, claims.to_string().as_bytes()).unwrap()
}

fn service(proofs: &[String]) -> Request<Vec<u8>> {
    let request = basic(post(TOKEN, &pairs([("grant_type", "client_credentials")])), "app", SECRET);
    proofs.iter().fold(request, |request, proof| with_header(request, "dpop", proof))
}

fn body(response: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_default()
}

fn ath(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()))
}

#[test]
fn a_good_proof_binds_the_token_and_counts_once() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        let (mut provider, key) = (provider(), key(algorithm, 3));
        let proof = proof(&key, &claims(1));
        let granted = provider.handle(&service(std::slice::from_ref(&proof)), NOW);
        assert_eq!((granted.status().as_u16(), &body(&granted)["token_type"]), (200, &json!("DPoP")));
        provider.assert_clean();
        let again = provider.handle(&service(&[proof]), NOW);
        assert_eq!((again.status().as_u16(), &body(&again)["error"]), (400, &json!("invalid_dpop_proof")));
        assert!(provider.audit().iter().any(|finding| finding.what.contains("sent a second time")));
    }
}

#[test]
fn each_fault_of_a_proof_is_refused_and_noted() {
    let good = claims;
    let with = |jti, name: &str, value: Value| {
        let mut claims = good(jti);
        claims[name] = value;
        claims
    };
    for (faulty, why) in [
        (with(1, "htm", json!("GET")), "`htm`"),
        (with(2, "htu", json!("https://op.example/tenant/userinfo")), "`htu`"),
        (with(3, "htu", json!("https://evil.example/tenant/token")), "`htu`"),
        (with(4, "iat", json!(NOW.0 - 61)), "too old"),
        (with(5, "iat", json!(NOW.0 + 61)), "too old"),
        (with(6, "iat", json!("now")), "too old"),
        (with(7, "jti", json!("short")), "`jti`"),
        (with(8, "ath", json!(ath("a token"))), "`ath`"),
    ] {
        let (mut provider, key) = (provider(), key(Algorithm::ES256, 3));
        let refused = provider.handle(&service(&[proof(&key, &faulty)]), NOW);
        assert_eq!(body(&refused)["error"], "invalid_dpop_proof", "{faulty}");
        assert!(provider.audit().iter().any(|finding| finding.what.contains(why)), "{faulty}");
    }
    let (mut provider, one) = (provider(), key(Algorithm::ES256, 3));
    let two = [proof(&one, &good(1)), proof(&one, &good(2))];
    assert_eq!(provider.handle(&service(&two), NOW).status(), 400);
    let stranger = (key(Algorithm::ES256, 4).0, one.1.clone());
    let unlisted = (KeyRing::new().signer(Algorithm::RS256, 3, None).0, one.1.clone());
    let mut private = key(Algorithm::ES256, 3);
    private.1["d"] = json!("secret");
    for odd in
        [proof(&stranger, &good(3)), proof(&unlisted, &good(4)), proof(&private, &good(5)), "x".to_owned()]
    {
        assert_eq!(provider.handle(&service(&[odd]), NOW).status(), 400);
    }
    let untyped = sign_compact(&*one.0, Map::from_iter([("jwk".to_owned(), one.1.clone())]), b"{}").unwrap();
    assert_eq!(provider.handle(&service(&[untyped]), NOW).status(), 400);
    assert_eq!(provider.audit().len(), 6);
    // No proof is nothing wrong, unless the provider demands one.
    provider.clear_audit();
    assert_eq!(body(&provider.handle(&service(&[]), NOW))["token_type"], "Bearer");
    provider.assert_clean();
    provider.require_dpop(true);
    assert_eq!(body(&provider.handle(&service(&[]), NOW))["error"], "invalid_dpop_proof");
}

#[test]
fn a_nonce_is_demanded_renewed_and_never_another_servers() {
    let (mut provider, key) = (provider(), key(Algorithm::EdDSA, 3));
    provider.demand_dpop_nonces(60);
    let demand = provider.handle(&service(&[proof(&key, &claims(1))]), NOW);
    assert_eq!((demand.status().as_u16(), &body(&demand)["error"]), (400, &json!("use_dpop_nonce")));
    let nonce = demand.headers()["dpop-nonce"].to_str().unwrap().to_owned();
    let send = |provider: &mut TestProvider, jti, nonce: &str, after| {
        let mut claims = claims(jti);
        (claims["nonce"], claims["iat"]) = (json!(nonce), json!(NOW.0 + after));
        let now = NOW.plus(after);
        body(&provider.handle(&service(&[proof(&key, &claims)]), now))["error"].as_str().map(str::to_owned)
    };
    assert_eq!(send(&mut provider, 2, &nonce, 0), None);
    assert_eq!(send(&mut provider, 3, &nonce, 60), None, "the one before still counts");
    assert_eq!(send(&mut provider, 4, &nonce, 120).as_deref(), Some("use_dpop_nonce"));
    provider.assert_clean();
    assert_eq!(send(&mut provider, 5, "of-another-server", 120).as_deref(), Some("invalid_dpop_proof"));
    assert_eq!(provider.audit().len(), 1);
}

#[test]
fn a_code_a_refresh_token_and_an_access_token_are_bound() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        let mut provider = provider();
        let (mine, other) = (key(algorithm, 3), key(algorithm, 4));
        let jkt = oidc_proto::jose::Jwk::thumbprint(&mine.0.public_jwk().unwrap()).unwrap();
        let (mut params, verifier) = authorization("public", 1);
        set(&mut params, "dpop_jkt", &jkt);
        let code = visit(&mut provider, &params).parameter("code").unwrap();
        provider.assert_clean();
        let form = pairs([
            ("grant_type", "authorization_code"),
            ("client_id", "public"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &verifier),
        ]);
        let send = |form: &Pairs, key, jti| with_header(post(TOKEN, form), "dpop", &proof(key, &claims(jti)));
        let refused = provider.handle(&send(&form, &other, 1), NOW);
        assert_eq!(body(&refused)["error"], "invalid_grant", "the code is bound");
        let granted = body(&provider.handle(&send(&form, &mine, 2), NOW));
        let (token, refresh) =
            (granted["access_token"].as_str().unwrap(), granted["refresh_token"].as_str().unwrap());
        let form =
            pairs([("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", refresh)]);
        let refused = provider.handle(&send(&form, &other, 3), NOW);
        assert_eq!(body(&refused)["error"], "invalid_grant", "so is the refresh token of a public client");

        let ask = |key: &(Box<dyn Sign>, Value), jti, scheme: &str| {
            let claims =
                json!({"htm": "GET", "htu": USERINFO, "iat": NOW.0, "jti": value(jti), "ath": ath(token)});
            let request = with_header(get(USERINFO), "authorization", &format!("{scheme} {token}"));
            with_header(request, "dpop", &proof(key, &claims))
        };
        provider.clear_audit();
        assert_eq!(provider.handle(&ask(&mine, 4, "DPoP"), NOW).status(), 200);
        provider.assert_clean();
        assert_eq!(provider.handle(&ask(&other, 5, "DPoP"), NOW).status(), 401);
        assert_eq!(provider.handle(&ask(&mine, 6, "Bearer"), NOW).status(), 401, "it is no bearer token");
        assert_eq!(provider.audit().len(), 2);
        assert_eq!(provider.count(EndpointName::UserInfo), 3);
    }
}
