//! AWS-LC beside ring: the vectors of the RFCs and of Project Wycheproof, and changed signatures of every algorithm, have
//! the same verdict with both.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use oidc_aws_lc::{
    AwsLc,
    oidc_proto::{
        base::base64url,
        jose::{
            Algorithm, AlgorithmSet, JwsError, KeyError, KeySet, KeySetReader, RingSigner, Scratch, Sign,
            UnusableKey, sign_compact, verify_compact,
        },
    },
};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors");
const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../oidc-proto/src/jose/testdata");

/// The vectors that AWS-LC accepts and ring refuses, by their name: ring has no P-521.
const EXCEPTIONS: [&str; 5] = [
    "rfc7515_A.4.jwsc rfc7515_A.4.jwk",
    "rfc7520_4.3.jwsc rfc7520_3.1.jwk",
    "rfc7520_4.3.jwsc rfc7520_3.2.jwk",
    "rfc7520_4.3.jwsc rfc7520_4.8.jwkset",
    "ES512",
];

/// A key set for each backend.
fn both(jwks: &Value) -> [KeySet; 2] {
    let text = jwks.to_string();
    let readers = [KeySetReader::new(), KeySetReader::new().backend(Arc::new(AwsLc::new()))];
    readers.map(|reader| reader.parse(text.as_bytes()).unwrap())
}

fn verdict(keys: &KeySet, token: &str) -> Result<Algorithm, JwsError> {
    let mut scratch = Scratch::new();
    Ok(verify_compact(token, keys, AlgorithmSet::ALL, &mut scratch)?.header().alg())
}

/// Returns the verdict that both backends give.
fn agreed([ring, aws]: &[KeySet; 2], token: &str, name: &str) -> Result<Algorithm, JwsError> {
    let (expected, other) = (verdict(ring, token), verdict(aws, token));
    let lacks = |key: &UnusableKey| matches!(key.reason, KeyError::NeedsBackend(_));
    if EXCEPTIONS.contains(&name) {
        assert_eq!(other, Ok(Algorithm::ES512), "{name}");
    } else if ring.set_aside().iter().any(lacks) {
        // A key that only one of them has: the token is refused by both, for different reasons.
        assert_eq!(other.is_ok(), expected.is_ok(), "{name}");
    } else {
        assert_eq!(other, expected, "{name}");
    }
    expected
}

/// Drops the private members of a key, which a published set must not have.
fn public(key: &Value) -> Value {
    let mut key = key.clone();
    if key["kty"] != "oct" {
        let members = key.as_object_mut().unwrap();
        members.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi", "oth"].contains(&name.as_str()));
    }
    key
}

fn set(key: &Value) -> Value {
    let keys = key["keys"].as_array().cloned().unwrap_or_else(|| vec![key.clone()]);
    json!({ "keys": keys.iter().map(public).collect::<Vec<_>>() })
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_vector_of_wycheproof_has_the_verdict_that_it_has_with_ring() {
    let (mut accepted, mut refused) = (0, 0);
    for entry in fs::read_dir(Path::new(VECTORS).join("wycheproof")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let suite = read(&path);
        for group in suite["testGroups"].as_array().into_iter().flatten() {
            let key = group.get("public").unwrap_or(&group["private"]);
            let keys = both(&set(key));
            for case in group["tests"].as_array().unwrap() {
                let token = case["jws"].as_str().map_or_else(|| case["jws"].to_string(), str::to_owned);
                let name = format!("{} {}", path.display(), case["tcId"]);
                match agreed(&keys, &token, &name) {
                    Ok(_) => accepted += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(accepted > 30 && refused > 200, "{accepted} {refused}");
}

/// Each token with each key: most pairs do not belong together.
#[test]
fn every_token_of_the_rfcs_has_the_verdict_that_it_has_with_ring() {
    let files = |extension: &str| {
        let all = fs::read_dir(Path::new(VECTORS).join("rfc")).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|found| found == extension)).collect::<Vec<_>>()
    };
    let mut accepted = 0;
    for file in files("jwk").into_iter().chain(files("jwkset")) {
        let keys = both(&set(&read(&file)));
        for token in files("jwsc") {
            let text = fs::read_to_string(&token).unwrap();
            let name = [&token, &file].map(|path| path.file_name().unwrap().to_str().unwrap()).join(" ");
            accepted += usize::from(agreed(&keys, text.trim_end(), &name).is_ok());
        }
    }
    assert!(accepted >= 6, "{accepted}");
}

/// Two vectors of Wycheproof are of ES512. Their key says `alg: ES521`, which is no algorithm: without that, they verify.
#[test]
fn the_es512_vectors_of_wycheproof_verify_once_their_key_names_no_wrong_algorithm() {
    let suite = read(&Path::new(VECTORS).join("wycheproof/json_web_signature_test.json"));
    let groups = suite["testGroups"].as_array().unwrap().iter();
    let mut seen = 0;
    for group in groups.filter(|group| group["public"]["alg"] == "ES521") {
        let mut key = group["public"].clone();
        key.as_object_mut().unwrap().remove("alg");
        for case in group["tests"].as_array().unwrap() {
            assert_eq!(case["result"], "valid");
            assert!(agreed(&both(&set(&key)), case["jws"].as_str().unwrap(), "ES512").is_err(), "by ring");
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

fn signers() -> Vec<RingSigner> {
    [
        ("rsa2048.pem", &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512][..]),
        ("rsa2048.pem", &[Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]),
        ("p256.pem", &[Algorithm::ES256]),
        ("p384.pem", &[Algorithm::ES384]),
        ("ed25519.pem", &[Algorithm::EdDSA, Algorithm::Ed25519]),
    ]
    .into_iter()
    .flat_map(|(file, algorithms)| {
        let pem = fs::read_to_string(Path::new(KEYS).join(file)).unwrap();
        let signer = move |algorithm: &Algorithm| RingSigner::from_pkcs8_pem(*algorithm, &pem, None).unwrap();
        algorithms.iter().map(signer)
    })
    .collect()
}

/// Draws numbers from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn change(&mut self, signature: &mut Vec<u8>) {
        let at = self.below(signature.len().max(1));
        match self.below(6) {
            0 => signature[at] ^= 1 << self.below(8),
            1 => drop(signature.pop()),
            2 => signature.push(0),
            3 => signature.insert(0, 0),
            // A number of zeros, or of ones: at the edges of the range.
            4 => {
                let (half, byte) = (signature.len() / 2, [0, 0xff][self.below(2)]);
                let start = half * self.below(2);
                signature[start..start + half].fill(byte);
            }
            _ => signature.fill([0, 1, 0xff][self.below(3)]),
        }
    }
}

#[test]
fn good_and_changed_signatures_of_every_algorithm_have_the_verdict_that_they_have_with_ring() {
    let mut draw = Draw(1);
    let signers = signers();
    let all: Vec<Value> = signers.iter().map(|signer| signer.public_jwk().unwrap().to_json()).collect();
    let others = both(&json!({ "keys": all }));
    for signer in &signers {
        let algorithm = signer.algorithm();
        let keys = both(&json!({ "keys": [signer.public_jwk().unwrap().to_json()] }));
        for length in 0..20 {
            let payload: Vec<u8> = (0..length * 7).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
            let token = sign_compact(signer, Default::default(), &payload).unwrap();
            assert_eq!(agreed(&keys, &token, "good"), Ok(algorithm));
            assert_eq!(agreed(&others, &token, "good, among others"), Ok(algorithm));
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let good = base64url::decode(signature).unwrap();
            for _ in 0..6 {
                let mut changed = good.clone();
                draw.change(&mut changed);
                let forged = format!("{signed}.{}", base64url::encode(&changed));
                let verdict = agreed(&keys, &forged, "changed");
                assert!(verdict.is_err() || changed == good, "{algorithm} {verdict:?}");
            }
        }
    }
}
