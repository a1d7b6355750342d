//! What an attestation must have, and what a challenge may be.

use super::*;
use crate::base::base64url::encode;
use http::HeaderMap;
use serde_json::{Value, json};

fn keys() -> [Value; 3] {
    let coordinate = |byte| encode(&[byte; 32]);
    [
        json!({"kty": "OKP", "crv": "Ed25519", "x": coordinate(7)}),
        json!({"kty": "EC", "crv": "P-256", "x": coordinate(1), "y": coordinate(2), "kid": "k", "use": "sig"}),
        json!({"kty": "RSA", "n": encode(&[0xC5; 256]), "e": "AQAB"}),
    ]
}

fn jwt(header: &Value, claims: &Value) -> String {
    format!("{}.{}.c2ln", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

fn parts(key: &Value) -> (Value, Value) {
    let header = json!({"typ": "oauth-client-attestation+jwt", "alg": "ES256", "kid": "11"});
    (header, json!({"sub": "app", "exp": 1000, "iat": 10, "cnf": {"jwk": key}, "level": "high"}))
}

#[test]
fn an_attestation_is_read_with_its_client_its_end_and_its_key() {
    for key in keys() {
        let (header, claims) = parts(&key);
        let attestation = ClientAttestation::parse(jwt(&header, &claims)).unwrap();
        assert_eq!((attestation.client_id(), attestation.expires_at()), ("app", Timestamp(1000)));
        assert_eq!(attestation.algorithm(), "ES256");
        let thumbprint = Jwk::parse(key.to_string().as_bytes()).unwrap().thumbprint().unwrap();
        assert_eq!(attestation.thumbprint(), thumbprint);
        assert_eq!([999, 1000, 1001].map(|now| attestation.is_expired(Timestamp(now))), [false, true, true]);
        assert_eq!(format!("{attestation:?}"), "ClientAttestation { expires_at: Timestamp(1000), .. }");
        assert!(attestation.header().is_sensitive());
        assert_eq!(attestation, attestation.clone());
        let (header, mut other) = parts(&key);
        other["exp"] = json!(1001);
        assert_ne!(attestation, ClientAttestation::parse(jwt(&header, &other)).unwrap());
    }
}

#[test]
fn an_attestation_that_the_provider_would_refuse_is_refused_with_the_reason() {
    for key in keys() {
        let refused = |change: &dyn Fn(&mut Value, &mut Value)| {
            let (mut header, mut claims) = parts(&key);
            change(&mut header, &mut claims);
            ClientAttestation::parse(jwt(&header, &claims)).unwrap_err()
        };
        for typ in [json!("JWT"), json!("oauth-client-attestation-pop+jwt"), json!(7), Value::Null] {
            assert_eq!(refused(&|header, _| header["typ"] = typ.clone()), AttestationError::Type);
        }
        assert_eq!(refused(&|header, _| header["alg"] = json!("none")), AttestationError::Malformed);
        assert_eq!(refused(&|header, _| header["alg"] = json!("")), AttestationError::Missing("alg"));
        for (name, values) in [
            ("sub", [json!(""), json!(7), Value::Null]),
            ("exp", [json!("1000"), json!([]), Value::Null]),
            ("cnf", [json!({"jkt": "x"}), json!("key"), Value::Null]),
        ] {
            for value in values {
                let error = refused(&|_, claims| claims[name] = value.clone());
                assert_eq!(error, AttestationError::Missing(name), "{value}");
            }
        }
        for private in ["d", "p", "k", "priv"] {
            let error = refused(&|_, claims| claims["cnf"]["jwk"][private] = json!("AAAA"));
            assert_eq!(error, AttestationError::Key, "{private}");
        }
        for (name, value) in
            [("kty", json!("oct")), ("kty", json!("odd")), ("x", json!("=")), ("n", json!("="))]
        {
            if name == "kty" || key.get(name).is_some() {
                let error = refused(&|_, claims| claims["cnf"]["jwk"][name] = value.clone());
                assert_eq!(error, AttestationError::Key, "{name}");
            }
        }
    }
    let (header, claims) = parts(&keys()[0]);
    let good = jwt(&header, &claims);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    for text in [
        "",
        "a.b",
        "a.b.c.d.e",
        "{\"payload\": \"\"}",
        signed,
        &format!("{signed}."),
        &format!("{head}.e30=.c2ln"),
    ] {
        assert_eq!(ClientAttestation::parse(text).unwrap_err(), AttestationError::Malformed, "{text}");
    }
    assert_eq!(
        ClientAttestation::parse(format!("{good}{}", "A".repeat(8192))),
        Err(AttestationError::TooLong)
    );
    let longest = format!("{good}{}", "A".repeat(8192 - good.len()));
    assert!(longest.len() == MAX_ATTESTATION && ClientAttestation::parse(longest).is_ok());
}

#[test]
fn a_challenge_is_one_word_and_not_too_long() {
    let of = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("oauth-client-attestation-challenge", value.parse().unwrap());
        }
        attestation_challenge(&headers).map(str::to_owned)
    };
    for good in ["a", "AYjcyMzY3ZDhiNmJkNTZ", "5c1a9e10-29ff-4c2b-ae73-57c0957c09c4", &"n".repeat(1024)] {
        assert_eq!(of(&[good]).as_deref(), Some(good));
    }
    assert_eq!(of(&[]), None);
    for bad in [&["a", "b"][..], &[""], &["a b"], &[&"n".repeat(1025)]] {
        assert_eq!(of(bad), None);
    }
    let mut known = AttestationChallenges::new();
    let mut headers = HeaderMap::new();
    headers.insert("oauth-client-attestation-challenge", "one".parse().unwrap());
    known.learn(&"https://op.example/token".parse().unwrap(), &headers);
    known.learn(&"https://op.example/token".parse().unwrap(), &HeaderMap::new());
    assert_eq!(known.newest(&"https://op.example/par".parse().unwrap()), Some("one"));
    assert_eq!(known.newest(&"https://other.example/par".parse().unwrap()), None);
    let shown = format!("{known:?}");
    assert!(shown.contains("op.example") && !shown.contains("one"), "{shown}");
}
