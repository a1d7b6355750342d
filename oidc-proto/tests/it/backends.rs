//! Backends for signatures: when they are asked, what they are given, and whose verdict counts.

use oidc_proto::{
    Error,
    backend::{Backend, Hash, PrivateMaterial, PublicHalf, Scheme, SigningKey, VerifyingKey},
    base::base64url,
    flow::{Client, ConfigError},
    jose::{
        Algorithm, AlgorithmSet, BackendSigner, JwsError, KeyError, KeySet, KeySetReader, RingSigner,
        Scratch, Sign, SignError, sign_compact, verify_compact,
    },
    message::AuthorizationRequest,
    token::VerificationError,
};
use oidc_testkit::{EndpointName, Party, hostile};
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

/// A backend that keeps the private keys that it is given, as a real one does, and signs with none of them.
pub(crate) struct Keeping;

struct Kept(Vec<u8>);

impl Backend for Keeping {
    fn signing_key(&self, scheme: Scheme, material: &PrivateMaterial<'_>) -> Option<Box<dyn SigningKey>> {
        let private = match (scheme, material) {
            (Scheme::RsaPkcs1(_), PrivateMaterial::Rsa(numbers)) => numbers.d,
            (Scheme::P256 | Scheme::P384 | Scheme::P521, PrivateMaterial::Point { d, .. }) => d,
            (Scheme::Ed25519 | Scheme::MlDsa44, PrivateMaterial::Seed { seed, .. }) => seed,
            _ => return None,
        };
        Some(Box::new(Kept(private.to_vec())))
    }
}

impl SigningKey for Kept {
    fn sign(&self, _: &[u8]) -> Option<Vec<u8>> {
        assert!(!self.0.is_empty());
        None
    }
    fn public(&self) -> PublicHalf {
        PublicHalf::Ed25519(vec![1; 32])
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

#[test]
fn a_backend_is_given_the_halves_of_a_private_jwk_and_says_whether_it_has_the_algorithm() {
    let x = base64url::encode(&[7; 66]);
    let es512 = json!({"kty": "EC", "crv": "P-521", "d": x, "x": x, "y": x});
    let ml_dsa = json!({"kty": "AKP", "alg": "ML-DSA-44", "priv": "AAAA", "pub": "AAAA"});
    let read = |jwk: &Value, algorithm| {
        BackendSigner::from_jwk(&Keeping, jwk.to_string().as_bytes(), algorithm).map(|key| key.algorithm())
    };
    let without = |jwk: &Value, name: &str| {
        let mut jwk = jwk.clone();
        jwk.as_object_mut().unwrap().remove(name);
        jwk
    };
    let lacks = |name| Err(SignError::Jwk(KeyError::MissingMember(name)));
    let mut used = es512.clone();
    used["use"] = json!("enc");
    for (jwk, algorithm, read_as) in [
        (&es512, Some(Algorithm::ES512), Ok(Algorithm::ES512)),
        (&es512, None, Err(SignError::MissingAlgorithm)),
        (&es512, Some(Algorithm::ES384), Err(SignError::AlgorithmMismatch)),
        (&es512, Some(Algorithm::MlDsa44), Err(SignError::AlgorithmMismatch)),
        (&es512, Some(Algorithm::HS256), Err(SignError::AlgorithmMismatch)),
        (&used, Some(Algorithm::ES512), Err(SignError::Jwk(KeyError::NotForSignatures))),
        (&without(&es512, "d"), Some(Algorithm::ES512), lacks("d")),
        (&without(&es512, "y"), Some(Algorithm::ES512), lacks("y")),
        (&ml_dsa, None, Ok(Algorithm::MlDsa44)),
        (&ml_dsa, Some(Algorithm::MlDsa65), Err(SignError::AlgorithmMismatch)),
        (&without(&ml_dsa, "priv"), None, lacks("priv")),
        (&without(&ml_dsa, "pub"), None, lacks("pub")),
        // The backend has no such key.
        (&without(&ml_dsa, "alg"), Some(Algorithm::MlDsa65), Err(SignError::KeyRejected)),
    ] {
        assert_eq!(read(jwk, algorithm), read_as, "{jwk} {algorithm:?}");
    }
    let pem = PEMS[1].0;
    let refused = BackendSigner::from_pkcs8_pem(&Keeping, Algorithm::ES256, pem, None).err();
    assert_eq!(refused, Some(SignError::KeyRejected), "it takes no PKCS#8");
    let refused = BackendSigner::from_pkcs8_pem(&Keeping, Algorithm::HS256, pem, None).err();
    assert_eq!(refused, Some(SignError::AlgorithmMismatch));
    let signer = BackendSigner::from_jwk(&Keeping, ml_dsa.to_string().as_bytes(), None).unwrap();
    assert_eq!(signer.sign(b"message"), Err(SignError::Failed));
}

/// A backend that verifies with every key that ring cannot, and finds every signature valid.
struct Willing;

impl Backend for Willing {
    fn p521(&self, _: &[u8; 133]) -> Option<Box<dyn VerifyingKey>> {
        Some(Box::new(Self))
    }
    fn ml_dsa(&self, scheme: Scheme, key: &[u8]) -> Option<Box<dyn VerifyingKey>> {
        assert!(scheme != Scheme::MlDsa65 || key.len() == 1952);
        Some(Box::new(Self))
    }
}

impl VerifyingKey for Willing {
    fn verify(&self, scheme: Scheme, _: &[u8], _: &[u8]) -> bool {
        !matches!(scheme, Scheme::RsaPkcs1(_) | Scheme::P256)
    }
}

/// The keys of RFC 7515 appendix A.4 and of RFC 7520 section 3.1, and ML-DSA keys of zeros.
fn keys_for_a_backend() -> Vec<(Algorithm, Value)> {
    let rfc = |file: &str| -> Value {
        let text = std::fs::read_to_string(format!("{}/vectors/rfc/{file}", crate::DATA)).unwrap();
        let mut key: Value = serde_json::from_str(&text).unwrap();
        key.as_object_mut().unwrap().retain(|name, _| !["d", "kid"].contains(&name.as_str()));
        key
    };
    let zeros =
        |alg: &str, length| json!({"kty": "AKP", "alg": alg, "pub": base64url::encode(&vec![0; length])});
    vec![
        (Algorithm::ES512, rfc("rfc7515_A.4.jwk")),
        (Algorithm::ES512, rfc("rfc7520_3.1.jwk")),
        (Algorithm::MlDsa44, zeros("ML-DSA-44", 1312)),
        (Algorithm::MlDsa65, zeros("ML-DSA-65", 1952)),
        (Algorithm::MlDsa87, zeros("ML-DSA-87", 2592)),
    ]
}

#[test]
fn a_key_that_ring_lacks_verifies_with_a_backend_for_its_own_algorithm_and_only_if_that_is_allowed() {
    let willing: Arc<dyn Backend> = Arc::new(Willing);
    for (algorithm, jwk) in keys_for_a_backend() {
        let set = json!({ "keys": [jwk] }).to_string();
        let keys = KeySet::parse_by(&willing, set.as_bytes()).unwrap();
        let served: Vec<_> = keys.keys().map(|key| key.algorithms()).collect();
        assert_eq!(served, [AlgorithmSet::EMPTY.with(algorithm)], "{jwk}");
        let parsed = oidc_proto::jose::Jwk::parse(jwk.to_string().as_bytes()).unwrap();
        assert_eq!(keys.keys().next().unwrap().thumbprint(), parsed.thumbprint().as_deref());
        let token = |alg: &str| {
            let header = base64url::encode(format!(r#"{{"alg":"{alg}"}}"#).as_bytes());
            format!("{header}.e30.{}", base64url::encode(&vec![7; 4627]))
        };
        let accepted =
            |allowed, alg: &str| verify_compact(&token(alg), &keys, allowed, &mut Scratch::new()).map(drop);
        assert_eq!(accepted(AlgorithmSet::ALL, algorithm.name()), Ok(()));
        assert_eq!(accepted(AlgorithmSet::ASYMMETRIC, algorithm.name()), Ok(()));
        assert_eq!(accepted(AlgorithmSet::DEFAULT.with(algorithm), algorithm.name()), Ok(()));
        assert_eq!(accepted(AlgorithmSet::DEFAULT, algorithm.name()), Err(JwsError::AlgorithmNotAllowed));
        for other in Algorithm::ALL.iter().filter(|other| **other != algorithm) {
            assert_eq!(accepted(AlgorithmSet::ALL, other.name()), Err(JwsError::UnknownKey), "{other}");
        }
        // Neither ring nor a backend without the algorithm has a key then.
        let nobody: Arc<dyn Backend> = Counting::new(Some(true));
        for keys in [KeySet::parse(set.as_bytes()), KeySet::parse_by(&nobody, set.as_bytes())] {
            let keys = keys.unwrap();
            assert!(keys.is_empty());
            assert_eq!(keys.set_aside()[0].reason, KeyError::NeedsBackend(algorithm));
        }
    }
}

#[test]
fn a_broken_key_that_ring_lacks_is_set_aside_before_a_backend_sees_it() {
    let reason = |jwk: &Value| {
        let reader = KeySetReader::new().backend(Arc::new(Willing));
        let keys = reader.parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        keys.set_aside().first().map(|key| key.reason)
    };
    for (algorithm, jwk) in keys_for_a_backend() {
        assert_eq!(reason(&jwk), None);
        let with = |name: &str, value: Value| {
            let mut jwk = jwk.clone();
            jwk[name] = value;
            reason(&jwk)
        };
        assert_eq!(with("use", json!("enc")), Some(KeyError::NotForSignatures));
        assert_eq!(with("priv", json!("AA")), Some(KeyError::PrivateMembers));
        assert!(with("alg", json!("RS512")).is_some());
        if algorithm == Algorithm::ES512 {
            assert_eq!(with("y", jwk["x"].clone()), Some(KeyError::BadPoint));
            assert_eq!(with("alg", json!("ES384")), Some(KeyError::AlgorithmMismatch));
            let short = KeyError::Length { member: "x", bytes: 65, needs: 66 };
            assert_eq!(with("x", json!(base64url::encode(&[7; 65]))), Some(short));
        } else {
            assert_eq!(with("alg", Value::Null), Some(KeyError::MissingMember("alg")));
            assert_eq!(with("alg", json!("ML-DSA-45")), Some(KeyError::UnknownAlgorithm));
            assert_eq!(with("pub", Value::Null), Some(KeyError::MissingMember("pub")));
            assert_eq!(with("pub", json!("A")), Some(KeyError::Base64("pub")));
            let length = with("pub", json!(base64url::encode(&[7; 1313])));
            assert!(
                matches!(length, Some(KeyError::Length { member: "pub", bytes: 1313, .. })),
                "{length:?}"
            );
        }
    }
}

/// Before the user leaves: what the provider lists counts as far as somebody can verify it.
#[test]
fn a_client_accepts_what_its_backend_may_verify_and_its_provider_lists() {
    let begin = |listed: Value, backend: bool| {
        let mut party = Party::new();
        let set = hostile::set_member("id_token_signing_alg_values_supported", listed);
        party.provider.alter_response(EndpointName::Discovery, set);
        let mut client = Client::builder(party.discover().unwrap(), "client");
        if backend {
            client = client.backend(Arc::new(Willing));
        }
        let client = client.redirect_uri("https://app.example/callback").build().unwrap();
        client.authorize(&AuthorizationRequest::default(), party.clock.moment()).map(drop)
    };
    for listed in [json!(["ES512"]), json!(["ML-DSA-44", "none"]), json!(["HS256", "ML-DSA-87"])] {
        let refused = begin(listed.clone(), false).unwrap_err();
        assert_eq!(refused, ConfigError::NoAlgorithm.into(), "{listed}");
        assert_eq!(begin(listed.clone(), true), Ok(()), "{listed}");
    }
    assert_eq!(begin(json!(["HS256"]), true).unwrap_err(), ConfigError::NoAlgorithm.into());
}
