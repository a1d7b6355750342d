//! Client assertions: a good one is accepted, and each fault of a bad one is refused and noted.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use oidc_proto::jose::{RingSigner, Sign, sign_compact};
use oidc_testkit::{Algorithm, AssertionAudience, KeyRing, Registration, TestProvider};
use serde_json::{Map, Value, json};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn provider(algorithm: Algorithm) -> (TestProvider, Box<dyn Sign>) {
    let mut provider = TestProvider::new("https://op.example/tenant");
    if algorithm.is_symmetric() {
        provider.register(Registration::secret_jwt("app", SECRET).grant_type("client_credentials"));
        return (provider, Box::new(RingSigner::from_secret(algorithm, &SECRET.into(), None).unwrap()));
    }
    let (_, jwk) = KeyRing::client_key(algorithm);
    provider.register(Registration::private_key_jwt("app", jwk).grant_type("client_credentials"));
    (provider, KeyRing::new().signer(algorithm, 3, None).0)
}

fn claims(jti: &str) -> Value {
    json!({"iss": "app", "sub": "app", "aud": "https://op.example/tenant", "jti": jti,
        "iat": NOW.0, "exp": NOW.0 + 60})
}

/// The status of the response to a token request with this assertion, and the findings.
fn ask(provider: &mut TestProvider, assertion: &str, kind: &str) -> (u16, Vec<String>) {
    provider.clear_audit();
    let form = pairs([
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_assertion_type", kind),
        ("client_assertion", assertion),
    ]);
    let response = provider.handle(&post("https://op.example/tenant/token", &form), NOW);
    (response.status().as_u16(), provider.audit().iter().map(|finding| finding.what.clone()).collect())
}

fn sign(key: &dyn Sign, header: &Value, claims: &Value) -> String {
    let header: Map<String, Value> = header.as_object().unwrap().clone();
    sign_compact(key, header, claims.to_string().as_bytes()).unwrap()
}

const JTI: &str = "0123456789abcdefghijkl";

#[test]
fn a_good_assertion_of_each_algorithm_is_accepted_once() {
    for algorithm in Algorithm::RING.iter().copied() {
        let (mut provider, key) = provider(algorithm);
        for typ in [json!({}), json!({"typ": "JWT"}), json!({"typ": "client-authentication+jwt"})] {
            let good = sign(&*key, &typ, &claims(&format!("{JTI}{typ}")));
            assert_eq!(ask(&mut provider, &good, JWT_BEARER), (200, Vec::new()), "{algorithm:?}");
            let (status, findings) = ask(&mut provider, &good, JWT_BEARER);
            assert_eq!(status, 400);
            assert!(findings.iter().any(|what| what.contains("sent a second time")), "{findings:?}");
        }
    }
}

#[test]
fn each_fault_of_an_assertion_is_refused_and_noted() {
    for algorithm in [Algorithm::PS256, Algorithm::ES256, Algorithm::HS256] {
        let faults: [(&str, Value, &str); 12] = [
            ("iss", json!("other"), "`iss`"),
            ("sub", json!("other"), "`sub`"),
            ("aud", json!("https://op.example/tenant/token"), "audience"),
            ("aud", json!(["https://op.example/tenant", "https://other.example"]), "audience"),
            ("aud", Value::Null, "audience"),
            ("exp", json!(NOW.0), "expired"),
            ("exp", json!(NOW.0 + 3600), "too long"),
            ("exp", Value::Null, "lacks `exp`"),
            ("iat", json!(NOW.0 + 60), "future"),
            ("iat", Value::Null, "lacks `exp` or `iat`"),
            ("jti", json!("1"), "guessed"),
            ("jti", Value::Null, "lacks `jti`"),
        ];
        let (mut provider, key) = provider(algorithm);
        for (name, value, why) in faults {
            let mut claims = claims(JTI);
            claims[name] = value;
            let (status, findings) = ask(&mut provider, &sign(&*key, &json!({}), &claims), JWT_BEARER);
            assert_eq!(status, 400, "{name}");
            assert!(findings.iter().any(|what| what.contains(why)), "{name}: {findings:?}");
        }
        // The signature, the type, and the type of the parameter.
        let good = sign(&*key, &json!({}), &claims(JTI));
        let mut forged = good.clone();
        forged.truncate(good.len() - 4);
        forged += "AAAA";
        let typed = sign(&*key, &json!({"typ": "at+jwt"}), &claims(JTI));
        let stranger = KeyRing::new().signer(Algorithm::EdDSA, 2, None).0;
        let strange = sign(&*stranger, &json!({}), &claims(JTI));
        for bad in [&forged, &typed, &strange, &good.replace('.', "")] {
            let (status, findings) = ask(&mut provider, bad, JWT_BEARER);
            assert_eq!((status, findings.len()), (400, 1), "{findings:?}");
        }
        assert_eq!(
            ask(&mut provider, &good, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer").0,
            400
        );
        // None of them has used up the `jti` of the good one.
        assert_eq!(ask(&mut provider, &good, JWT_BEARER), (200, Vec::new()), "{algorithm:?}");
    }
}

#[test]
fn algorithms_types_and_audiences_are_those_of_the_settings() {
    let (mut provider, key) = provider(Algorithm::RS256);
    provider.assertion_algorithms([Algorithm::PS256]);
    let listed = &provider.metadata()["token_endpoint_auth_signing_alg_values_supported"];
    assert_eq!(listed, &json!(["PS256"]));
    let good = sign(&*key, &json!({}), &claims(JTI));
    assert_eq!(ask(&mut provider, &good, JWT_BEARER).0, 400);
    provider.assertion_algorithms([Algorithm::RS256]);
    provider.typed_assertions(true);
    assert_eq!(ask(&mut provider, &good, JWT_BEARER).0, 400);
    provider.typed_assertions(false);
    for audience in [AssertionAudience::TokenEndpoint, AssertionAudience::RequestedEndpoint] {
        provider.assertion_audience(audience);
        assert_eq!(ask(&mut provider, &good, JWT_BEARER).0, 400);
        let mut claims = claims(&format!("{JTI}{audience:?}"));
        claims["aud"] = "https://op.example/tenant/token".into();
        let other = sign(&*key, &json!({}), &claims);
        assert_eq!(ask(&mut provider, &other, JWT_BEARER), (200, Vec::new()), "{audience:?}");
    }
}
