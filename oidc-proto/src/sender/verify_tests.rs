//! Tests every check of RFC 9449 section 4.3, one row each.

use super::{super::testdata::*, *};
use crate::jose::{Algorithm, RingSigner, Sign};
use serde_json::{Value, json};

fn verify_with(
    verifier: &DpopVerifier,
    proofs: &[&str],
    token: Option<&str>,
) -> Result<DpopProof, ProofError> {
    let proofs: Vec<_> = proofs.iter().map(|proof| ("dpop", *proof)).collect();
    let token = token.map(Secret::new);
    verifier.verify(&headers(&proofs), &Method::GET, "https://api.example/orders?x=1", token.as_ref(), NOW)
}

fn verify(proof: &str) -> Result<(), ProofError> {
    verify_with(&DpopVerifier::new(), &[proof], Some("token")).map(drop)
}

fn with_claims(changes: Value) -> Result<(), ProofError> {
    verify(&proof("token", changes))
}

fn with_header(changes: Value) -> Result<(), ProofError> {
    verify(&sign(&client(), &with(proof_header(), changes), &proof_claims("token")))
}

#[test]
fn a_valid_proof_names_its_key() {
    let good = proof("token", json!({}));
    let proof = verify_with(&DpopVerifier::new(), &[&good], Some("token")).unwrap();
    assert_eq!((proof.jkt(), proof.next_nonce()), (jkt().as_str(), None));
    assert_eq!(proof.replay_key().until, NOW.plus(60 + 30));
    let without_token = super::super::testdata::proof("", json!({"ath": null}));
    assert!(verify_with(&DpopVerifier::new(), &[&without_token], None).is_ok());
}

#[test]
fn there_is_one_proof_of_a_bounded_size() {
    let good = proof("token", json!({}));
    let verdict = |proofs: &[&str]| verify_with(&DpopVerifier::new(), proofs, Some("token")).map(drop);
    assert_eq!(verdict(&[]), Err(ProofError::Missing));
    assert_eq!(verdict(&[&good, &good]), Err(ProofError::Several));
    assert_eq!(verdict(&[&good, ""]), Err(ProofError::Several));
    assert_eq!(verdict(&[&format!("{good}, {good}")]), Err(ProofError::Several));
    for (bad, why) in [
        ("", JwsError::NotCompact),
        ("a.b", JwsError::NotCompact),
        ("a.b.c.d.e", JwsError::Encrypted),
        ("a=.b.c", JwsError::Base64),
        ("{}", JwsError::NotCompact),
    ] {
        assert_eq!(verify(bad), Err(why.into()), "{bad}");
    }
    // An unknown claim pads the proof to the exact limit.
    let of_length = |padding: usize| proof("token", json!({"x": "x".repeat(padding)}));
    let longest = (0..MAX_PROOF).rev().find(|padding| of_length(*padding).len() <= MAX_PROOF).unwrap();
    assert_eq!(verify(&of_length(longest)), Ok(()));
    assert_eq!(verify(&of_length(longest + 1)), Err(ProofError::TooLarge));
}

#[test]
fn the_header_types_the_proof_and_names_an_asymmetric_algorithm() {
    assert_eq!(with_header(json!({"typ": "DPoP+JWT", "kid": "x", "x5c": ["x"]})), Ok(()));
    for (changes, why) in [
        (json!({"typ": null}), ProofError::Type),
        (json!({"typ": "JWT"}), ProofError::Type),
        (json!({"typ": "at+jwt"}), ProofError::Type),
        (json!({"typ": "dpop+jwt "}), ProofError::Type),
        (json!({"alg": "none"}), JwsError::Unsigned.into()),
        (json!({"alg": "HS256"}), JwsError::AlgorithmNotAllowed.into()),
        (json!({"alg": "ES384"}), JwsError::KeyMismatch.into()),
        (json!({"alg": "RS256"}), JwsError::KeyMismatch.into()),
        (json!({"crit": ["exp"]}), JwsError::Critical.into()),
        (json!({"b64": false}), JwsError::Critical.into()),
    ] {
        assert_eq!(with_header(changes.clone()), Err(why), "{changes}");
    }
    let only = DpopVerifier::new().algorithms(AlgorithmSet::EMPTY.with(Algorithm::PS256));
    let good = proof("token", json!({}));
    let refused = verify_with(&only, &[&good], Some("token")).map(drop);
    assert_eq!(refused, Err(JwsError::AlgorithmNotAllowed.into()));
    assert_eq!(only.algorithm_names(), "PS256");
    let again = only.algorithms(AlgorithmSet::ALL);
    assert_eq!(again.algorithm_names(), "PS256", "a second call only narrows the set");
    assert_eq!(DpopVerifier::new().algorithms(AlgorithmSet::ALL).algorithms, AlgorithmSet::DEFAULT);
}

/// Anybody can send a proof, and the check of its key costs up to a hundred times as much as all other checks.
#[test]
fn the_key_of_a_proof_is_checked_after_its_claims() {
    let mut header = proof_header();
    header["jwk"]["y"] = header["jwk"]["x"].clone();
    let unsound = Err(ProofError::Key(KeyError::BadPoint));
    let judged = |changes| verify(&sign(&client(), &header, &with(proof_claims("token"), changes)));
    assert_eq!(judged(json!({})), unsound);
    for (changes, why) in [
        (json!({"jti": null}), ProofError::MissingClaim("jti")),
        (json!({"jti": ""}), ProofError::Identifier),
        (json!({"htm": "POST"}), ProofError::Method),
        (json!({"htu": "https://other.example/orders"}), ProofError::Target),
        (
            json!({"iat": NOW.0 - 91}),
            ProofError::TooOld { ago: Duration::from_secs(91), allowed: Duration::from_secs(90) },
        ),
        (
            json!({"iat": NOW.0 + 31}),
            ProofError::FromFuture { ahead: Duration::from_secs(31), leeway: Duration::from_secs(30) },
        ),
        (json!({"ath": null}), ProofError::MissingClaim("ath")),
        (json!({"ath": "x"}), ProofError::TokenHash),
    ] {
        assert_eq!(judged(changes.clone()), Err(why), "{changes}");
    }
    let demanding = DpopVerifier::new().demand_nonce(NonceKeys::new(&[1; 32]));
    let proof = sign(&client(), &header, &proof_claims("token"));
    assert_eq!(verify_with(&demanding, &[&proof], Some("token")).err(), Some(ProofError::Nonce));
}

#[test]
fn d16_the_key_is_public_sound_and_the_one_that_signed() {
    let jwk = proof_header()["jwk"].clone();
    let changed = |changes| json!({"jwk": with(jwk.clone(), changes)});
    let padded = format!("{}=", jwk["x"].as_str().unwrap());
    let weak = "w".repeat(86);
    for (changes, why) in [
        (json!({"jwk": null}), ProofError::MissingKey),
        (
            json!({"jwk": "x"}),
            JwsError::Header(JsonError::WrongType { member: "jwk", expected: "an object" }).into(),
        ),
        (changed(json!({"d": "AA"})), ProofError::Key(KeyError::PrivateMembers)),
        (changed(json!({"kty": null})), ProofError::Key(KeyError::MissingMember("kty"))),
        (changed(json!({"y": null})), ProofError::Key(KeyError::MissingMember("y"))),
        (changed(json!({"y": jwk["x"]})), ProofError::Key(KeyError::BadPoint)),
        (changed(json!({"use": "enc"})), ProofError::Key(KeyError::NotForSignatures)),
        // The spellings that are read in key sets are not read here.
        (changed(json!({"use": ""})), ProofError::Key(KeyError::NotForSignatures)),
        (changed(json!({"key_ops": ["sign"]})), ProofError::Key(KeyError::NotForSignatures)),
        (changed(json!({"key_ops": "verify"})), ProofError::Key(KeyError::WrongType("key_ops"))),
        (changed(json!({"x": padded})), ProofError::Key(KeyError::Base64("x"))),
        (json!({"jwk": {"kty": "oct", "k": "A".repeat(86)}}), ProofError::Key(KeyError::UnknownKeyType)),
        (json!({"jwk": {"kty": "RSA", "e": "AQAB", "n": weak}}), ProofError::Key(KeyError::RsaTooShort)),
        (json!({"jwk": {"kty": "AKP", "pub": "AA"}}), ProofError::Key(KeyError::UnknownKeyType)),
        (json!({"jwk": {"kty": "EC", "crv": "P-521"}}), ProofError::Key(KeyError::UnknownCurve)),
    ] {
        assert_eq!(with_header(changes.clone()), Err(why), "{changes}");
    }
    let rsa = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= (8 - bits % 8) % 8;
        json!({"alg": "RS256", "jwk": {"kty": "RSA", "e": "AQAB", "n": base64url::encode(&n)}})
    };
    for (bits, why) in [
        (2047, ProofError::Key(KeyError::RsaTooShort)),
        (2048, JwsError::Signature.into()),
        (MAX_EMBEDDED_RSA, JwsError::Signature.into()),
        (MAX_EMBEDDED_RSA + 1, ProofError::KeyTooLong),
        (8192, ProofError::KeyTooLong),
        (8193, ProofError::KeyTooLong),
    ] {
        assert_eq!(with_header(rsa(bits)), Err(why), "{bits}");
    }
    let mut spelt_otherwise = rsa(2048);
    let n = base64url::decode(spelt_otherwise["jwk"]["n"].as_str().unwrap()).unwrap();
    spelt_otherwise["jwk"]["n"] = base64url::encode(&[&[0], &n[..]].concat()).into();
    assert_eq!(with_header(spelt_otherwise), Err(ProofError::Key(KeyError::LeadingZero("n"))));
    // HMAC with a secret that the proof itself carries.
    let secret = RingSigner::from_secret(Algorithm::HS256, &Secret::new("x".repeat(64)), None).unwrap();
    let jwk = json!({"kty": "oct", "k": base64url::encode("x".repeat(64).as_bytes())});
    let header = with(proof_header(), json!({"alg": "HS256", "jwk": jwk}));
    assert_eq!(
        verify(&sign(&secret, &header, &proof_claims("token"))),
        Err(JwsError::AlgorithmNotAllowed.into())
    );
    // Signed by one key, with another in the header.
    let other = issuer().public_jwk().unwrap().to_json();
    let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": other});
    assert_eq!(verify(&sign(&client(), &header, &proof_claims("token"))), Err(JwsError::Signature.into()));
    assert_eq!(
        verify(&sign(&issuer(), &header, &proof_claims("token"))),
        Ok(()),
        "its own key has signed it"
    );
    let mut tampered = proof("token", json!({}));
    let last = tampered.len() - 10;
    tampered.replace_range(last..=last, if tampered.get(last..=last) == Some("A") { "B" } else { "A" });
    assert_eq!(verify(&tampered), Err(JwsError::Signature.into()));
}

#[test]
fn the_claims_are_there_typed_and_of_this_request() {
    let wrong = |member, expected| ProofError::Claims(JsonError::WrongType { member, expected });
    for (changes, why) in [
        (json!({"jti": null}), ProofError::MissingClaim("jti")),
        (json!({"htm": null}), ProofError::MissingClaim("htm")),
        (json!({"htu": null}), ProofError::MissingClaim("htu")),
        (json!({"iat": null}), ProofError::MissingClaim("iat")),
        (json!({"ath": null}), ProofError::MissingClaim("ath")),
        (json!({"jti": 5}), wrong("jti", "a string")),
        (json!({"htm": ["GET"]}), wrong("htm", "a string")),
        (json!({"iat": "1"}), wrong("iat", "a date in seconds")),
        (json!({"iat": 1e300}), wrong("iat", "a date in seconds")),
        (json!({"nonce": 5}), wrong("nonce", "a string")),
        (json!({"jti": ""}), ProofError::Identifier),
        (json!({"jti": "j".repeat(MAX_JTI + 1)}), ProofError::Identifier),
        (json!({"htm": "POST"}), ProofError::Method),
        (json!({"htm": "get"}), ProofError::Method),
        (json!({"htu": "https://api.example/orders/"}), ProofError::Target),
        (json!({"htu": "http://api.example/orders"}), ProofError::Target),
        (json!({"htu": "https://api.example:8443/orders"}), ProofError::Target),
        (json!({"htu": "https://other.example/orders"}), ProofError::Target),
        (json!({"htu": "/orders"}), ProofError::Target),
        (json!({"htu": ""}), ProofError::Target),
        (json!({"ath": "x"}), ProofError::TokenHash),
        (json!({"ath": ""}), ProofError::TokenHash),
    ] {
        assert_eq!(with_claims(changes.clone()), Err(why), "{changes}");
    }
    for changes in [
        json!({"jti": "j".repeat(MAX_JTI)}),
        json!({"htu": "HTTPS://API.example:443/%6frders?y=2#z"}),
        json!({"iat": NOW.0 as f64 + 0.9}),
        json!({"extra": {"deep": [1]}, "nonce": "whatever"}),
    ] {
        assert_eq!(with_claims(changes.clone()), Ok(()), "{changes}");
    }
    let twice = r#"{"jti":"a","jti":"b"}"#;
    let signed = format!(
        "{}.{}",
        base64url::encode(proof_header().to_string().as_bytes()),
        base64url::encode(twice.as_bytes())
    );
    let signature = base64url::encode(&client().sign(signed.as_bytes()).unwrap());
    assert_eq!(verify(&format!("{signed}.{signature}")), Err(ProofError::Claims(JsonError::DuplicateMember)));
}

#[test]
fn d18_the_window_is_exact_and_leeway_is_only_ever_lenient() {
    let at = |offset: i64, leeway: u64| {
        let verifier = DpopVerifier::new().leeway(Duration::from_secs(leeway));
        let proof = proof("token", json!({"iat": NOW.0 + offset}));
        verify_with(&verifier, &[&proof], Some("token")).map(drop)
    };
    for (offset, leeway, verdict) in [
        (-60, 0, Ok(())),
        (-61, 0, Err(ProofError::TooOld { ago: Duration::from_secs(61), allowed: Duration::from_secs(60) })),
        (0, 0, Ok(())),
        (1, 0, Err(ProofError::FromFuture { ahead: Duration::from_secs(1), leeway: Duration::from_secs(0) })),
        (-90, 30, Ok(())),
        (-91, 30, Err(ProofError::TooOld { ago: Duration::from_secs(91), allowed: Duration::from_secs(90) })),
        (30, 30, Ok(())),
        (
            31,
            30,
            Err(ProofError::FromFuture { ahead: Duration::from_secs(31), leeway: Duration::from_secs(30) }),
        ),
        (600, u64::MAX, Ok(())),
        (
            601,
            u64::MAX,
            Err(ProofError::FromFuture { ahead: Duration::from_secs(601), leeway: Duration::from_secs(600) }),
        ),
    ] {
        assert_eq!(at(offset, leeway), verdict, "{offset} {leeway}");
    }
    let brief = DpopVerifier::new().max_age(Duration::ZERO).leeway(Duration::ZERO);
    let old = proof("token", json!({"iat": NOW.0 - 1}));
    assert_eq!(
        verify_with(&brief, &[&old], Some("token")).map(drop),
        Err(ProofError::TooOld { ago: Duration::from_secs(1), allowed: Duration::from_secs(0) })
    );
}

#[test]
fn d15_a_demanded_nonce_is_demanded_whatever_the_proof_says() {
    let keys = NonceKeys::new(&[7; 32]);
    let verifier = DpopVerifier::new().demand_nonce(keys.clone());
    let at = |nonce: Value| {
        let changes = json!({"nonce": nonce, "nonce_supported": false});
        verify_with(&verifier, &[&proof("token", changes)], Some("token"))
    };
    assert_eq!(at(Value::Null).map(drop), Err(ProofError::Nonce));
    assert_eq!(at(json!("")).map(drop), Err(ProofError::Nonce));
    assert_eq!(at(json!(keys.nonce(NOW.plus(-600)))).map(drop), Err(ProofError::Nonce));
    assert_eq!(at(json!(NonceKeys::new(&[8; 32]).nonce(NOW))).map(drop), Err(ProofError::Nonce));
    assert_eq!(at(json!(keys.nonce(NOW))).unwrap().next_nonce(), None);
    let renewed = at(json!(keys.nonce(NOW.plus(-120)))).unwrap();
    assert_eq!(renewed.next_nonce(), verifier.nonce(NOW).as_deref());
}
