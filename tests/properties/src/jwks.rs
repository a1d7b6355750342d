//! The property of key sets: each key is usable or set aside, and serves only its own kind of algorithm.

use crate::{SECRET, check_texts};
use base64::{
    Engine as _, alphabet,
    engine::DecodePaddingMode,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD},
};
use oidc_proto::jose::{
    Algorithm, AlgorithmSet, Key, KeySet, MAX_KEYS, Scratch, sign_compact, verify_compact,
};
use oidc_testkit::KeyRing;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// A token, and the public member and value that only its key has.
struct Signed {
    token: String,
    algorithm: Algorithm,
    member: &'static str,
    value: String,
}

static SIGNED: LazyLock<Vec<Signed>> = LazyLock::new(|| {
    let ring = KeyRing::new();
    let document = ring.document();
    let public = |kty: &str, crv: Option<&str>, member: &str| {
        let keys = document["keys"].as_array().expect("a key set");
        let key = keys.iter().find(|key| key["kty"] == kty && key.get("crv").and_then(Value::as_str) == crv);
        key.expect("every kind")[member].as_str().expect("a text").to_owned()
    };
    let table = [
        (Algorithm::RS256, "n", public("RSA", None, "n")),
        (Algorithm::ES256, "x", public("EC", Some("P-256"), "x")),
        (Algorithm::EdDSA, "x", public("OKP", Some("Ed25519"), "x")),
        (Algorithm::HS256, "k", URL_SAFE_NO_PAD.encode(SECRET)),
    ];
    let sign = |(algorithm, member, value)| {
        let (signer, _) = ring.signer(algorithm, 1, Some(SECRET));
        let token = sign_compact(&*signer, Map::new(), b"{}").expect("a test key signs");
        Signed { token, algorithm, member, value }
    };
    table.into_iter().map(sign).collect()
});

/// Checks a key set. `data` is its JSON.
///
/// Usable keys and keys set aside add up to the whole set. A set accepts what its keys accept one by one.
/// No key serves both HMAC and signatures. A token verifies only with a set that has its key.
///
/// # Panics
/// If the property does not hold.
pub fn jwks(data: &[u8]) {
    let json: Option<Value> = serde_json::from_slice(data).ok();
    let elements = json.as_ref().and_then(|json| json["keys"].as_array());
    let keys = match KeySet::parse(data) {
        Ok(keys) => keys,
        Err(error) => return check_texts(&error),
    };
    let elements = elements.expect("what parses has an array of keys");
    assert!(elements.len() <= MAX_KEYS);
    assert_eq!(keys.keys().count() + keys.set_aside().len(), elements.len());
    assert_eq!(keys.is_empty(), keys.keys().count() == 0);
    let (mut usable, mut aside) = (keys.keys(), keys.set_aside().iter());
    for element in elements {
        let text = json!({ "keys": [element] }).to_string();
        let alone = KeySet::parse(text.as_bytes()).expect("a part of a good set is good");
        match (alone.keys().next(), alone.set_aside().first()) {
            (Some(key), None) => {
                let same = usable.next().expect("it was usable among others");
                assert_eq!(format!("{key:?}{:?}", key.x5t_s256()), format!("{same:?}{:?}", same.x5t_s256()));
                check(key, element);
            }
            (None, reason) => {
                assert_eq!(reason, aside.next());
                if let Some(reason) = reason {
                    check_texts(&reason.reason);
                }
            }
            (Some(_), Some(_)) => panic!("both usable and set aside"),
        }
    }
    assert!(usable.next().is_none() && aside.next().is_none());
    for Signed { token, algorithm, member, value } in &*SIGNED {
        // A modulus may start with a zero octet for its sign.
        let is = |text: &str| {
            let bytes = decode(text).unwrap_or_default();
            URL_SAFE_NO_PAD.encode(&bytes) == *value
                || matches!(bytes.split_first(), Some((0, n)) if URL_SAFE_NO_PAD.encode(n) == *value)
        };
        let twins = [Algorithm::EdDSA, Algorithm::Ed25519].map(Algorithm::name);
        let serves = |named: &str| {
            named == algorithm.name() || twins.contains(&named) && twins.contains(&algorithm.name())
        };
        let has = |element: &Value| {
            element[member].as_str().is_some_and(is) && text(element, "alg").is_none_or(serves)
        };
        if verify_compact(token, &keys, AlgorithmSet::ALL, &mut Scratch::default()).is_ok() {
            assert!(elements.iter().any(has), "the token was verified without its key");
        }
    }
}

/// Reads base64url, or base64 as some issuers write it, with padding or without.
fn decode(text: &str) -> Option<Vec<u8>> {
    const ANY: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::URL_SAFE, alphabet::STANDARD]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, ANY).decode(text).ok())
}

/// Returns the text of a member. An empty one says nothing, like an absent one.
fn text<'e>(element: &'e Value, name: &str) -> Option<&'e str> {
    element[name].as_str().filter(|text| !text.is_empty())
}

fn check(key: &Key, element: &Value) {
    let text = |name: &str| text(element, name);
    assert_eq!(key.kid(), text("kid"));
    let algorithms: Vec<_> = key.algorithms().iter().collect();
    assert!(!algorithms.is_empty(), "a usable key verifies something");
    let symmetric = text("kty") == Some("oct");
    for algorithm in &algorithms {
        assert_eq!(algorithm.is_symmetric(), symmetric, "{algorithm} accepted with the key {key:?}");
        let family = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => &["RS", "PS"][..],
            (Some("EC"), Some("P-256")) => &["ES256"],
            (Some("EC"), Some("P-384")) => &["ES384"],
            (Some("OKP"), Some("Ed25519")) => &["EdDSA", "Ed25519"],
            (Some("oct"), _) => &["HS"],
            other => panic!("usable: {other:?}"),
        };
        assert!(family.iter().any(|prefix| algorithm.name().starts_with(prefix)), "{algorithm}: {element}");
    }
    if let Some(named) = text("alg") {
        assert!(algorithms.iter().any(|algorithm| algorithm.name() == named));
        assert!(
            algorithms.len() == 1 || named.starts_with("Ed"),
            "`alg` limits the key to one algorithm: {named}"
        );
    }
    assert!(text("use").is_none_or(|purpose| purpose == "sig"));
    // A public key that comes from a pair for signatures verifies them.
    let for_signatures = |op: &Value| op == "verify" || op == "sign";
    assert!(match &element["key_ops"] {
        Value::Null => true,
        Value::Array(many) => many.iter().any(for_signatures),
        one => for_signatures(one),
    });
    assert!(!symmetric || key.thumbprint().is_none(), "a thumbprint helps to guess a secret");
    if !symmetric {
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];
        assert!(
            private.iter().all(|name| element[name].is_null()),
            "the key is published with its private half"
        );
    }
    if let (Some("OKP"), Some(x)) = (text("kty"), text("x")) {
        let x = decode(x).expect("base64");
        // With these two values as keys, one signature fits every message.
        let bad =
            x.split_first().is_some_and(|(first, rest)| *first <= 1 && rest.iter().all(|byte| *byte == 0));
        assert!(x.len() == 32 && !bad, "the key is a point of small order");
    }
    if let (Some("RSA"), Some(n)) = (text("kty"), text("n")) {
        let n = decode(n).expect("base64");
        let n = n.strip_prefix(&[0]).unwrap_or(&n);
        assert_ne!(n.first(), Some(&0), "the modulus starts with more than the zero octet of a sign");
        assert!(
            (256..=1024).contains(&n.len()) && (n.len() > 256 || n[0] >= 0x80),
            "a key of {} bytes",
            n.len()
        );
    }
}
