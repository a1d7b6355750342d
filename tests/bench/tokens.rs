//! Keys, key sets and tokens. The keys are made anew at each start.

use aws_lc_rs::{
    rand::{SecureRandom, SystemRandom},
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING,
        PqdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    },
};
use oidc_proto::{base::base64url, jose::Algorithm};
use ring::hmac;
use serde_json::{Map, Value, json};

pub const ISSUER: &str = "https://op.example/tenant";
pub const AUDIENCE: &str = "https://api.example";
pub const SECRET: &str = "a secret of sixty-four bytes, more than HS256 asks for, as it goes";
/// In the year 2100: the contenders read the clock of the machine.
pub const EXP: i64 = 4_102_444_800;
pub const NOW: i64 = 1_750_000_000;

/// An algorithm, with the size of its key.
#[derive(Clone, Copy, PartialEq)]
pub struct Case {
    pub name: &'static str,
    pub algorithm: Algorithm,
    pub rsa: usize,
}

const fn case(name: &'static str, algorithm: Algorithm, rsa: usize) -> Case {
    Case { name, algorithm, rsa }
}

pub const CASES: [Case; 7] = [
    case("RS256", Algorithm::RS256, 2048),
    case("RS256, 4096 bits", Algorithm::RS256, 4096),
    case("PS256", Algorithm::PS256, 2048),
    case("ES256", Algorithm::ES256, 0),
    case("ES384", Algorithm::ES384, 0),
    case("EdDSA", Algorithm::EdDSA, 0),
    case("HS256", Algorithm::HS256, 0),
];

/// The algorithms that ring does not have.
pub const WITHOUT_RING: [Case; 4] = [
    case("ES512", Algorithm::ES512, 0),
    case("ML-DSA-44", Algorithm::MlDsa44, 0),
    case("ML-DSA-65", Algorithm::MlDsa65, 0),
    case("ML-DSA-87", Algorithm::MlDsa87, 0),
];

enum Key {
    Rsa(Box<RsaKeyPair>),
    Point(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(Box<PqdsaKeyPair>),
    Secret(hmac::Key),
}

/// An issuer with one key.
pub struct Signer {
    pub case: Case,
    key: Key,
}

impl Signer {
    pub fn new(case: Case) -> Self {
        let point = |algorithm| Key::Point(EcdsaKeyPair::generate(algorithm).expect("a key"));
        let ml_dsa = |algorithm| Key::MlDsa(Box::new(PqdsaKeyPair::generate(algorithm).expect("a key")));
        let key = match (case.algorithm, case.rsa) {
            (Algorithm::HS256, _) => Key::Secret(hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes())),
            (Algorithm::ES256, _) => point(&ECDSA_P256_SHA256_FIXED_SIGNING),
            (Algorithm::ES384, _) => point(&ECDSA_P384_SHA384_FIXED_SIGNING),
            (Algorithm::ES512, _) => point(&ECDSA_P521_SHA512_FIXED_SIGNING),
            (Algorithm::MlDsa44, _) => ml_dsa(&ML_DSA_44_SIGNING),
            (Algorithm::MlDsa65, _) => ml_dsa(&ML_DSA_65_SIGNING),
            (Algorithm::MlDsa87, _) => ml_dsa(&ML_DSA_87_SIGNING),
            (Algorithm::EdDSA, _) => Key::Ed25519(Ed25519KeyPair::generate().expect("a key")),
            (_, 4096) => Key::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa4096).expect("a key"))),
            _ => Key::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))),
        };
        Self { case, key }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let padding: &dyn aws_lc_rs::signature::RsaEncoding = match self.case.algorithm {
                    Algorithm::PS256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                key.sign(padding, &random, message, &mut signature).expect("a signature");
                signature
            }
            Key::Point(key) => key.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Key::MlDsa(key) => {
                let mut signature = vec![0; key.algorithm().signature_len()];
                let length = key.sign(message, &mut signature).expect("a signature");
                signature.truncate(length);
                signature
            }
            Key::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
        }
    }

    /// The numbers of an RSA key: modulus and exponent.
    pub fn numbers(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let Key::Rsa(key) = &self.key else { return None };
        let key = key.public_key();
        let (n, e) = (key.modulus(), key.exponent());
        Some((n.big_endian_without_leading_zero().to_vec(), e.big_endian_without_leading_zero().to_vec()))
    }

    /// The bytes of another public key. A point on NIST's curves is uncompressed.
    pub fn point(&self) -> Vec<u8> {
        match &self.key {
            Key::Point(key) => key.public_key().as_ref().to_vec(),
            Key::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Key::MlDsa(key) => key.public_key().as_ref().to_vec(),
            Key::Rsa(_) | Key::Secret(_) => Vec::new(),
        }
    }

    /// The public key in JSON, without a name.
    pub fn jwk(&self) -> Value {
        let encode = base64url::encode;
        match (&self.key, self.case.algorithm) {
            (Key::Rsa(_), _) => {
                let (n, e) = self.numbers().expect("numbers");
                json!({ "kty": "RSA", "use": "sig", "n": encode(&n), "e": encode(&e) })
            }
            (Key::Point(_), algorithm) => {
                let crv = match algorithm {
                    Algorithm::ES256 => "P-256",
                    Algorithm::ES384 => "P-384",
                    _ => "P-521",
                };
                let point = self.point();
                let (x, y) = point[1..].split_at(point.len() / 2);
                json!({ "kty": "EC", "use": "sig", "crv": crv, "x": encode(x), "y": encode(y) })
            }
            (Key::MlDsa(_), algorithm) => {
                json!({ "kty": "AKP", "alg": algorithm.name(), "use": "sig", "pub": encode(&self.point()) })
            }
            _ => json!({ "kty": "OKP", "use": "sig", "crv": "Ed25519", "x": encode(&self.point()) }),
        }
    }

    /// A token with this type and these claims.
    pub fn token(&self, typ: &str, payload: &[u8]) -> String {
        let mut header = json!({ "alg": self.case.algorithm.name(), "typ": typ });
        if !self.case.algorithm.is_symmetric() {
            header["kid"] = name(0).into();
        }
        self.compact(&header, payload)
    }

    /// A token with this header and these claims.
    pub fn compact(&self, header: &Value, payload: &[u8]) -> String {
        let encode = base64url::encode;
        let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload));
        let signature = self.sign(input.as_bytes());
        format!("{input}.{}", encode(&signature))
    }

    /// A key set of this many keys of three kinds. The key of this issuer is in the middle.
    pub fn set(&self, count: usize) -> Vec<u8> {
        let mut keys: Vec<Value> = (1..count).map(|number| stranger(number, number)).collect();
        keys.insert(count / 2, named(self.jwk(), 0));
        json!({ "keys": keys }).to_string().into_bytes()
    }
}

fn name(number: usize) -> String {
    format!("2026-11-key-{number:04}")
}

fn named(mut jwk: Value, number: usize) -> Value {
    jwk["kid"] = name(number).into();
    jwk
}

/// The public key of nobody: of RSA, on P-256, or on Ed25519.
pub fn stranger(kind: usize, number: usize) -> Value {
    let jwk = match kind % 3 {
        0 => {
            let mut modulus = vec![0; 256];
            SystemRandom::new().fill(&mut modulus).expect("entropy");
            modulus[0] |= 0x80;
            modulus[255] |= 1;
            json!({ "kty": "RSA", "use": "sig", "n": base64url::encode(&modulus), "e": "AQAB" })
        }
        1 => Signer::new(CASES[3]).jwk(),
        _ => Signer::new(CASES[5]).jwk(),
    };
    named(jwk, number)
}

/// Claims such as providers issue, of about half a kilobyte.
pub fn small() -> Map<String, Value> {
    let claims = json!({
        "iss": ISSUER,
        "sub": "248289761001-7f1c5e2a-93ab-4d0f",
        "aud": [AUDIENCE, "https://reports.example"],
        "client_id": "s6BhdRkqt3",
        "iat": NOW,
        "nbf": NOW,
        "exp": EXP,
        "jti": "4f1b6c1e-8a59-4f53-9a29-5c1d3f6f8f0a",
        "scope": "openid profile email orders:read orders:write",
        "auth_time": NOW,
        "acr": "urn:mace:incommon:iap:silver",
        "amr": ["pwd", "otp"],
        "preferred_username": "j.doe",
        "email": "janedoe@example.com",
        "email_verified": true,
        "realm_access": { "roles": ["admin", "user"] },
    });
    claims.as_object().expect("an object").clone()
}

/// The same with groups and grants, of about four kilobytes.
pub fn large() -> Map<String, Value> {
    let mut claims = small();
    let groups: Vec<_> = (0..48).map(|n| format!("/departments/eu-west/team-{n:03}/members")).collect();
    let grants: Vec<_> = (0..27)
        .map(|n| json!({ "rsname": format!("orders-{n:03}"), "rsid": 4_711_000 + n, "scopes": ["view", "edit"] }))
        .collect();
    claims.insert("groups".into(), groups.into());
    claims.insert("authorization".into(), json!({ "permissions": grants }));
    claims
}

/// The text of claims.
pub fn text(claims: Map<String, Value>) -> Vec<u8> {
    Value::from(claims).to_string().into_bytes()
}
