//! The other contenders of every build: ring and AWS-LC alone, and jsonwebtoken.

use crate::{
    ours::Bound,
    tokens::{AUDIENCE, ISSUER, SECRET, Signer},
};
use oidc_proto::{base::base64url, jose::Algorithm};
use ring::{hmac, signature};
use serde::Deserialize;
use serde_json::Value;

/// The registered claims, as a user of the other libraries would declare them.
#[derive(Deserialize)]
#[allow(dead_code, reason = "read as a user would read them")]
pub struct Registered {
    pub iss: String,
    pub sub: String,
    pub aud: Vec<String>,
    pub exp: i64,
    pub iat: i64,
    pub jti: String,
    pub client_id: String,
    pub scope: String,
}

/// The bytes that were signed, and the signature.
fn parts(token: &str) -> (Vec<u8>, Vec<u8>) {
    let (signed, encoded) = token.rsplit_once('.').expect("a token");
    (signed.as_bytes().to_vec(), base64url::decode(encoded).expect("base64url"))
}

/// Tells whether a message has this signature.
pub type Check = Box<dyn Fn(&[u8], &[u8]) -> bool + Send + Sync>;

/// The check of signatures by ring.
pub fn check_by_ring(signer: &Signer) -> Check {
    let how: &'static dyn signature::VerificationAlgorithm = match signer.case.algorithm {
        Algorithm::HS256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            return Box::new(move |message, mark| hmac::verify(&key, message, mark).is_ok());
        }
        Algorithm::RS256 | Algorithm::PS256 => {
            let (n, e) = signer.numbers().expect("numbers");
            let key = signature::RsaPublicKeyComponents { n, e };
            let how = match signer.case.algorithm {
                Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                _ => &signature::RSA_PSS_2048_8192_SHA256,
            };
            return Box::new(move |message, mark| key.verify(how, message, mark).is_ok());
        }
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        _ => &signature::ED25519,
    };
    let key = signature::UnparsedPublicKey::new(how, signer.point());
    Box::new(move |message, mark| key.verify(message, mark).is_ok())
}

/// ring verifies the signature, and nothing else is done.
pub fn ring_alone(signer: &Signer, token: &str) -> Box<dyn FnMut() -> bool> {
    let ((signed, mark), check) = (parts(token), check_by_ring(signer));
    Box::new(move || check(&signed, &mark))
}

/// ring verifies the signatures of a token and of its proof, another proof each time, and nothing else is done.
pub fn ring_alone_bound(signer: &Signer, sender: &Signer, bound: &Bound) -> Box<dyn FnMut() -> bool> {
    let (checks, mut turn) = ([check_by_ring(signer), check_by_ring(sender)], 0);
    let token = parts(&bound.token);
    let proofs: Vec<_> = bound.proofs.iter().map(|proof| parts(proof)).collect();
    Box::new(move || {
        turn = (turn + 1) % proofs.len();
        let ((signed, mark), (proof, proven)) = (&token, &proofs[turn]);
        checks[0](signed, mark) & checks[1](proof, proven)
    })
}

/// AWS-LC verifies the signature with a key that was parsed before, and nothing else is done.
pub fn aws_lc_alone(signer: &Signer, token: &str) -> Box<dyn FnMut() -> bool> {
    use aws_lc_rs::{hmac, signature};
    let (signed, mark) = parts(token);
    let key = match signer.case.algorithm {
        Algorithm::HS256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            return Box::new(move || hmac::verify(&key, &signed, &mark).is_ok());
        }
        Algorithm::RS256 | Algorithm::PS256 => {
            let (n, e) = signer.numbers().expect("numbers");
            let how = match signer.case.algorithm {
                Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                _ => &signature::RSA_PSS_2048_8192_SHA256,
            };
            signature::RsaPublicKeyComponents { n, e }.to_parsed_public_key(how).ok()
        }
        other => {
            let how: &'static dyn signature::VerificationAlgorithm = match other {
                Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
                Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
                Algorithm::ES512 => &signature::ECDSA_P521_SHA512_FIXED,
                Algorithm::MlDsa44 => &signature::ML_DSA_44,
                Algorithm::MlDsa65 => &signature::ML_DSA_65,
                Algorithm::MlDsa87 => &signature::ML_DSA_87,
                _ => &signature::ED25519,
            };
            signature::ParsedPublicKey::new(how, signer.point()).ok()
        }
    };
    let key = key.expect("a key");
    Box::new(move || key.verify_sig(&signed, &mark).is_ok())
}

/// A member of a public key.
fn member(jwk: &Value, name: &str) -> String {
    jwk[name].as_str().expect("a member").to_owned()
}

/// jsonwebtoken of one major version. The interface is the same in all of them, but for the
/// result of `from_secret`.
macro_rules! jsonwebtoken {
    ($name:ident, $krate:ident, $secret:expr) => {
        pub mod $name {
            use super::{AUDIENCE, Algorithm, ISSUER, Registered, SECRET, Signer, member};
            use $krate::{Algorithm as Name, DecodingKey, Validation, decode};

            /// The key and what is checked: the issuer, the audience, `exp` and `nbf`.
            pub fn settings(signer: &Signer) -> (DecodingKey, Validation) {
                let jwk = signer.jwk();
                let rsa = || DecodingKey::from_rsa_components(&member(&jwk, "n"), &member(&jwk, "e"));
                let point = || DecodingKey::from_ec_components(&member(&jwk, "x"), &member(&jwk, "y"));
                let (name, key) = match signer.case.algorithm {
                    Algorithm::RS256 => (Name::RS256, rsa()),
                    Algorithm::PS256 => (Name::PS256, rsa()),
                    Algorithm::ES256 => (Name::ES256, point()),
                    Algorithm::ES384 => (Name::ES384, point()),
                    Algorithm::HS256 => (Name::HS256, $secret(DecodingKey::from_secret(SECRET.as_bytes()))),
                    _ => (Name::EdDSA, DecodingKey::from_ed_components(&member(&jwk, "x"))),
                };
                let mut validation = Validation::new(name);
                validation.set_issuer(&[ISSUER]);
                validation.set_audience(&[AUDIENCE]);
                validation.validate_nbf = true;
                (key.expect("a key"), validation)
            }

            /// Verifies one token.
            pub fn verify(signer: &Signer, token: &str) -> Box<dyn FnMut() -> i64> {
                let (token, (key, validation)) = (token.to_owned(), settings(signer));
                Box::new(move || {
                    decode::<Registered>(&token, &key, &validation).expect("a good token").claims.exp
                })
            }
        }
    };
}

jsonwebtoken!(nine, jsonwebtoken_9, Ok);
jsonwebtoken!(eleven, jsonwebtoken_11, Ok);
jsonwebtoken!(twelve, jsonwebtoken_12, std::convert::identity);

/// jsonwebtoken 9 without its check of the signature.
pub fn nine_but_the_signature(signer: &Signer, token: &str) -> Box<dyn FnMut() -> i64> {
    let (token, (key, mut validation)) = (token.to_owned(), nine::settings(signer));
    validation.insecure_disable_signature_validation();
    Box::new(move || {
        jsonwebtoken_9::decode::<Registered>(&token, &key, &validation).expect("a good token").claims.exp
    })
}
