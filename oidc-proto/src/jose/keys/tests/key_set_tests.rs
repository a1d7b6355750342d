//! Tests of key sets: each reason to set a key aside, and the choice of the key for a token.

use super::*;
use crate::base::{base64url, json::JsonError};
use crate::jose::{Algorithm, MAX_CANDIDATES, MAX_KEYS, MAX_WORK, RingSigner, Sign, testdata};
use serde_json::{Value, json};

fn set(keys: &Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn reason(key: &Value) -> Option<KeyError> {
    let set = set(&json!([key]));
    assert_eq!(set.keys().count() + set.set_aside().len(), 1);
    set.set_aside().first().map(|key| key.reason)
}

fn rsa(bits: usize, last: u8, e: &str) -> Value {
    let mut n = vec![0; bits.div_ceil(8)];
    n[0] = 1 << ((bits - 1) % 8);
    *n.last_mut().unwrap() |= last;
    json!({"kty": "RSA", "n": base64url::encode(&n), "e": e})
}

/// Returns an RSA key whose modulus has a zero byte for its sign before it, and `more` further zero bytes.
fn signed(more: usize, bits: usize) -> Value {
    let mut key = rsa(bits, 1, "AQAB");
    let n = base64url::decode(key["n"].as_str().unwrap()).unwrap();
    key["n"] = base64url::encode(&[&vec![0; more + 1], &n[..]].concat()).into();
    key
}

/// Returns 65537 to the power of 128, which has 2049 bits. It has the mark of the broken generator.
fn power_of_65537() -> Vec<u8> {
    let mut number = vec![1_u8];
    for _ in 0..128 {
        // Multiplies by 2^16 and adds the number.
        let mut sum = [&[0, 0], &number[..], &[0, 0]].concat();
        let mut carry = 0;
        for index in (0..sum.len()).rev() {
            let other = index.checked_sub(sum.len() - number.len()).map_or(0, |at| number[at]);
            let total = u16::from(sum[index]) + u16::from(other) + carry;
            sum[index] = total.to_be_bytes()[1];
            carry = total >> 8;
        }
        let start = sum.iter().position(|byte| *byte != 0).unwrap();
        number = sum[start..].to_vec();
    }
    number
}

fn with(mut key: Value, name: &str, value: impl Into<Value>) -> Value {
    key[name] = value.into();
    key
}

#[test]
fn a_modulus_may_have_the_zero_octet_of_its_sign() {
    assert_eq!(reason(&signed(0, 2048)), None);
    let mut jwk = testdata::jwk(testdata::RSA2048, Algorithm::RS256);
    let n = base64url::decode(&jwk.n.unwrap()).unwrap();
    jwk.n = Some(base64url::encode(&[&[0], &n[..]].concat()));
    let keys = KeySet::from_jwks([jwk]).unwrap();
    let signature = testdata::signer(Algorithm::RS256, None).sign(b"text").unwrap();
    let key = keys.keys().next().unwrap();
    assert!(key.verify(Algorithm::RS256, b"text", &signature));
    assert_eq!(key.thumbprint(), None, "a modulus that is not canonical has no thumbprint");
}

#[test]
fn every_reason_to_set_a_key_aside() {
    let p256 = testdata::jwk(testdata::P256, Algorithm::ES256).to_json();
    let p384 = testdata::jwk(testdata::P384, Algorithm::ES384).to_json();
    let ed = testdata::jwk(testdata::ED25519, Algorithm::EdDSA).to_json();
    let good = rsa(2048, 1, "AQAB");
    let oct = |length| json!({"kty": "oct", "k": base64url::encode(&vec![7; length])});
    assert_eq!(reason(&p256), None);
    let length = |member, bytes, needs| KeyError::Length { member, bytes, needs };
    for (key, why) in [
        (json!(5), KeyError::NotAnObject),
        (json!({"kid": "a"}), KeyError::MissingMember("kty")),
        (json!({"kty": ["RSA"]}), KeyError::WrongType("kty")),
        (with(good.clone(), "kid", 5), KeyError::WrongType("kid")),
        (with(good.clone(), "key_ops", 5), KeyError::WrongType("key_ops")),
        (with(good.clone(), "e", 65537), KeyError::WrongType("e")),
        (with(good.clone(), "n", Value::Null), KeyError::MissingMember("n")),
        (json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}), KeyError::NeedsBackend(Algorithm::MlDsa44)),
        (json!({"kty": "AKP", "pub": "AA"}), KeyError::MissingMember("alg")),
        (json!({"kty": "AKP", "alg": "ES512", "pub": "AA"}), KeyError::UnknownAlgorithm),
        (json!({"kty": "rsa"}), KeyError::UnknownKeyType),
        (json!({"kty": "EC", "crv": "P-521"}), KeyError::NeedsBackend(Algorithm::ES512)),
        (json!({"kty": "EC", "crv": "secp256k1"}), KeyError::UnknownCurve),
        (json!({"kty": "OKP", "crv": "Ed448"}), KeyError::UnknownCurve),
        (json!({"kty": "OKP", "crv": "X25519"}), KeyError::UnknownCurve),
        (json!({"kty": "EC"}), KeyError::MissingMember("crv")),
        (with(p256.clone(), "alg", "ECDH-ES"), KeyError::UnknownAlgorithm),
        (with(p256.clone(), "alg", "none"), KeyError::UnknownAlgorithm),
        (with(p256.clone(), "alg", "ES384"), KeyError::AlgorithmMismatch),
        (with(p256.clone(), "alg", "HS256"), KeyError::AlgorithmMismatch),
        (with(ed.clone(), "alg", "ES256"), KeyError::AlgorithmMismatch),
        (with(good.clone(), "use", "enc"), KeyError::NotForSignatures),
        (with(good.clone(), "key_ops", json!(["encrypt"])), KeyError::NotForSignatures),
        (with(good.clone(), "key_ops", json!([])), KeyError::NotForSignatures),
        (rsa(1024, 1, "AQAB"), KeyError::RsaTooShort),
        (rsa(2047, 1, "AQAB"), KeyError::RsaTooShort),
        (with(good.clone(), "n", ""), KeyError::RsaTooShort),
        (rsa(8193, 1, "AQAB"), KeyError::RsaTooLong),
        (rsa(2048, 0, "AQAB"), KeyError::RsaModulus),
        (with(good.clone(), "n", base64url::encode(&power_of_65537())), KeyError::RsaBroken),
        (rsa(2048, 1, "AQ"), KeyError::RsaExponent),
        (rsa(2048, 1, "AQAA"), KeyError::RsaExponent),
        (rsa(2048, 1, ""), KeyError::RsaExponent),
        (rsa(2048, 1, "AgAAAAE"), KeyError::RsaExponent),
        (rsa(2048, 1, "AQAAAAAAAAAAAQ"), KeyError::RsaExponent),
        (rsa(2048, 1, "AAEAAQ"), KeyError::LeadingZero("e")),
        (with(good.clone(), "n", "AAAA"), KeyError::LeadingZero("n")),
        (signed(0, 2047), KeyError::LeadingZero("n")),
        (signed(1, 2048), KeyError::LeadingZero("n")),
        (signed(0, 1024), KeyError::RsaTooShort),
        (rsa(2048, 1, "AQAB=="), KeyError::Base64("e")),
        (with(p256.clone(), "x", "+/"), KeyError::Base64("x")),
        (with(p256.clone(), "x", p256["y"].clone()), KeyError::BadPoint),
        (with(p256.clone(), "y", "AA"), length("y", 1, 32)),
        (with(p384.clone(), "x", p256["x"].clone()), length("x", 32, 48)),
        (with(p256.clone(), "x", p384["x"].clone()), length("x", 48, 32)),
        (with(p256.clone(), "x", base64url::encode(&[7; 31])), length("x", 31, 32)),
        (with(p256.clone(), "x", ""), length("x", 0, 32)),
        (with(p384.clone(), "y", p384["x"].clone()), KeyError::BadPoint),
        (with(ed.clone(), "x", "AA"), length("x", 1, 32)),
        (with(ed.clone(), "x", base64url::encode(&[7; 33])), length("x", 33, 32)),
        (with(ed.clone(), "x", base64url::encode(&[0; 32])), KeyError::BadPoint),
        (with(p256.clone(), "y", Value::Null), KeyError::MissingMember("y")),
        (json!({"kty": "oct"}), KeyError::MissingMember("k")),
        (json!({"kty": "oct", "k": ""}), KeyError::SecretTooShort),
        (json!({"kty": "oct", "k": "A"}), KeyError::Base64("k")),
        (oct(31), KeyError::SecretTooShort),
        (with(oct(63), "alg", "HS512"), KeyError::SecretTooShort),
        (with(p256.clone(), "d", "AA"), KeyError::PrivateMembers),
        (with(good.clone(), "p", "AA"), KeyError::PrivateMembers),
    ] {
        assert_eq!(reason(&key), Some(why), "{key}");
        assert!(!why.to_string().is_empty());
    }
    for key in [rsa(2048, 1, "Aw"), rsa(2049, 1, "AQAB"), rsa(8192, 1, "Af____8"), oct(32)] {
        assert_eq!(reason(&key), None, "{key}");
    }
}

#[test]
fn a_point_of_small_order_is_not_a_key_because_anyone_can_sign_with_it() {
    let neutral: Vec<u8> = [1].into_iter().chain([0; 31]).collect();
    // With the neutral element as the key, this is a signature of every message.
    let forged = [&neutral[..], &[0; 32]].concat();
    let raw = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &neutral);
    assert!(raw.verify(b"any message", &forged).is_ok(), "this is why the check is needed");
    let key = |point: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(point)});
    let minus: Vec<u8> = [0xec].into_iter().chain([0xff; 30]).chain([0x7f]).collect();
    for mut point in [neutral, vec![0; 32], minus] {
        assert_eq!(reason(&key(&point)), Some(KeyError::BadPoint));
        point[31] |= 0x80;
        assert_eq!(reason(&key(&point)), Some(KeyError::BadPoint));
    }
}

#[test]
fn a_key_is_bound_to_its_algorithms() {
    let names = |key: &Value| {
        let set = set(&json!([key]));
        format!("{:?}", set.keys().next().unwrap().algorithms())
    };
    let rsa = rsa(2048, 1, "AQAB");
    assert_eq!(names(&rsa), "{RS256, RS384, RS512, PS256, PS384, PS512}");
    assert_eq!(names(&with(rsa, "alg", "PS384")), "{PS384}");
    assert_eq!(names(&testdata::jwk(testdata::P256, Algorithm::ES256).to_json()), "{ES256}");
    assert_eq!(names(&testdata::jwk(testdata::P384, Algorithm::ES384).to_json()), "{ES384}");
    let ed = testdata::jwk(testdata::ED25519, Algorithm::EdDSA).to_json();
    for key in [ed.clone(), with(ed.clone(), "alg", "EdDSA"), with(ed, "alg", "Ed25519")] {
        assert_eq!(names(&key), "{EdDSA, Ed25519}");
    }
    let secret = json!({"kty": "oct", "k": base64url::encode(&[7; 50])});
    assert_eq!(names(&secret), "{HS256, HS384}");
    assert_eq!(names(&with(secret, "alg", "HS256")), "{HS256}");
}

#[test]
fn one_unusable_key_is_set_aside_but_an_unreadable_document_is_refused() {
    let good = testdata::jwk(testdata::P256, Algorithm::ES256).to_json();
    let mixed = set(&json!([5, with(good.clone(), "kid", "a"), {"kty": "XKP", "kid": "pq"}, good]));
    assert_eq!(mixed.keys().count(), 2);
    assert_eq!(mixed.set_aside().len(), 2);
    assert_eq!(
        mixed.set_aside()[1],
        UnusableKey { kid: Some("pq".to_owned()), reason: KeyError::UnknownKeyType }
    );
    assert!(mixed.knows("a") && !mixed.knows("pq") && !mixed.is_empty());

    let wrong = KeySetError::Json(JsonError::WrongType { member: "keys", expected: "an array" });
    for (text, why) in [
        ("", KeySetError::Json(JsonError::NotJson)),
        ("[]", KeySetError::Json(JsonError::NotAnObject)),
        ("{}", KeySetError::NoKeys),
        (r#"{"keys":null}"#, KeySetError::NoKeys),
        (r#"{"keys":{}}"#, wrong),
        (r#"{"keys":[],"keys":[]}"#, KeySetError::Json(JsonError::DuplicateMember)),
        (r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#, KeySetError::Json(JsonError::DuplicateMember)),
    ] {
        assert_eq!(KeySet::parse(text.as_bytes()).err(), Some(why), "{text}");
    }
    let many = |count| json!({"keys": vec![json!({}); count]}).to_string();
    assert_eq!(KeySet::parse(many(MAX_KEYS).as_bytes()).unwrap().set_aside().len(), MAX_KEYS);
    assert_eq!(
        KeySet::parse(many(MAX_KEYS + 1).as_bytes()).err(),
        Some(KeySetError::TooManyKeys { max_keys: MAX_KEYS })
    );
    let jwks = vec![testdata::jwk(testdata::P256, Algorithm::ES256); MAX_KEYS + 1];
    assert_eq!(KeySet::from_jwks(jwks).err(), Some(KeySetError::TooManyKeys { max_keys: MAX_KEYS }));
}

#[test]
fn a_secret_is_bound_to_the_algorithms_that_it_is_long_enough_for() {
    let served = |length| {
        let set = KeySet::from_secret(&Secret::new("x".repeat(length)));
        set.keys().next().map(|key| format!("{:?}", key.algorithms()))
    };
    assert_eq!(served(31), None);
    assert_eq!(served(32).as_deref(), Some("{HS256}"));
    assert_eq!(served(48).as_deref(), Some("{HS256, HS384}"));
    assert_eq!(served(64).as_deref(), Some("{HS256, HS384, HS512}"));
    let empty = KeySet::from_secret(&Secret::new(""));
    assert!(empty.is_empty());
    assert_eq!(empty.set_aside()[0].reason, KeyError::SecretTooShort);
}

/// Returns the verdict on a signature of this signer, with this key name and certificate thumbprint in the header.
fn chosen(
    keys: &KeySet,
    signer: &RingSigner,
    kid: Option<&str>,
    x5t: Option<&str>,
) -> Result<Option<String>, JwsError> {
    let signature = signer.sign(b"message").unwrap();
    let header = Header {
        alg: signer.algorithm(),
        kid: kid.map(Into::into),
        typ: None,
        x5t_s256: x5t.map(Into::into),
    };
    keys.verify(&header, AlgorithmSet::ALL, b"message", &signature).map(|key| key.kid().map(str::to_owned))
}

fn ed25519(seed: u8) -> RingSigner {
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "d": base64url::encode(&[seed; 32]),
                     "x": base64url::encode(pair.public_key().as_ref())});
    RingSigner::from_jwk(jwk.to_string().as_bytes(), Some(Algorithm::EdDSA)).unwrap()
}

fn named(signer: &RingSigner, kid: Option<&str>, x5t: Option<&str>) -> Jwk {
    let mut jwk = signer.public_jwk().unwrap();
    (jwk.kid, jwk.x5t_s256) = (kid.map(str::to_owned), x5t.map(str::to_owned));
    jwk
}

#[test]
fn kid_chooses_the_key_and_the_certificate_thumbprint_only_without_a_kid() {
    let (a, b, c) = (ed25519(1), ed25519(2), ed25519(3));
    let keys = KeySet::from_jwks([
        named(&a, Some("a"), None),
        named(&b, Some("b"), Some("t")),
        named(&c, Some("c"), Some("u")),
    ])
    .unwrap();
    let found = |kid: &str| Ok(Some(kid.to_owned()));
    assert_eq!(chosen(&keys, &a, Some("a"), None), found("a"));
    assert_eq!(chosen(&keys, &b, Some("a"), None), Err(JwsError::Signature));
    assert_eq!(chosen(&keys, &a, Some("A"), None), Err(JwsError::UnknownKey));
    assert_eq!(chosen(&keys, &a, Some("a"), Some("t")), found("a"), "`kid` has precedence");
    assert_eq!(chosen(&keys, &b, None, Some("t")), found("b"));
    assert_eq!(chosen(&keys, &c, None, Some("t")), Err(JwsError::Signature));
    assert_eq!(chosen(&keys, &b, None, Some("v")), Err(JwsError::UnknownKey));
    assert_eq!(
        chosen(&keys, &a, None, Some("v")),
        found("a"),
        "`a` has no certificate thumbprint, so it is tried"
    );
    assert_eq!(chosen(&keys, &c, None, None), found("c"));
    assert_eq!(chosen(&keys, &ed25519(4), None, None), Err(JwsError::Signature));
    assert_eq!(chosen(&KeySet::default(), &a, None, None), Err(JwsError::UnknownKey));
    assert_eq!(
        chosen(&keys, &testdata::signer(Algorithm::ES256, None), Some("a"), None),
        Err(JwsError::KeyMismatch)
    );
}

#[test]
fn two_keys_of_one_name_are_both_tried() {
    let (a, b) = (ed25519(1), ed25519(2));
    let keys = KeySet::from_jwks([named(&a, Some("same"), None), named(&b, Some("same"), None)]).unwrap();
    assert!(chosen(&keys, &a, Some("same"), None).is_ok());
    assert!(chosen(&keys, &b, Some("same"), None).is_ok());
    assert_eq!(chosen(&keys, &ed25519(3), Some("same"), None), Err(JwsError::Signature));
}

/// The two names have the same print in the index.
#[test]
fn a_name_with_the_print_of_another_is_another_name() {
    let [one, other] = ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"];
    let (a, b) = (ed25519(1), ed25519(2));
    let keys = KeySet::from_jwks([named(&a, Some(one), Some(one))]).unwrap();
    assert!(keys.knows(one) && !keys.knows(other));
    assert_eq!(chosen(&keys, &a, Some(other), None), Err(JwsError::UnknownKey));
    assert_eq!(chosen(&keys, &a, None, Some(other)), Err(JwsError::UnknownKey));
    let both = KeySet::from_jwks([named(&a, Some(one), None), named(&b, Some(other), None)]).unwrap();
    assert!(chosen(&both, &a, Some(one), None).is_ok() && chosen(&both, &b, Some(other), None).is_ok());
    assert_eq!(chosen(&both, &a, Some(other), None), Err(JwsError::Signature));
    let aside = set(&json!([{"kty": "new", "kid": one}]));
    assert_eq!(chosen(&aside, &a, Some(other), None), Err(JwsError::UnknownKey));
}

#[test]
fn a_nameless_key_is_tried_for_an_unknown_name_but_not_for_a_known_name() {
    let (a, b) = (ed25519(1), ed25519(2));
    let keys = KeySet::from_jwks([named(&a, None, None), named(&b, Some("b"), None)]).unwrap();
    assert_eq!(chosen(&keys, &a, Some("new"), None), Ok(None));
    assert_eq!(chosen(&keys, &a, Some("b"), None), Err(JwsError::Signature));
    assert_eq!(chosen(&keys, &ed25519(3), Some("new"), None), Err(JwsError::UnknownKey));
}

#[test]
fn the_cost_of_a_token_that_names_no_key_is_bounded() {
    let crowd = |count: u8| {
        KeySet::from_jwks((0..count).map(|seed| named(&ed25519(seed), Some(&seed.to_string()), None)))
            .unwrap()
    };
    let last = u8::try_from(MAX_CANDIDATES).unwrap() - 1;
    assert!(chosen(&crowd(last + 1), &ed25519(last), None, None).is_ok());
    assert_eq!(chosen(&crowd(last + 1), &ed25519(99), None, None), Err(JwsError::Signature));
    let beyond = chosen(&crowd(last + 2), &ed25519(last + 1), None, None);
    assert_eq!(beyond, Err(JwsError::TooManyCandidates));
    let by_name = chosen(&crowd(100), &ed25519(99), Some("99"), None);
    assert_eq!(by_name, Ok(Some("99".to_owned())));
}

/// Counts the cost of sets of the most expensive keys: number, length and exponent together.
#[test]
fn the_work_for_a_token_that_names_no_key_is_bounded_whatever_the_keys_are() {
    let p384 = || testdata::jwk(testdata::P384, Algorithm::ES384).to_json();
    let p256 = || testdata::jwk(testdata::P256, Algorithm::ES256).to_json();
    let work = |key: Value| set(&json!([key])).keys().next().unwrap().work();
    for (key, products) in [
        (rsa(2048, 1, "Aw"), 32 * 32 * (9 + 1 + 1)),
        (rsa(2048, 1, "AQAB"), 32 * 32 * (9 + 16 + 1)),
        (rsa(2049, 1, "AQAB"), 33 * 33 * (9 + 16 + 1)),
        (rsa(4096, 1, "AQAB"), 64 * 64 * (9 + 16 + 1)),
        (rsa(8192, 1, "AQAB"), 128 * 128 * (9 + 16 + 1)),
        (rsa(8192, 1, "Af____8"), 128 * 128 * (9 + 32 + 32)),
        (p256(), 60_000),
        (p384(), 1_050_000),
    ] {
        assert_eq!(work(key.clone()), products, "{key}");
        assert!(products <= MAX_WORK, "no single key costs too much");
    }
    // The number of these keys that are tried before the last key of the set, which has signed the token.
    let tried = |crowd: &dyn Fn(u8) -> Value, algorithm: Algorithm| {
        let pem = if algorithm == Algorithm::ES384 { testdata::P384 } else { testdata::RSA2048 };
        let mine = testdata::jwk(pem, algorithm).to_json();
        (0..20_u8)
            .take_while(|before| {
                let keys: Vec<_> = (0..*before).map(crowd).chain([mine.clone()]).collect();
                match chosen_by(&set(&json!(keys)), &testdata::signer(algorithm, None)) {
                    Ok(()) => true,
                    Err(JwsError::TooManyCandidates) => false,
                    Err(why) => panic!("{why}"),
                }
            })
            .last()
            .unwrap()
    };
    let long = |bits: usize, e: &'static str| {
        move |seed: u8| {
            let mut key = rsa(bits, 1, e);
            let mut n = base64url::decode(key["n"].as_str().unwrap()).unwrap();
            n[9] = seed;
            key["n"] = base64url::encode(&n).into();
            key
        }
    };
    for (bits, e, others) in
        [(2048, "AQAB", 7), (4096, "AQAB", 7), (8192, "Aw", 7), (8192, "AQAB", 4), (8192, "Af____8", 1)]
    {
        let before = tried(&long(bits, e), Algorithm::RS256);
        assert_eq!(before, others, "{bits} {e}");
        let all = u32::from(before) * work(long(bits, e)(0)) + work(rsa(2048, 1, "AQAB"));
        assert!(all <= MAX_WORK, "{all}");
    }
    assert_eq!(
        tried(&|_| other_p384(), Algorithm::ES384),
        1,
        "one other key on the most expensive curve is tried"
    );
}

/// Returns another key on P-384.
fn other_p384() -> Value {
    use ring::{rand::SystemRandom, signature};
    let rng = SystemRandom::new();
    let pkcs8 =
        signature::EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &rng).unwrap();
    RingSigner::from_pkcs8(Algorithm::ES384, pkcs8.as_ref(), None).unwrap().public_jwk().unwrap().to_json()
}

fn chosen_by(keys: &KeySet, signer: &RingSigner) -> Result<(), JwsError> {
    let token = crate::jose::sign_compact(signer, crate::base::json::Extra::new(), b"x").unwrap();
    let mut buffers = crate::jose::Scratch::default();
    crate::jose::verify_compact(&token, keys, AlgorithmSet::ALL, &mut buffers).map(drop)
}

/// An `issuer` that is not a string must not count as absent.
#[test]
fn the_issuer_of_a_key_is_read_or_the_key_is_set_aside() {
    let ed = || testdata::jwk(testdata::ED25519, Algorithm::EdDSA).to_json();
    for (issuer, why) in [
        (json!("https://op.example"), None),
        (Value::Null, None),
        (json!(["https://op.example"]), Some(KeyError::WrongType("issuer"))),
        (json!({"of": "https://op.example"}), Some(KeyError::WrongType("issuer"))),
        (json!(5), Some(KeyError::WrongType("issuer"))),
        (json!(false), Some(KeyError::WrongType("issuer"))),
    ] {
        assert_eq!(reason(&with(ed(), "issuer", issuer.clone())), why, "{issuer}");
    }
}

#[test]
fn debug_shows_names_algorithms_and_reasons_only() {
    let mut keys = KeySet::from_secret(&Secret::new(testdata::SECRET));
    keys.add(Some("old".to_owned()), Err(KeyError::RsaTooShort));
    assert_eq!(
        format!("{keys:?}"),
        "KeySet { keys: [Key { kid: None, algorithms: {HS256, HS384, HS512}, .. }], \
         set_aside: [UnusableKey { kid: Some(\"old\"), reason: the key is an RSA key of less than 2048 bits }] }"
    );
    assert_eq!(
        keys.keys().next().unwrap().thumbprint(),
        None,
        "a thumbprint would let others test guesses of the secret"
    );
    let public = testdata::keys(Algorithm::ES256, None);
    assert_eq!(public.keys().next().unwrap().thumbprint().map(str::len), Some(43));
}

#[test]
fn a_generation_covers_everything_that_a_verdict_can_depend_on() {
    let ed = |more: &str| {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"{more}}}"#)
    };
    let of = |keys: &[String]| {
        KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap().generation()
    };
    let aside = |kid: &str| format!(r#"{{"kty":"new","kid":"{kid}"}}"#);
    let sets = [
        vec![],
        vec![ed("")],
        vec![ed(r#","kid":"a""#)],
        vec![ed(r#","kid":"b""#)],
        vec![ed(r#","x5t#S256":"a""#)],
        vec![ed(r#","issuer":"a""#)],
        vec![ed(""), ed("")],
        vec![ed(""), aside("a")],
        vec![ed(""), aside("b")],
        vec![ed(r#","kid":"a""#), ed(r#","kid":"b""#)],
        vec![ed(r#","kid":"b""#), ed(r#","kid":"a""#)],
        vec![r#"{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#.to_owned()],
        vec![r#"{"kty":"oct","alg":"HS256","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm"}"#.to_owned()],
    ];
    let generations: std::collections::BTreeSet<_> = sets.iter().map(|set| of(set)).collect();
    assert_eq!(generations.len(), sets.len(), "all generations differ");
    assert_eq!(
        of(&[ed(r#","kid":"a","new":1"#)]),
        of(&[ed(r#","kid":"a""#)]),
        "an ignored member does not change the generation"
    );
    let secret = |text: &str| KeySet::from_secret(&Secret::new(text.repeat(32))).generation();
    assert!(secret("a") == secret("a") && secret("a") != secret("b"));
}

/// A modulus that is not canonical has no thumbprint, so the generation must cover its spelling.
#[test]
fn a_generation_covers_a_modulus_without_a_thumbprint() {
    let generation = |last: u8| {
        let mut key = rsa(2048, last, "AQAB");
        let n = base64url::decode(key["n"].as_str().unwrap()).unwrap();
        key["n"] = base64url::encode(&[&[0], &n[..]].concat()).into();
        let keys = set(&json!([with(key, "k", "AAAA")]));
        assert_eq!(keys.keys().count(), 1);
        keys.generation()
    };
    assert_ne!(generation(1), generation(3));
}
