//! Backends for signatures: when they are asked, what they are given, and whose verdict counts.

use oidc_proto::{
    Error,
    backend::{Backend, Hash, Scheme, VerifyingKey},
    jose::{
        Algorithm, AlgorithmSet, JwsError, KeySet, KeySetReader, RingSigner, Scratch, Sign, sign_compact,
        verify_compact,
    },
    token::VerificationError,
};
use oidc_testkit::Party;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// A backend that counts. It verifies with ring.
#[derive(Default)]
pub(crate) struct Counting {
    /// Whether it leaves RSA keys to the library.
    only_curves: bool,
    /// The verdict on every signature, if it is not ring's.
    verdict: Option<bool>,
    parsed: AtomicUsize,
    verified: Arc<AtomicUsize>,
}

struct Parsed {
    key: Material,
    verdict: Option<bool>,
    verified: Arc<AtomicUsize>,
}

enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Counting {
    fn new(verdict: Option<bool>) -> Arc<Self> {
        Arc::new(Self { verdict, ..Self::default() })
    }

    fn key(&self, key: Material) -> Option<Box<dyn VerifyingKey>> {
        self.parsed.fetch_add(1, Relaxed);
        Some(Box::new(Parsed { key, verdict: self.verdict, verified: Arc::clone(&self.verified) }))
    }

    fn counts(&self) -> (usize, usize) {
        (self.parsed.load(Relaxed), self.verified.load(Relaxed))
    }
}

impl Backend for Counting {
    fn rsa(&self, n: &[u8], e: &[u8], schemes: &[Scheme]) -> Option<Box<dyn VerifyingKey>> {
        assert!(!schemes.is_empty());
        if self.only_curves {
            return None;
        }
        self.key(Material::Rsa(RsaPublicKeyComponents { n: n.to_vec(), e: e.to_vec() }))
    }
    fn p256(&self, point: &[u8; 65]) -> Option<Box<dyn VerifyingKey>> {
        self.key(Material::P256(point.to_vec()))
    }
    fn p384(&self, point: &[u8; 97]) -> Option<Box<dyn VerifyingKey>> {
        self.key(Material::P384(point.to_vec()))
    }
    fn ed25519(&self, point: &[u8; 32]) -> Option<Box<dyn VerifyingKey>> {
        self.key(Material::Ed25519(point.to_vec()))
    }
}

impl VerifyingKey for Parsed {
    fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        self.verified.fetch_add(1, Relaxed);
        let checked = |algorithm: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
        };
        self.verdict.unwrap_or_else(|| match (&self.key, scheme) {
            (Material::Rsa(key), scheme) => {
                let parameters = match scheme {
                    Scheme::RsaPkcs1(Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Scheme::RsaPkcs1(Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Scheme::RsaPkcs1(Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Scheme::RsaPss(Hash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
                    Scheme::RsaPss(Hash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
                    Scheme::RsaPss(Hash::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                key.verify(parameters, message, signature).is_ok()
            }
            (Material::P256(key), Scheme::P256) => checked(&signature::ECDSA_P256_SHA256_FIXED, key),
            (Material::P384(key), Scheme::P384) => checked(&signature::ECDSA_P384_SHA384_FIXED, key),
            (Material::Ed25519(key), Scheme::Ed25519) => checked(&signature::ED25519, key),
            _ => false,
        })
    }
}

/// A reader of key sets over a backend that verifies with ring.
pub(crate) fn other_reader() -> KeySetReader {
    KeySetReader::new().backend(Counting::new(None))
}

const PEMS: [(&str, &[Algorithm]); 4] = [
    (
        include_str!("../../src/jose/testdata/rsa2048.pem"),
        &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
    ),
    (include_str!("../../src/jose/testdata/p256.pem"), &[Algorithm::ES256]),
    (include_str!("../../src/jose/testdata/p384.pem"), &[Algorithm::ES384]),
    (include_str!("../../src/jose/testdata/ed25519.pem"), &[Algorithm::EdDSA, Algorithm::Ed25519]),
];

fn signers() -> Vec<RingSigner> {
    let of = |(index, (pem, algorithms)): (usize, &(&str, &[Algorithm]))| -> Vec<RingSigner> {
        let kid = format!("key-{index}");
        let signer = |algorithm: &Algorithm| RingSigner::from_pkcs8_pem(*algorithm, pem, Some(&kid));
        algorithms.iter().map(|algorithm| signer(algorithm).unwrap()).collect()
    };
    PEMS.iter().enumerate().flat_map(of).collect()
}

/// The keys of all signers, each once, and a secret.
fn published() -> Value {
    let mut keys: Vec<Value> = Vec::new();
    for signer in signers() {
        let mut key = signer.public_jwk().unwrap().to_json();
        key.as_object_mut().unwrap().remove("alg");
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.push(json!({"kty": "oct", "kid": "secret", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}));
    json!({ "keys": keys })
}

fn verdict(keys: &KeySet, token: &str) -> Result<(), JwsError> {
    verify_compact(token, keys, AlgorithmSet::ALL, &mut Scratch::new()).map(drop)
}

#[test]
fn a_backend_parses_each_key_once_when_a_set_is_read_and_ring_serves_the_others() {
    for (only_curves, parsed, verified) in [(false, 4, 10), (true, 3, 4)] {
        let counting = Arc::new(Counting { only_curves, ..Counting::default() });
        let backend: Arc<dyn Backend> = Arc::<Counting>::clone(&counting);
        let keys = KeySet::parse_by(&backend, published().to_string().as_bytes()).unwrap();
        assert_eq!(keys.keys().count(), 5);
        assert_eq!(counting.counts(), (parsed, 0), "before any token came");
        for signer in signers() {
            let token = sign_compact(&signer, Default::default(), b"payload").unwrap();
            assert_eq!(verdict(&keys, &token), Ok(()), "{}", signer.algorithm());
        }
        assert_eq!(counting.counts(), (parsed, verified), "no key is parsed for a token");
    }
}

#[test]
fn a_backend_never_sees_a_key_that_the_library_refuses() {
    let p256 = signers()[6].public_jwk().unwrap().to_json();
    let changed = |name: &str, value: Value| {
        let mut key = p256.clone();
        key[name] = value;
        key
    };
    let even = format!("{}A", "_".repeat(342));
    for key in [
        changed("y", p256["x"].clone()),
        changed("x", json!("AA")),
        changed("use", json!("enc")),
        changed("alg", json!("ES384")),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "RSA", "n": even, "e": "AQAB"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43)}),
    ] {
        let counting = Counting::new(Some(true));
        let reader = KeySetReader::new().backend(Arc::<Counting>::clone(&counting));
        let keys = reader.parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
        assert_eq!((keys.keys().count(), keys.set_aside().len()), (0, 1), "{key}");
        assert_eq!(counting.counts(), (0, 0), "{key}");
    }
    // The private half makes a key unusable, and nothing is asked about its signatures.
    let counting = Counting::new(Some(true));
    let reader = KeySetReader::new().backend(Arc::<Counting>::clone(&counting));
    let keys = reader.parse(json!({ "keys": [changed("d", json!("AA"))] }).to_string().as_bytes()).unwrap();
    let token = sign_compact(&signers()[6], Default::default(), b"payload").unwrap();
    assert!(verdict(&keys, &token).is_err());
    assert_eq!(counting.counts().1, 0);
}

/// A secret is not for a backend, and an algorithm that the key may not be used with never reaches it.
#[test]
fn the_verdict_on_a_signature_is_that_of_the_backend_and_all_other_rules_are_the_library_s() {
    let set = published().to_string();
    for signer in signers() {
        let token = sign_compact(&signer, Default::default(), b"payload").unwrap();
        let (rest, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{rest}.{}", "A".repeat(86));
        for (verdict_of_backend, good, bad) in [
            (None, Ok(()), Err(JwsError::Signature)),
            (Some(false), Err(JwsError::Signature), Err(JwsError::Signature)),
            (Some(true), Ok(()), Ok(())),
        ] {
            let reader = KeySetReader::new().backend(Counting::new(verdict_of_backend));
            let keys = reader.parse(set.as_bytes()).unwrap();
            assert_eq!(verdict(&keys, &token), good, "{}", signer.algorithm());
            assert_eq!(verdict(&keys, &forged), bad, "{}", signer.algorithm());
        }
    }
    let keys = KeySetReader::new().backend(Counting::new(Some(true))).parse(set.as_bytes()).unwrap();
    let header = |text: &str| oidc_proto::base::base64url::encode(text.as_bytes());
    for (written, why) in [
        (r#"{"alg":"none"}"#.to_owned(), JwsError::Unsigned),
        (r#"{"alg":"HS256","kid":"secret"}"#.to_owned(), JwsError::Signature),
        (r#"{"alg":"HS256","kid":"key-0"}"#.to_owned(), JwsError::KeyMismatch),
        (r#"{"alg":"RS256","kid":"unknown"}"#.to_owned(), JwsError::UnknownKey),
    ] {
        assert_eq!(verdict(&keys, &format!("{}.AA.AA", header(&written))), Err(why), "{written}");
    }
}

#[test]
fn a_client_and_its_flows_verify_with_its_backend() {
    for (verdict, outcome) in [(None, true), (Some(true), true), (Some(false), false)] {
        let counting = Counting::new(verdict);
        let backend = Arc::clone(&counting);
        let mut party =
            Party::builder().client(move |client| client.backend(Arc::<Counting>::clone(&backend))).build();
        match party.login() {
            Ok(_) => assert!(outcome),
            Err(Error::Token(VerificationError::Jws(JwsError::Signature))) => assert!(!outcome),
            Err(other) => panic!("{other}"),
        }
        let (parsed, verified) = counting.counts();
        assert!(parsed > 0 && verified == 1, "{parsed} {verified}");
        assert!(party.keys().is_ok());
        assert!(counting.counts().0 > parsed, "the keys that were fetched alone, too");
    }
}
