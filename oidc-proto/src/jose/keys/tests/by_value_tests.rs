//! Key sets and embedded keys against a reader that takes the long way: a tree of values, each number decoded where it
//! is needed, products by double and add, and the mark of the broken generator by bytes. Both readers must agree on each
//! key and on each reason.

use super::*;
use crate::{
    base::{
        base64url,
        json::{Extra, Members},
    },
    jose::{
        Algorithm, MAX_KEYS,
        keys::{embedded::*, spelling},
        testdata,
    },
};
use embedded_by_value_tests::agree_embedded;
use ring::agreement;
use serde_json::{Value, json};

#[path = "embedded_by_value_tests.rs"]
mod embedded_by_value_tests;

/// What is known of a key: its name, its certificate, its issuer, its algorithms and its thumbprint.
type Facts = (Option<String>, Option<String>, Option<String>, AlgorithmSet, Option<String>);

fn by_value(jwks: &[u8]) -> Result<(Vec<Facts>, Vec<UnusableKey>), KeySetError> {
    let mut members = Members::parse(without_mark(jwks)).map_err(KeySetError::Json)?;
    let keys = match members.any("keys") {
        Some(Value::Array(keys)) => keys,
        Some(_) => {
            return Err(KeySetError::Json(JsonError::WrongType { member: "keys", expected: "an array" }));
        }
        None => return Err(KeySetError::NoKeys),
    };
    if keys.len() > MAX_KEYS {
        return Err(KeySetError::TooManyKeys { max_keys: MAX_KEYS });
    }
    let (mut good, mut aside) = (Vec::new(), Vec::new());
    for key in keys {
        let kid = key.get("kid").and_then(Value::as_str).filter(|kid| !kid.is_empty()).map(str::to_owned);
        match judge(mended(key)) {
            Ok(facts) => good.push(facts),
            Err(reason) => aside.push(UnusableKey { kid, reason }),
        }
    }
    Ok((good, aside))
}

/// Spells the members of a published key as RFC 7517 and RFC 7518 do.
fn mend(members: &mut Extra) {
    // An empty member says nothing, like an absent one.
    for member in ["use", "alg", "kid"] {
        if members.get(member).and_then(Value::as_str).is_some_and(str::is_empty) {
            members.remove(member);
        }
    }
    for member in ["n", "e", "x", "y"] {
        if let Some(Value::String(text)) = members.get_mut(member)
            && let Some(usual) = spelling::base64url_of(text)
        {
            *text = usual;
        }
    }
    if let Some(one @ Value::String(_)) = members.get_mut("key_ops") {
        *one = Value::Array(vec![one.take()]);
    }
    // A public key that comes from a pair for signatures: it can do nothing but verify them.
    if let Some(Value::Array(operations)) = members.get_mut("key_ops")
        && operations.iter().any(|operation| operation == "sign")
    {
        operations.push("verify".into());
    }
}

fn mended(key: Value) -> Value {
    let Value::Object(mut members) = key else { return key };
    mend(&mut members);
    Value::Object(members)
}

fn judge(key: Value) -> Result<Facts, KeyError> {
    let Value::Object(members) = key else { return Err(KeyError::NotAnObject) };
    let private = is_private(&members);
    let jwk = typed(members)?;
    let algorithms = numbers(&jwk, algorithms(&jwk)?)?;
    let issuer = match jwk.extra.get("issuer") {
        None | Some(Value::Null) => None,
        Some(Value::String(issuer)) => Some(issuer.clone()),
        Some(_) => return Err(KeyError::WrongType("issuer")),
    };
    if private {
        return Err(KeyError::PrivateMembers);
    }
    let thumbprint = if jwk.kty == "oct" { None } else { jwk.thumbprint() };
    Ok((jwk.kid, jwk.x5t_s256, issuer, algorithms, thumbprint))
}

fn is_private(members: &Extra) -> bool {
    members.get("kty").and_then(Value::as_str) != Some("oct")
        && ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"]
            .iter()
            .any(|name| members.get(*name).is_some_and(|value| !value.is_null()))
}

fn typed(members: Extra) -> Result<Jwk, KeyError> {
    if members.get("kty").is_none_or(Value::is_null) {
        return Err(KeyError::MissingMember("kty"));
    }
    Ok(Jwk::from_members(members)?)
}

/// The algorithms of a key by its type, curve, purpose and `alg`.
fn algorithms(jwk: &Jwk) -> Result<AlgorithmSet, KeyError> {
    if jwk.public_key_use.as_deref().is_some_and(|purpose| purpose != "sig")
        || jwk.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "verify"))
    {
        return Err(KeyError::NotForSignatures);
    }
    let fitting = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => AlgorithmSet::RSA,
        ("oct", _) => AlgorithmSet::HMAC,
        ("EC", Some("P-256")) => AlgorithmSet::P256,
        ("EC", Some("P-384")) => AlgorithmSet::P384,
        ("EC", Some("P-521")) => AlgorithmSet::P521,
        ("OKP", Some("Ed25519")) => AlgorithmSet::ED25519,
        ("AKP", _) if jwk.alg.as_deref() == Some("ML-DSA-44") => AlgorithmSet::EMPTY.with(Algorithm::MlDsa44),
        ("AKP", _) => {
            return Err(jwk
                .alg
                .as_ref()
                .map_or(KeyError::MissingMember("alg"), |_| KeyError::UnknownAlgorithm));
        }
        ("EC" | "OKP", Some(_)) => return Err(KeyError::UnknownCurve),
        ("EC" | "OKP", None) => return Err(KeyError::MissingMember("crv")),
        _ => return Err(KeyError::UnknownKeyType),
    };
    let Some(named) = jwk.alg.as_deref() else { return Ok(fitting) };
    let named = AlgorithmSet::EMPTY.with(Algorithm::from_name(named).ok_or(KeyError::UnknownAlgorithm)?);
    let twins = AlgorithmSet::ED25519;
    let bound = if named.intersection(twins).is_empty() { named } else { twins }.intersection(fitting);
    if bound.is_empty() { Err(KeyError::AlgorithmMismatch) } else { Ok(bound) }
}

fn numbers(jwk: &Jwk, algorithms: AlgorithmSet) -> Result<AlgorithmSet, KeyError> {
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let mut n = bytes("n", &jwk.n)?;
            match n.as_slice() {
                [0, next, ..] if next & 0x80 != 0 => drop(n.remove(0)),
                [0, ..] => return Err(KeyError::LeadingZero("n")),
                _ => {}
            }
            let e = bytes("e", &jwk.e)?;
            if e.first() == Some(&0) {
                return Err(KeyError::LeadingZero("e"));
            }
            let length = n.first().map_or(0, |byte| n.len() * 8 - byte.leading_zeros() as usize);
            let exponent = e.iter().take(6).fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
            match (length, n.last(), e.last()) {
                (..2048, _, _) => Err(KeyError::RsaTooShort),
                (8193.., _, _) => Err(KeyError::RsaTooLong),
                (_, Some(last), _) if last & 1 == 0 => Err(KeyError::RsaModulus),
                (_, _, None) => Err(KeyError::RsaExponent),
                (_, _, Some(last)) if last & 1 == 0 || !(3..1 << 33).contains(&exponent) => {
                    Err(KeyError::RsaExponent)
                }
                _ if is_marked(&n) => Err(KeyError::RsaBroken),
                _ => Ok(algorithms),
            }
        }
        ("oct", _) => {
            let text = jwk.k.as_ref().ok_or(KeyError::MissingMember("k"))?;
            let secret = base64url::decode(text.expose()).ok_or(KeyError::Base64("k"))?;
            let served: AlgorithmSet = algorithms
                .iter()
                .filter(|name| name.hash().is_some_and(|hash| secret.len() >= hash.len()))
                .collect();
            if served.is_empty() { Err(KeyError::SecretTooShort) } else { Ok(served) }
        }
        ("EC", Some("P-521")) => Err(KeyError::NeedsBackend(Algorithm::ES512)),
        ("AKP", _) => Err(KeyError::NeedsBackend(Algorithm::MlDsa44)),
        ("EC", Some("P-256")) => {
            on_curve(&agreement::ECDH_P256, coordinate("x", &jwk.x, 32)?, coordinate("y", &jwk.y, 32)?)?;
            Ok(algorithms)
        }
        ("EC", _) => {
            on_curve(&agreement::ECDH_P384, coordinate("x", &jwk.x, 48)?, coordinate("y", &jwk.y, 48)?)?;
            Ok(algorithms)
        }
        _ => {
            let point = coordinate("x", &jwk.x, 32)?.try_into().unwrap();
            if super::super::numbers::has_small_order(&point) {
                return Err(KeyError::BadPoint);
            }
            Ok(algorithms)
        }
    }
}

/// ring agrees on a secret with the owner of a point only if the point is on the curve.
fn on_curve(curve: &'static agreement::Algorithm, x: Vec<u8>, y: Vec<u8>) -> Result<(), KeyError> {
    let mine = agreement::EphemeralPrivateKey::generate(curve, &ring::rand::SystemRandom::new()).unwrap();
    let theirs = agreement::UnparsedPublicKey::new(curve, [&[4], &x[..], &y[..]].concat());
    agreement::agree_ephemeral(mine, &theirs, |_| ()).map_err(|_| KeyError::BadPoint)
}

fn is_marked(n: &[u8]) -> bool {
    [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
        103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ]
    .iter()
    .all(|prime| {
        let rest = n.iter().fold(0, |rest, byte| (rest << 8 | u64::from(*byte)) % prime);
        (0..*prime)
            .scan(1, |power, _| {
                *power = *power * 65537 % prime;
                Some(*power)
            })
            .any(|power| power == rest)
    })
}

fn bytes(name: &'static str, member: &Option<String>) -> Result<Vec<u8>, KeyError> {
    let text = member.as_deref().ok_or(KeyError::MissingMember(name))?;
    base64url::decode(text).ok_or(KeyError::Base64(name))
}

fn coordinate(name: &'static str, member: &Option<String>, needs: u16) -> Result<Vec<u8>, KeyError> {
    let bytes = bytes(name, member)?;
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    if length == needs { Ok(bytes) } else { Err(KeyError::Length { member: name, bytes: length, needs }) }
}

fn agree(jwks: &[u8]) {
    let text = String::from_utf8_lossy(jwks);
    let facts = |key: &Key| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        (
            owned(key.kid()),
            owned(key.x5t_s256()),
            owned(key.issuer()),
            key.algorithms(),
            owned(key.thumbprint()),
        )
    };
    match (KeySet::parse(jwks), by_value(jwks)) {
        (Ok(set), Ok((good, aside))) => {
            assert_eq!(set.keys().map(facts).collect::<Vec<_>>(), good, "{text}");
            assert_eq!(set.set_aside(), aside, "{text}");
        }
        (set, by_value) => assert_eq!(set.map(drop), by_value.map(drop), "{text}"),
    }
}

/// Draws numbers from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    /// Changes a text in a few places: bytes, members, and values of another type.
    fn change(&mut self, text: &[u8]) -> Vec<u8> {
        const PIECES: [&str; 24] = [
            "null",
            "\"sig\"",
            "[\"verify\"]",
            "[1]",
            "{}",
            "\"kty\"",
            "\"d\"",
            "\"oct\"",
            "\"issuer\"",
            ",",
            "}",
            "[",
            "1e9",
            "\\u0061",
            "\"use\":\"enc\",",
            "\"use\":\"sig\",",
            "\"d\":1,",
            "\"d\":null,",
            "\"issuer\":1,",
            "\"k\":\"AA\",",
            "\"alg\":\"PS256\",",
            "\"key_ops\":[\"sign\"],",
            "\"kty\":\"RSA\",",
            "\"crv\":\"P-256\",",
        ];
        let mut text = text.to_vec();
        for _ in 0..1 + self.below(3) {
            let piece = PIECES[self.below(PIECES.len())].bytes();
            let places = |wanted: u8, text: &[u8]| -> Vec<usize> {
                (0..text.len()).filter(|at| text[*at] == wanted).collect()
            };
            let (quotes, commas) = (places(b'"', &text), places(b',', &text));
            match self.below(5) {
                0 if !text.is_empty() => {
                    let at = self.below(text.len());
                    text[at] = b"AQab019-_\"{}[],:"[self.below(16)];
                }
                1 if !text.is_empty() => {
                    let at = self.below(text.len());
                    drop(text.drain(at..(at + self.below(40)).min(text.len())));
                }
                2 if quotes.len() > 1 => {
                    let pair = self.below(quotes.len() / 2) * 2;
                    drop(text.splice(quotes[pair]..=quotes[pair + 1], piece));
                }
                3 if !commas.is_empty() => {
                    let at = commas[self.below(commas.len())] + 1;
                    drop(text.splice(at..at, piece));
                }
                _ => {
                    let at = self.below(text.len() + 1);
                    drop(text.splice(at..at, piece));
                }
            }
        }
        text
    }
}

/// Returns every key that the tests have at hand, of every type.
fn keys() -> Vec<Value> {
    let real = [
        testdata::jwk(testdata::RSA2048, Algorithm::RS256),
        testdata::jwk(testdata::P256, Algorithm::ES256),
        testdata::jwk(testdata::P384, Algorithm::ES384),
        testdata::jwk(testdata::ED25519, Algorithm::EdDSA),
    ];
    let mut keys: Vec<Value> = real.iter().map(Jwk::to_json).collect();
    let bare: Vec<Value> = real.iter().map(Jwk::bare).collect();
    keys.extend(bare);
    keys.push(json!({"kty": "oct", "k": base64url::encode(&[7; 50]), "kid": "secret"}));
    keys.push(json!({"kty": "RSA", "n": base64url::encode(&[3; 128]), "e": "AQAB"}));
    keys.push(json!({"kty": "RSA", "n": "", "e": ""}));
    keys.push(json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "x5t#S256": "t", "issuer": "i"}));
    keys.push(json!(5));
    keys
}

/// Runs a check on each file below a folder of the tests, if it is not long.
fn each_file(folder: &str, check: &mut dyn FnMut(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(folder);
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read(entry.unwrap().path());
        text.into_iter().filter(|text| text.len() < 100_000).for_each(|text| check(&text));
    }
}

#[test]
fn every_key_set_of_the_corpus_and_of_the_wild_is_read_as_by_value() {
    let mut draw = Draw(1);
    let mut files = 0;
    for folder in [
        "corpus/jwks",
        "data/realworld",
        "data/vectors/rfc",
        "data/vectors/wycheproof",
        "data/vectors/cookbook/jwk",
    ] {
        each_file(folder, &mut |text| {
            files += 1;
            agree(text);
            for _ in 0..3 {
                agree(&draw.change(text));
            }
            // The vectors have keys and sets inside of other documents.
            let mut inside = vec![serde_json::from_slice::<Value>(text).unwrap_or_default()];
            while let Some(value) = inside.pop() {
                if value.get("kty").is_some() {
                    agree(json!({ "keys": [value] }).to_string().as_bytes());
                }
                if value.get("keys").is_some() {
                    agree(value.to_string().as_bytes());
                }
                match value {
                    Value::Array(items) => inside.extend(items),
                    Value::Object(members) => inside.extend(members.into_iter().map(|(_, value)| value)),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                }
            }
        });
    }
    assert!(files > 50, "{files}");
}

#[test]
fn changed_keys_have_the_same_verdicts_and_reasons_as_by_value() {
    let mut draw = Draw(2);
    for key in keys() {
        let set = json!({ "keys": [key, {"kty": "new"}] }).to_string();
        let header = json!({"alg": "ES256", "jwk": key, "typ": "dpop+jwt"}).to_string();
        agree(set.as_bytes());
        agree_embedded(header.as_bytes());
        for _ in 0..300 {
            agree(&draw.change(set.as_bytes()));
            agree_embedded(&draw.change(header.as_bytes()));
        }
    }
    let all = json!({ "keys": keys(), "keys2": [] }).to_string();
    for _ in 0..200 {
        agree(&draw.change(all.as_bytes()));
    }
}

/// The grammar of JSON comes first, then `keys`, then the number of keys.
#[test]
fn a_set_that_breaks_several_rules_has_the_reason_that_it_has_by_value() {
    let many = |count, end: &str| format!(r#"{{"keys":[{}]{end}"#, vec!["{}"; count].join(","));
    let deep = |depth| format!(r#"{{"keys":[{}1{}]}}"#, "[".repeat(depth), "]".repeat(depth));
    for text in [
        many(100, "}"),
        many(101, "}"),
        many(101, ""),
        many(101, ",\"a\":1,\"a\":2}"),
        deep(29),
        deep(30),
        deep(31),
        r#"{"keys":[{"key_ops":[[[]]]},{"key_ops":["verify",1]},{"key_ops":{"a":1,"a":1}}]}"#.to_owned(),
        r#"{"keys":{"a":1,"a":1}}"#.to_owned(),
        r#"{"keys":5}"#.to_owned(),
        r#"{"keys":"[]"}"#.to_owned(),
        r#"{"keys":true,"x":-1,"y":1.5}"#.to_owned(),
        r#"{"keys":[null,true,-1,1.5,"a",[]]}"#.to_owned(),
        r#"{"keys":[{"kid":"a","kid":"a"}]}"#.to_owned(),
        r#"{"keys":[{"\u006bty":"oct","k\u0069d":"n\u0061me"}]}"#.to_owned(),
        "[{\"keys\":[]}]".to_owned(),
        "\u{feff}{\"keys\":[]}".to_owned(),
        String::new(),
    ] {
        agree(text.as_bytes());
    }
}

#[test]
fn only_members_that_say_nothing_are_dropped() {
    let mended = |key: Value| {
        let Value::Object(mut members) = key else { panic!("an object") };
        mend(&mut members);
        Value::Object(members)
    };
    assert_eq!(mended(json!({"use": "", "alg": "", "kid": "", "kty": ""})), json!({"kty": ""}));
    let kept = json!({"use": "enc", "alg": "none", "kid": "1", "key_ops": ["encrypt"], "k": "a+=="});
    assert_eq!(mended(kept.clone()), kept);
    assert_eq!(mended(json!({"key_ops": "verify"})), json!({"key_ops": ["verify"]}));
    assert_eq!(mended(json!({"key_ops": ["sign"]})), json!({"key_ops": ["sign", "verify"]}));
}
