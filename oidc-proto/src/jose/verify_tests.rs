//! Tests of whole tokens: every algorithm and every refusal.

use super::*;
use crate::base::{base64url, json::Extra, secret::Secret};
use crate::jose::{Algorithm, KeyError, sign_compact, testdata};

fn header(json: &str) -> String {
    base64url::encode(json.as_bytes())
}

fn verdict(token: &str, keys: &KeySet, allowed: AlgorithmSet) -> Result<Vec<u8>, JwsError> {
    verify_compact(token, keys, allowed, &mut Scratch::default()).map(|jws| jws.payload().to_vec())
}

#[test]
fn every_algorithm_signs_verifies_and_refuses_every_flipped_bit() {
    for &algorithm in Algorithm::RING {
        let signer = testdata::signer(algorithm, Some("k"));
        let keys = testdata::keys(algorithm, Some("k"));
        let token = sign_compact(&signer, Extra::new(), b"{\"sub\":\"a\"}").unwrap();
        let mut buffers = Scratch::default();
        let jws = verify_compact(&token, &keys, AlgorithmSet::ALL, &mut buffers).unwrap();
        assert_eq!((jws.header().alg(), jws.header().kid()), (algorithm, Some("k")));
        assert_eq!(jws.payload(), b"{\"sub\":\"a\"}");

        let parts: Vec<&str> = token.split('.').collect();
        let signature = base64url::decode(parts[2]).unwrap();
        for position in [0, 1, signature.len() / 2 - 1, signature.len() / 2, signature.len() - 1] {
            for bit in [0, 3, 7] {
                let mut flipped = signature.clone();
                flipped[position] ^= 1 << bit;
                let token = format!("{}.{}.{}", parts[0], parts[1], base64url::encode(&flipped));
                assert!(
                    matches!(
                        verdict(&token, &keys, AlgorithmSet::ALL),
                        Err(JwsError::Signature | JwsError::UnknownKey)
                    ),
                    "{algorithm} {position} {bit}"
                );
            }
        }
        for wrong in
            [&signature[1..], &signature[..signature.len() - 1], &[&signature[..], &[0]].concat(), b""]
        {
            let token = format!("{}.{}.{}", parts[0], parts[1], base64url::encode(wrong));
            assert!(verdict(&token, &keys, AlgorithmSet::ALL).is_err(), "{algorithm} {}", wrong.len());
        }
        let other = format!("{}.{}.{}", parts[0], base64url::encode(b"{\"sub\":\"b\"}"), parts[2]);
        assert!(verdict(&other, &keys, AlgorithmSet::ALL).is_err(), "{algorithm}");
        let narrowed = AlgorithmSet::ALL.without(algorithm);
        assert_eq!(verdict(&token, &keys, narrowed), Err(JwsError::AlgorithmNotAllowed));
    }
}

#[test]
fn a_key_serves_no_algorithm_but_its_own() {
    for &signed in Algorithm::RING {
        let token = sign_compact(&testdata::signer(signed, None), Extra::new(), b"x").unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        for &claimed in Algorithm::RING {
            let twins = [Algorithm::EdDSA, Algorithm::Ed25519];
            if claimed == signed || twins.contains(&claimed) && twins.contains(&signed) {
                continue;
            }
            let token = format!("{}.{rest}", header(&format!(r#"{{"alg":"{claimed}"}}"#)));
            for keys in [testdata::keys(signed, None), testdata::keys(claimed, None)] {
                assert!(verdict(&token, &keys, AlgorithmSet::ALL).is_err(), "{signed} as {claimed}");
            }
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    // The classic confusion: an HMAC whose key is the public key.
    let public = testdata::signer(Algorithm::RS256, None).public_jwk_text();
    let forger = crate::jose::RingSigner::from_secret(Algorithm::HS256, &Secret::new(public), None).unwrap();
    let token = sign_compact(&forger, Extra::new(), b"x").unwrap();
    let keys = testdata::keys(Algorithm::RS256, None);
    assert_eq!(verdict(&token, &keys, AlgorithmSet::ALL), Err(JwsError::UnknownKey));
    assert_eq!(verdict(&token, &keys, AlgorithmSet::ASYMMETRIC), Err(JwsError::AlgorithmNotAllowed));
}

impl crate::jose::RingSigner {
    fn public_jwk_text(&self) -> String {
        crate::jose::Sign::public_jwk(self).unwrap().to_json().to_string()
    }
}

#[test]
fn every_refused_token_has_its_error() {
    let keys = testdata::keys(Algorithm::ES256, Some("k"));
    let good = sign_compact(&testdata::signer(Algorithm::ES256, Some("k")), Extra::new(), b"x").unwrap();
    let (head, rest) = good.split_once('.').unwrap();
    let with = |json: &str| format!("{}.{rest}", header(json));
    for (token, why) in [
        (String::new(), JwsError::NotCompact),
        (head.to_owned(), JwsError::NotCompact),
        (format!("{good}."), JwsError::NotCompact),
        (format!("{good}.a.b"), JwsError::Encrypted),
        (format!("{good}="), JwsError::Base64),
        (format!(" {good}"), JwsError::Base64),
        (format!("{good}\n"), JwsError::Base64),
        (format!("{head}.e===.{}", "A".repeat(86)), JwsError::Base64),
        (with(r#"{"kid":"k"}"#), JwsError::MissingAlgorithm),
        (with(r#"{"alg":"none"}"#), JwsError::Unsigned),
        (format!("{}.e30.", header(r#"{"alg":"none"}"#)), JwsError::Unsigned),
        (with(r#"{"alg":"ES256K","kid":"k"}"#), JwsError::UnknownAlgorithm),
        (with(r#"{"alg":"ES512","kid":"k"}"#), JwsError::KeyMismatch),
        (with(r#"{"alg":"HS256","kid":"k"}"#), JwsError::AlgorithmNotAllowed),
        (with(r#"{"alg":"ES256","kid":"k","crit":["exp"],"exp":1}"#), JwsError::Critical),
        (with(r#"{"alg":"ES256","kid":"K"}"#), JwsError::UnknownKey),
        (with(r#"{"alg":"ES384","kid":"k"}"#), JwsError::KeyMismatch),
        (with(r#"{"alg":"RS256","kid":"k"}"#), JwsError::KeyMismatch),
        (with(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#), JwsError::Signature),
        (format!("{head}.eA."), JwsError::Signature),
    ] {
        assert_eq!(verdict(&token, &keys, AlgorithmSet::ASYMMETRIC), Err(why), "{token}");
    }
    assert_eq!(verdict(&good, &keys, AlgorithmSet::ASYMMETRIC), Ok(b"x".to_vec()));
    let aside = KeySet::parse(br#"{"keys":[{"kty":"EC","kid":"k","crv":"secp256k1"}]}"#).unwrap();
    assert_eq!(
        verdict(&good, &aside, AlgorithmSet::ASYMMETRIC),
        Err(JwsError::KeySetAside(KeyError::UnknownCurve))
    );
}

/// The key is there, and ring cannot verify with it: the error says which backend can, whether or not the caller has
/// allowed the algorithm. A key that nobody publishes says nothing.
#[test]
fn a_token_whose_key_needs_a_backend_is_refused_with_the_name_of_the_backend() {
    let set = br#"{"keys":[{"kty":"EC","kid":"k","crv":"P-521"},{"kty":"AKP","kid":"m","alg":"ML-DSA-65"}]}"#;
    let keys = KeySet::parse(set).unwrap();
    assert!(keys.is_empty());
    let token = |json: &str| format!("{}.e30.AAAA", header(json));
    let lacks = |algorithm| JwsError::KeySetAside(KeyError::NeedsBackend(algorithm));
    for (json, default, all) in [
        (r#"{"alg":"ES512","kid":"k"}"#, lacks(Algorithm::ES512), lacks(Algorithm::ES512)),
        (r#"{"alg":"ML-DSA-65","kid":"m"}"#, lacks(Algorithm::MlDsa65), lacks(Algorithm::MlDsa65)),
        // Anybody can write an algorithm. Only a token that names the key says that the issuer signs so.
        (r#"{"alg":"ES512"}"#, JwsError::AlgorithmNotAllowed, JwsError::UnknownKey),
        (r#"{"alg":"ML-DSA-65"}"#, JwsError::AlgorithmNotAllowed, JwsError::UnknownKey),
        (r#"{"alg":"ES512","kid":"m"}"#, JwsError::AlgorithmNotAllowed, lacks(Algorithm::MlDsa65)),
        (r#"{"alg":"ES512","kid":"x"}"#, JwsError::AlgorithmNotAllowed, JwsError::UnknownKey),
        (r#"{"alg":"ML-DSA-44"}"#, JwsError::AlgorithmNotAllowed, JwsError::UnknownKey),
    ] {
        assert_eq!(verdict(&token(json), &keys, AlgorithmSet::DEFAULT), Err(default), "{json}");
        assert_eq!(verdict(&token(json), &keys, AlgorithmSet::ALL), Err(all), "{json}");
    }
    assert!(lacks(Algorithm::ES512).is_unsupported());
    assert!(!lacks(Algorithm::ES512).wants_newer_keys(), "newer keys need the same backend");
    assert!(JwsError::KeySetAside(KeyError::UnknownCurve).wants_newer_keys());
    assert!(lacks(Algorithm::ES512).to_string().contains("oidc-aws-lc"), "{}", lacks(Algorithm::ES512));
}

#[test]
fn scratch_memory_keeps_nothing_of_the_last_token_and_shows_nothing() {
    let mut buffers = Scratch::default();
    let keys = testdata::keys(Algorithm::HS256, None);
    let signer = testdata::signer(Algorithm::HS256, None);
    let long = sign_compact(&signer, Extra::new(), &[b'x'; 500]).unwrap();
    let short = sign_compact(&signer, Extra::new(), b"y").unwrap();
    assert!(verify_compact(&long, &keys, AlgorithmSet::ALL, &mut buffers).is_ok());
    let jws = verify_compact(&short, &keys, AlgorithmSet::ALL, &mut buffers).unwrap();
    assert_eq!(jws.payload(), b"y");
    assert!(!format!("{jws:?}").contains("121"));
    assert_eq!(format!("{buffers:?}"), "Scratch { .. }");
}

/// The header of the token before is not read again if it is the same, and only then.
#[test]
fn a_token_has_the_same_verdict_whatever_token_came_before_it() {
    let keys = testdata::keys(Algorithm::HS256, None);
    let key = testdata::signer(Algorithm::HS256, None);
    let headers = [
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"HS256","kid":"a"}"#,
        r#"{"alg":"HS256","kid":"b"}"#,
        r#"{"alg":"HS256","kid":"\u0061"}"#,
        r#"{"alg":"HS256","kid":"","typ":"a","x5t#S256":"b"}"#,
        r#"{"alg":"HS256","typ":"a","x5t#S256":"bc"}"#,
        r#"{"alg":"HS256","typ":"ab","x5t#S256":"c"}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"none"}"#,
        r#"{"kid":"a"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        "{}",
        "",
    ];
    let mut tokens: Vec<String> = headers
        .iter()
        .map(|json| {
            let signed = format!("{}.{}", header(json), base64url::encode(json.as_bytes()));
            let signature = crate::jose::Sign::sign(&key, signed.as_bytes()).unwrap();
            format!("{signed}.{}", base64url::encode(&signature))
        })
        .collect();
    let first = tokens[0].clone();
    tokens.extend([format!("{first}="), format!("{first}A"), format!("{first}."), format!("A{first}")]);
    tokens.extend(["..".to_owned(), first.replacen('.', "=.", 1), first.replacen('.', "..", 1)]);
    let verdict = |token: &str, scratch: &mut Scratch| {
        verify_compact(token, &keys, AlgorithmSet::ALL, scratch)
            .map(|jws| format!("{:?} {:?}", jws.header(), jws.payload()))
    };
    let mut used = Scratch::new();
    for before in &tokens {
        for token in &tokens {
            let alone = verdict(token, &mut Scratch::new());
            let _ = verdict(before, &mut used);
            assert_eq!(verdict(token, &mut used), alone, "{token} after {before}");
            assert_eq!(verdict(token, &mut used), alone, "{token} after itself");
        }
    }
    assert_eq!(tokens.iter().filter(|token| verdict(token, &mut used).is_ok()).count(), 7);
}
