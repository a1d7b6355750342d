//! Verifies the signatures of tokens with AWS-LC, in place of ring: a [`Backend`] of `oidc-proto`.
//!
//! ```
//! use oidc_aws_lc::{AwsLc, oidc_proto::{backend::Backend, jose::{AlgorithmSet, KeySet, Scratch, verify_compact}}};
//! use std::sync::Arc;
//!
//! // The public key and the token of RFC 8037 appendix A.
//! let backend: Arc<dyn Backend> = Arc::new(AwsLc::new());
//! let keys = KeySet::parse_by(&backend, br#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
//!     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
//! let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
//!     hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
//! assert!(verify_compact(token, &keys, AlgorithmSet::ASYMMETRIC, &mut Scratch::new()).is_ok());
//! # Ok::<(), oidc_proto::jose::KeySetError>(())
//! ```
//!
//! | scheme | algorithms |
//! |---|---|
//! | RSASSA-PKCS1-v1_5 | RS256, RS384, RS512 |
//! | RSASSA-PSS | PS256, PS384, PS512 |
//! | ECDSA | ES256, ES384 |
//! | EdDSA | EdDSA and Ed25519, on Ed25519 |
//!
//! Secrets (HMAC), digests, signing and proofs of DPoP stay with ring. The backend has nothing for ES512 and ML-DSA,
//! because `oidc-proto` has no such algorithms.
#![forbid(unsafe_code)]

pub use oidc_proto;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use oidc_proto::backend::{Backend, Hash, Scheme, VerifyingKey};

/// AWS-LC as the backend that verifies the signatures of tokens.
///
/// ```
/// use oidc_aws_lc::{AwsLc, oidc_proto::jose::KeySetReader};
/// use std::sync::Arc;
///
/// let reader = KeySetReader::new().backend(Arc::new(AwsLc::new()));
/// assert!(reader.parse(br#"{"keys": []}"#)?.is_empty());
/// # Ok::<(), oidc_aws_lc::oidc_proto::jose::KeySetError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AwsLc;

impl AwsLc {
    /// Makes the backend. It has no state.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A parsed key, once for each scheme that it may be used with: AWS-LC binds a key to its scheme.
struct Key(Vec<(Scheme, ParsedPublicKey)>);

impl Key {
    fn boxed(keys: Vec<(Scheme, ParsedPublicKey)>) -> Option<Box<dyn VerifyingKey>> {
        Some(Box::new(Self(keys)))
    }

    fn point(
        scheme: Scheme,
        algorithm: &'static dyn VerificationAlgorithm,
        point: &[u8],
    ) -> Option<Box<dyn VerifyingKey>> {
        Self::boxed(vec![(scheme, ParsedPublicKey::new(algorithm, point).ok()?)])
    }
}

impl VerifyingKey for Key {
    fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        self.0
            .iter()
            .find(|(own, _)| *own == scheme)
            .is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok())
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "no other scheme is for RSA, and ring serves a new one")]
fn parameters(scheme: Scheme) -> Option<&'static RsaParameters> {
    match scheme {
        Scheme::RsaPkcs1(Hash::Sha256) => Some(&RSA_PKCS1_2048_8192_SHA256),
        Scheme::RsaPkcs1(Hash::Sha384) => Some(&RSA_PKCS1_2048_8192_SHA384),
        Scheme::RsaPkcs1(Hash::Sha512) => Some(&RSA_PKCS1_2048_8192_SHA512),
        Scheme::RsaPss(Hash::Sha256) => Some(&RSA_PSS_2048_8192_SHA256),
        Scheme::RsaPss(Hash::Sha384) => Some(&RSA_PSS_2048_8192_SHA384),
        Scheme::RsaPss(Hash::Sha512) => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

impl Backend for AwsLc {
    fn rsa(&self, n: &[u8], e: &[u8], schemes: &[Scheme]) -> Option<Box<dyn VerifyingKey>> {
        let numbers = RsaPublicKeyComponents { n, e };
        let parsed =
            |scheme: &Scheme| Some((*scheme, numbers.to_parsed_public_key(parameters(*scheme)?).ok()?));
        Key::boxed(schemes.iter().map(parsed).collect::<Option<_>>()?)
    }

    fn p256(&self, point: &[u8; 65]) -> Option<Box<dyn VerifyingKey>> {
        Key::point(Scheme::P256, &ECDSA_P256_SHA256_FIXED, point)
    }

    fn p384(&self, point: &[u8; 97]) -> Option<Box<dyn VerifyingKey>> {
        Key::point(Scheme::P384, &ECDSA_P384_SHA384_FIXED, point)
    }

    fn ed25519(&self, point: &[u8; 32]) -> Option<Box<dyn VerifyingKey>> {
        Key::point(Scheme::Ed25519, &ED25519, point)
    }
}
