//! Tests of signers: the sources of keys, keys that do not fit, and secrets that are never shown.

use super::*;
use crate::{
    base::{
        base64url,
        json::{Extra, JsonError},
    },
    jose::{AlgorithmSet, KeyError, KeySet, Scratch, sign_compact, testdata, verify_compact},
};
use serde_json::{Value, json};

/// The private JWK of RFC 8037 appendix A.1.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
                          "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn from_jwk(jwk: &Value, algorithm: Option<Algorithm>) -> Result<RingSigner, SignError> {
    RingSigner::from_jwk(jwk.to_string().as_bytes(), algorithm)
}

#[test]
fn ed25519_signs_as_rfc_8037_appendix_a_4_says() {
    let signer = RingSigner::from_jwk(ED25519.as_bytes(), Some(Algorithm::EdDSA)).unwrap();
    assert_eq!(
        sign_compact(&signer, Extra::new(), b"Example of Ed25519 signing").unwrap(),
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIb\
         QR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

#[test]
fn a_header_has_members_of_the_caller_and_the_algorithm_and_key_of_the_signer() {
    let signer = testdata::signer(Algorithm::HS256, Some("k"));
    let typ = Extra::from_iter([("typ".to_owned(), "at+jwt".into())]);
    let token = sign_compact(&signer, typ, b"").unwrap();
    let header = base64url::decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&header).unwrap(),
        json!({"alg": "HS256", "kid": "k", "typ": "at+jwt"})
    );
    for name in ["alg", "kid", "crit", "b64"] {
        let header = Extra::from_iter([(name.to_owned(), Value::Null)]);
        assert_eq!(sign_compact(&signer, header, b""), Err(SignError::Header(name)));
    }
}

#[test]
fn the_public_half_verifies_what_the_private_half_signed() {
    for &algorithm in Algorithm::RING {
        let signer = testdata::signer(algorithm, Some("k"));
        let Some(jwk) = signer.public_jwk() else {
            assert!(algorithm.is_symmetric());
            continue;
        };
        let set = json!({"keys": [jwk.to_json()]}).to_string();
        let keys = KeySet::parse(set.as_bytes()).unwrap();
        assert!(keys.set_aside().is_empty(), "{keys:?}");
        let token = sign_compact(&signer, Extra::new(), b"x").unwrap();
        assert!(verify_compact(&token, &keys, AlgorithmSet::ALL, &mut Scratch::default()).is_ok());
    }
}

#[test]
fn pem_is_one_block_of_the_right_kind() {
    let pem = testdata::P256;
    assert!(RingSigner::from_pkcs8_pem(Algorithm::ES256, &pem.replace('\n', "\r\n"), None).is_ok());
    for bad in [
        String::new(),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        pem.replace("PRIVATE", "EC PRIVATE"),
        pem.replace("MI", "M!"),
        format!("{pem}{pem}"),
    ] {
        assert_eq!(
            RingSigner::from_pkcs8_pem(Algorithm::ES256, &bad, None).err(),
            Some(SignError::Pem),
            "{bad}"
        );
    }
}

#[test]
fn a_key_signs_only_for_algorithms_of_its_type() {
    for (algorithm, pem) in [
        (Algorithm::ES384, testdata::P256),
        (Algorithm::ES256, testdata::P384),
        (Algorithm::ES256, testdata::ED25519),
        (Algorithm::EdDSA, testdata::RSA2048),
        (Algorithm::RS256, testdata::P256),
        (Algorithm::PS256, testdata::RSA1024),
    ] {
        let refused = RingSigner::from_pkcs8_pem(algorithm, pem, None).err();
        assert_eq!(refused, Some(SignError::KeyRejected), "{algorithm}");
    }
    for algorithm in [Algorithm::ES512, Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87] {
        let refused = RingSigner::from_pkcs8_pem(algorithm, testdata::P256, None).err();
        assert_eq!(refused, Some(SignError::NeedsBackend(algorithm)));
        let refused = RingSigner::from_jwk(ED25519.as_bytes(), Some(algorithm)).err();
        assert_eq!(refused, Some(SignError::NeedsBackend(algorithm)));
    }
    let hmac = RingSigner::from_pkcs8_pem(Algorithm::HS256, testdata::RSA2048, None);
    assert_eq!(hmac.err(), Some(SignError::AlgorithmMismatch));
    let secret = Secret::new("x".repeat(47));
    assert!(RingSigner::from_secret(Algorithm::HS256, &secret, None).is_ok());
    let short = RingSigner::from_secret(Algorithm::HS384, &secret, None);
    assert_eq!(short.err(), Some(SignError::SecretTooShort));
    let rsa = RingSigner::from_secret(Algorithm::RS256, &secret, None);
    assert_eq!(rsa.err(), Some(SignError::AlgorithmMismatch));
}

#[test]
fn a_jwk_and_its_caller_must_agree_on_the_algorithm() {
    let mut jwk: Value = serde_json::from_str(ED25519).unwrap();
    assert_eq!(from_jwk(&jwk, None).err(), Some(SignError::MissingAlgorithm));
    assert_eq!(from_jwk(&jwk, Some(Algorithm::ES256)).err(), Some(SignError::AlgorithmMismatch));
    assert_eq!(from_jwk(&jwk, Some(Algorithm::HS256)).err(), Some(SignError::AlgorithmMismatch));
    jwk["alg"] = "EdDSA".into();
    jwk["kid"] = "k".into();
    let signer = from_jwk(&jwk, None).unwrap();
    assert_eq!((signer.algorithm(), signer.key_id()), (Algorithm::EdDSA, Some("k")));
    assert_eq!(from_jwk(&jwk, Some(Algorithm::Ed25519)).unwrap().algorithm(), Algorithm::Ed25519);
    assert_eq!(from_jwk(&jwk, Some(Algorithm::RS256)).err(), Some(SignError::AlgorithmMismatch));
    jwk["alg"] = "ECDH-ES".into();
    assert_eq!(from_jwk(&jwk, None).err(), Some(SignError::Jwk(KeyError::UnknownAlgorithm)));
}

#[test]
fn a_private_jwk_is_checked_before_it_signs() {
    let jwk: Value = serde_json::from_str(ED25519).unwrap();
    let with = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        from_jwk(&jwk, Some(Algorithm::EdDSA)).err()
    };
    assert_eq!(with("use", "enc".into()), Some(SignError::Jwk(KeyError::NotForSignatures)));
    assert_eq!(with("key_ops", json!(["verify"])), Some(SignError::Jwk(KeyError::NotForSignatures)));
    assert_eq!(with("key_ops", json!(["sign"])), None);
    assert_eq!(with("d", Value::Null), Some(SignError::Jwk(KeyError::MissingMember("d"))));
    assert_eq!(with("d", "A".into()), Some(SignError::Jwk(KeyError::Base64("d"))));
    assert_eq!(with("d", "AA".into()), Some(SignError::KeyRejected));
    assert_eq!(
        with("d", 5.into()),
        Some(SignError::Json(JsonError::WrongType { member: "d", expected: "a string" }))
    );
    // The halves do not belong together.
    assert_eq!(with("x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()), Some(SignError::KeyRejected));
    let secret = json!({"kty": "oct", "alg": "HS256", "k": base64url::encode(&[7; 31])});
    assert_eq!(from_jwk(&secret, None).err(), Some(SignError::SecretTooShort));
    let secret = json!({"kty": "oct", "alg": "HS256", "k": base64url::encode(&[7; 32])});
    assert!(from_jwk(&secret, None).is_ok_and(|signer| signer.public_jwk().is_none()));
}

#[test]
fn debug_and_the_public_jwk_show_nothing_private() {
    let signer = testdata::signer(Algorithm::HS256, Some("k"));
    assert_eq!(format!("{signer:?}"), r#"RingSigner { algorithm: HS256, kid: Some("k"), .. }"#);
    let signer = RingSigner::from_jwk(ED25519.as_bytes(), Some(Algorithm::EdDSA)).unwrap();
    assert!(!signer.public_jwk().unwrap().to_json().to_string().contains("nWGxne"));
}
