//! What AWS-LC has and ring has not: ES512 and ML-DSA. And its signers, for every algorithm.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests of a table")]

use oidc_aws_lc::{
    AwsLc, AwsLcSigner,
    oidc_proto::{
        backend::{Backend, Hash, Scheme},
        base::base64url,
        jose::{
            Algorithm, AlgorithmSet, Jwk, JwsError, KeyError, KeySet, KeySetReader, RingSigner, Scratch,
            Sign, SignError, sign_compact, verify_compact,
        },
        resource::MAX_CREDENTIALS,
        token::MAX_TOKEN,
    },
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors");
const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../oidc-proto/src/jose/testdata");
const ML_DSA: [&str; 3] = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];

fn read(file: &str) -> Value {
    serde_json::from_slice(&fs::read(Path::new(VECTORS).join(file)).unwrap()).unwrap()
}

fn with_aws(keys: &[Value]) -> KeySet {
    let reader = KeySetReader::new().backend(Arc::new(AwsLc::new()));
    reader.parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn with_ring(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn verdict(keys: &KeySet, token: &str) -> Result<Algorithm, JwsError> {
    let mut scratch = Scratch::new();
    Ok(verify_compact(token, keys, AlgorithmSet::ALL, &mut scratch)?.header().alg())
}

/// A signer of AWS-LC for every algorithm that it has, and the private key that a JWK or a PEM text has.
fn signers() -> Vec<AwsLcSigner> {
    let pem = |file: &str| fs::read_to_string(Path::new(KEYS).join(file)).unwrap();
    let mut all: Vec<_> = [
        ("rsa2048.pem", &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512][..]),
        ("rsa2048.pem", &[Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]),
        ("p256.pem", &[Algorithm::ES256]),
        ("p384.pem", &[Algorithm::ES384]),
        ("ed25519.pem", &[Algorithm::EdDSA, Algorithm::Ed25519]),
    ]
    .into_iter()
    .flat_map(|(file, algorithms)| {
        let pem = pem(file);
        let signer =
            |algorithm: &Algorithm| AwsLcSigner::from_pkcs8_pem(*algorithm, &pem, Some("k")).unwrap();
        algorithms.iter().map(signer).collect::<Vec<_>>()
    })
    .collect();
    let es512 = read("rfc/rfc7515_A.4.jwk").to_string();
    all.push(AwsLcSigner::from_jwk(es512.as_bytes(), Some(Algorithm::ES512)).unwrap());
    let ml_dsa = ML_DSA.map(|name| read(&format!("rfc9964/{name}.json"))["jwk"].to_string());
    all.extend(ml_dsa.map(|jwk| AwsLcSigner::from_jwk(jwk.as_bytes(), None).unwrap()));
    all
}

#[test]
fn the_es512_examples_of_rfc_7515_and_7520_verify() {
    for (token, key) in [
        ("rfc7515_A.4.jwsc", "rfc7515_A.4.jwk"),
        ("rfc7520_4.3.jwsc", "rfc7520_3.1.jwk"),
        ("rfc7520_4.3.jwsc", "rfc7520_3.2.jwk"),
    ] {
        let token = fs::read_to_string(Path::new(VECTORS).join("rfc").join(token)).unwrap();
        let mut key = read(&format!("rfc/{key}"));
        key.as_object_mut().unwrap().remove("d");
        assert_eq!(verdict(&with_aws(std::slice::from_ref(&key)), token.trim_end()), Ok(Algorithm::ES512));
        assert!(verdict(&with_ring(&[key]), token.trim_end()).is_err());
    }
}

#[test]
fn the_examples_of_rfc_9964_verify_have_their_thumbprint_and_come_of_their_seed() {
    for name in ML_DSA {
        let example = read(&format!("rfc9964/{name}.json"));
        let algorithm = Algorithm::from_name(name).unwrap();
        let parsed = Jwk::parse(example["jwk"].to_string().as_bytes()).unwrap();
        let thumbprint = example["jwk"]["kid"].as_str().unwrap();
        assert_eq!(parsed.thumbprint().as_deref(), Some(thumbprint), "{name}");
        let public = parsed.to_json();
        assert_eq!(public.get("priv"), None);
        let keys = with_aws(std::slice::from_ref(&public));
        assert_eq!(keys.keys().next().unwrap().thumbprint(), Some(thumbprint), "{name}");
        let token = example["jws"].as_str().unwrap();
        assert_eq!(verdict(&keys, token), Ok(algorithm), "{name}");
        assert_eq!(
            verdict(&with_ring(&[public]), token),
            Err(JwsError::KeySetAside(KeyError::NeedsBackend(algorithm)))
        );
        let published = with_aws(&[example["jwk"].clone()]);
        assert_eq!(published.set_aside()[0].reason, KeyError::PrivateMembers, "{name}");

        // The public key of the example is that of its seed, and a new signature is as long as its own.
        let signer = AwsLcSigner::from_jwk(example["jwk"].to_string().as_bytes(), None).unwrap();
        assert_eq!(signer.public_jwk().unwrap().public, parsed.public, "{name}");
        let signature = signer.sign(b"message").unwrap();
        let old = token.rsplit_once('.').unwrap().1;
        assert_eq!(signature.len(), base64url::decode(old).unwrap().len(), "{name}");
    }
}

#[test]
fn what_a_signer_signs_verifies_with_each_backend_that_has_its_algorithm() {
    let signers = signers();
    let algorithms: BTreeSet<_> = signers.iter().map(Sign::algorithm).collect();
    let expected: BTreeSet<_> = AlgorithmSet::ASYMMETRIC.iter().collect();
    assert_eq!(algorithms, expected, "every algorithm but HMAC");
    let public: Vec<_> = signers.iter().map(|signer| signer.public_jwk().unwrap().to_json()).collect();
    for (signer, key) in signers.iter().zip(&public) {
        let (algorithm, others) = (signer.algorithm(), with_aws(&public));
        for length in [0, 1, 63, 64, 1000] {
            let token = sign_compact(signer, Default::default(), &vec![b'x'; length]).unwrap();
            assert_eq!(verdict(&with_aws(std::slice::from_ref(key)), &token), Ok(algorithm));
            assert_eq!(verdict(&others, &token), Ok(algorithm), "among others");
            let by_ring = verdict(&with_ring(std::slice::from_ref(key)), &token);
            assert_eq!(by_ring.is_ok(), Algorithm::RING.contains(&algorithm), "{algorithm}: {by_ring:?}");
            // Every other token of this key is refused.
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let good = base64url::decode(signature).unwrap();
            let refused = |signature: &[u8]| {
                let token = format!("{signed}.{}", base64url::encode(signature));
                assert!(
                    verdict(&with_aws(std::slice::from_ref(key)), &token).is_err(),
                    "{algorithm} {}",
                    signature.len()
                );
            };
            for place in [0, 1, good.len() / 2 - 1, good.len() / 2, good.len() - 1] {
                let mut changed = good.clone();
                changed[place] ^= 4;
                refused(&changed);
            }
            refused(&good[1..]);
            refused(&good[..good.len() - 1]);
            refused(&[&good[..], &[0]].concat());
            refused(&[]);
            refused(&vec![0; good.len()]);
        }
    }
}

#[test]
fn a_signer_of_aws_lc_publishes_the_key_that_a_signer_of_ring_publishes() {
    for file in ["rsa2048.pem", "p256.pem", "p384.pem", "ed25519.pem"] {
        let pem = fs::read_to_string(Path::new(KEYS).join(file)).unwrap();
        let algorithm = match file {
            "rsa2048.pem" => Algorithm::RS256,
            "p256.pem" => Algorithm::ES256,
            "p384.pem" => Algorithm::ES384,
            _ => Algorithm::EdDSA,
        };
        let ring = RingSigner::from_pkcs8_pem(algorithm, &pem, Some("k")).unwrap();
        let aws = AwsLcSigner::from_pkcs8_pem(algorithm, &pem, Some("k")).unwrap();
        assert_eq!(aws.public_jwk(), ring.public_jwk(), "{file}");
        assert_eq!(aws.public_jwk().unwrap().thumbprint(), ring.public_jwk().unwrap().thumbprint());
        if matches!(algorithm, Algorithm::RS256 | Algorithm::EdDSA) {
            assert_eq!(
                aws.sign(b"message"),
                ring.sign(b"message"),
                "{file}: the signature has no randomness"
            );
        }
        assert!(!format!("{aws:?}").contains(&pem[40..60]), "{aws:?}");
    }
}

/// The private JWKs of the testkit, of RFC 7515 and of RFC 9964, each with one thing wrong.
#[test]
fn a_private_jwk_whose_halves_do_not_belong_together_is_refused() {
    let testkit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/testkit/data/test-only-keys.json");
    let testkit: Value = serde_json::from_slice(&fs::read(testkit).unwrap()).unwrap();
    let mut keys: Vec<(Value, Algorithm)> = testkit["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let algorithm = match key["crv"].as_str() {
                None => Algorithm::RS256,
                Some("P-256") => Algorithm::ES256,
                Some("P-384") => Algorithm::ES384,
                Some(_) => Algorithm::EdDSA,
            };
            (key.clone(), algorithm)
        })
        .collect();
    keys.push((read("rfc/rfc7515_A.4.jwk"), Algorithm::ES512));
    keys.extend(ML_DSA.map(|name| {
        (read(&format!("rfc9964/{name}.json"))["jwk"].clone(), Algorithm::from_name(name).unwrap())
    }));
    let from = |jwk: &Value, algorithm| AwsLcSigner::from_jwk(jwk.to_string().as_bytes(), Some(algorithm));
    for (jwk, algorithm) in keys {
        let signer = from(&jwk, algorithm).unwrap();
        let token = sign_compact(&signer, Default::default(), b"x").unwrap();
        assert_eq!(verdict(&with_aws(&[signer.public_jwk().unwrap().to_json()]), &token), Ok(algorithm));
        let private = if jwk["kty"] == "AKP" { "priv" } else { "d" };
        let public = ["pub", "n", "x"].into_iter().find(|name| jwk[*name].is_string()).unwrap();
        for member in [private, public] {
            let mut wrong = jwk.clone();
            let mut bytes = base64url::decode(jwk[member].as_str().unwrap()).unwrap();
            *bytes.last_mut().unwrap() ^= 2;
            wrong[member] = json!(base64url::encode(&bytes));
            assert_eq!(from(&wrong, algorithm).err(), Some(SignError::KeyRejected), "{algorithm} {member}");
            let good = base64url::decode(jwk[member].as_str().unwrap()).unwrap();
            if algorithm != Algorithm::RS256 {
                wrong[member] = json!(base64url::encode(&[&[0], &good[..]].concat()));
                assert_eq!(
                    from(&wrong, algorithm).err(),
                    Some(SignError::KeyRejected),
                    "{algorithm} {member}"
                );
            }
            wrong[member] = json!(base64url::encode(&bytes[1..]));
            assert_eq!(from(&wrong, algorithm).err(), Some(SignError::KeyRejected), "{algorithm} {member}");
        }
    }
    let pem = fs::read_to_string(Path::new(KEYS).join("rsa1024.pem")).unwrap();
    let refused = AwsLcSigner::from_pkcs8_pem(Algorithm::RS256, &pem, None).err();
    assert_eq!(refused, Some(SignError::KeyRejected), "too short");
    let pem = fs::read_to_string(Path::new(KEYS).join("p256.pem")).unwrap();
    for other in [Algorithm::ES384, Algorithm::ES512, Algorithm::RS256, Algorithm::EdDSA, Algorithm::MlDsa44]
    {
        let refused = AwsLcSigner::from_pkcs8_pem(other, &pem, None).err();
        assert_eq!(refused, Some(SignError::KeyRejected), "{other}");
    }
    let refused = AwsLcSigner::from_pkcs8_pem(Algorithm::HS256, &pem, None).err();
    assert_eq!(refused, Some(SignError::AlgorithmMismatch));
}

/// The PKCS#8 that AWS-LC itself writes: for ML-DSA it has the seed (RFC 9881 section 6).
#[test]
fn a_key_of_each_new_algorithm_is_read_from_pkcs8() {
    use aws_lc_rs::signature::{
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING,
        ML_DSA_87_SIGNING, PqdsaKeyPair,
    };
    let mut keys = vec![(
        Algorithm::ES512,
        EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap(),
    )];
    for (algorithm, signing) in [
        (Algorithm::MlDsa44, &ML_DSA_44_SIGNING),
        (Algorithm::MlDsa65, &ML_DSA_65_SIGNING),
        (Algorithm::MlDsa87, &ML_DSA_87_SIGNING),
    ] {
        keys.push((algorithm, PqdsaKeyPair::generate(signing).unwrap().to_pkcs8v1().unwrap()));
    }
    for (algorithm, der) in &keys {
        let signer = AwsLcSigner::from_pkcs8(*algorithm, der.as_ref(), Some("k")).unwrap();
        let token = sign_compact(&signer, Default::default(), b"x").unwrap();
        assert_eq!(verdict(&with_aws(&[signer.public_jwk().unwrap().to_json()]), &token), Ok(*algorithm));
        for (other, _) in keys.iter().filter(|(other, _)| other != algorithm) {
            let refused = AwsLcSigner::from_pkcs8(*other, der.as_ref(), None).err();
            assert_eq!(refused, Some(SignError::KeyRejected), "{algorithm} as {other}");
        }
        let short = &der.as_ref()[..der.as_ref().len() - 1];
        assert_eq!(AwsLcSigner::from_pkcs8(*algorithm, short, None).err(), Some(SignError::KeyRejected));
    }
}

/// A signature of ML-DSA-87 alone has 6,170 characters. It fits into the limits that nobody has set.
#[test]
fn the_longest_signature_leaves_room_for_claims_in_each_limit() {
    for signer in signers().iter().filter(|signer| signer.algorithm().name().starts_with("ML-DSA")) {
        let token = sign_compact(signer, Default::default(), &[b'x'; 1200]).unwrap();
        assert!(token.len() < MAX_CREDENTIALS && token.len() < MAX_TOKEN, "{}", token.len());
        let keys = with_aws(&[signer.public_jwk().unwrap().to_json()]);
        assert_eq!(verdict(&keys, &token), Ok(signer.algorithm()));
    }
}

/// The library never asks a key for a scheme that is not its own. A backend says no all the same.
#[test]
fn a_key_verifies_for_no_scheme_but_its_own() {
    let backend = AwsLc::new();
    let point = |jwk: &Jwk| -> Vec<u8> {
        let part = |text: &Option<String>| text.as_deref().map(|text| base64url::decode(text).unwrap());
        [part(&jwk.x), part(&jwk.y)].into_iter().flatten().flatten().collect()
    };
    let others = [
        Scheme::P256,
        Scheme::P384,
        Scheme::P521,
        Scheme::Ed25519,
        Scheme::MlDsa44,
        Scheme::MlDsa65,
        Scheme::MlDsa87,
        Scheme::RsaPkcs1(Hash::Sha256),
        Scheme::RsaPkcs1(Hash::Sha512),
        Scheme::RsaPss(Hash::Sha256),
    ];
    for signer in signers() {
        let jwk = signer.public_jwk().unwrap();
        let uncompressed = [&[4][..], &point(&jwk)].concat();
        let public = jwk.public.as_deref().map(|text| base64url::decode(text).unwrap());
        let number = |text: &Option<String>| base64url::decode(text.as_deref().unwrap_or_default()).unwrap();
        let rs256 = Scheme::RsaPkcs1(Hash::Sha256);
        let (scheme, key) = match signer.algorithm() {
            Algorithm::RS256 => (rs256, backend.rsa(&number(&jwk.n), &number(&jwk.e), &[rs256])),
            Algorithm::ES256 => (Scheme::P256, backend.p256(&uncompressed.try_into().unwrap())),
            Algorithm::ES384 => (Scheme::P384, backend.p384(&uncompressed.try_into().unwrap())),
            Algorithm::ES512 => (Scheme::P521, backend.p521(&uncompressed.try_into().unwrap())),
            Algorithm::EdDSA => (Scheme::Ed25519, backend.ed25519(&point(&jwk).try_into().unwrap())),
            Algorithm::MlDsa44 => (Scheme::MlDsa44, backend.ml_dsa(Scheme::MlDsa44, &public.unwrap())),
            Algorithm::MlDsa65 => (Scheme::MlDsa65, backend.ml_dsa(Scheme::MlDsa65, &public.unwrap())),
            Algorithm::MlDsa87 => (Scheme::MlDsa87, backend.ml_dsa(Scheme::MlDsa87, &public.unwrap())),
            _ => continue,
        };
        let (key, signature) = (key.unwrap(), signer.sign(b"message").unwrap());
        assert!(key.verify(scheme, b"message", &signature));
        for other in others.iter().filter(|other| **other != scheme) {
            assert!(!key.verify(*other, b"message", &signature), "{scheme:?} as {other:?}");
        }
    }
    assert!(backend.ml_dsa(Scheme::MlDsa44, &[0; 1952]).is_none(), "a key of another length");
    assert!(backend.ml_dsa(Scheme::P256, &[0; 1312]).is_none());
}

/// RSA keys without `alg` are parsed for one algorithm when the set is read, and for the others by the first token.
#[test]
fn a_key_without_an_algorithm_serves_all_of_its_algorithms_and_from_every_thread() {
    let mut jwk = signers()[0].public_jwk().unwrap().to_json();
    jwk.as_object_mut().unwrap().remove("alg");
    let keys = with_aws(&[jwk]);
    let tokens: Vec<_> = signers()[..6]
        .iter()
        .map(|signer| (signer.algorithm(), sign_compact(signer, Default::default(), b"x").unwrap()))
        .collect();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for (algorithm, token) in &tokens {
                    assert_eq!(verdict(&keys, token), Ok(*algorithm));
                }
            });
        }
    });
}
