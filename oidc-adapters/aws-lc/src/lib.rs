//! Verifies and signs tokens with AWS-LC, in place of ring: a [`Backend`] of `oidc-proto`.
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
//! assert!(verify_compact(token, &keys, AlgorithmSet::DEFAULT, &mut Scratch::new()).is_ok());
//! # Ok::<(), oidc_proto::jose::KeySetError>(())
//! ```
//!
//! | scheme | algorithms |
//! |---|---|
//! | RSASSA-PKCS1-v1_5 | RS256, RS384, RS512 |
//! | RSASSA-PSS | PS256, PS384, PS512 |
//! | ECDSA | ES256, ES384, and ES512, which ring does not have |
//! | EdDSA | EdDSA and Ed25519, on Ed25519 |
//! | ML-DSA | ML-DSA-44, ML-DSA-65 and ML-DSA-87, which ring does not have |
//!
//! ES512 and ML-DSA are accepted only where a program or the metadata of the provider names them: see
//! [`AlgorithmSet::DEFAULT`](oidc_proto::jose::AlgorithmSet::DEFAULT). An [`AwsLcSigner`] signs with each of these
//! algorithms. Secrets (HMAC), digests, and the verification of DPoP proofs stay with ring.
//!
//! For encrypted tokens, whose format `oidc-proto` does not read yet, it has RSA-OAEP, ECDH, AES Key Wrap with keys of 128
//! and 256 bits, AES-GCM, and AES-CBC with HMAC.
//!
//! aws-lc-rs has no Ed448 and no AES Key Wrap with 192 bits. Its features `fips` and `unstable` are not switched on: ML-DSA
//! needs none of them since version 1.18.
#![forbid(unsafe_code)]

mod encrypting;
mod signer;
mod signing;
mod verifying;

pub use oidc_proto;
pub use signer::AwsLcSigner;

use oidc_proto::backend::{
    AgreeingKey, Backend, ContentEncryption, ContentKey, Curve, DecryptingKey, EncryptingKey,
    PrivateMaterial, Scheme, SigningKey, VerifyingKey, WrappingKey,
};

/// AWS-LC as the backend that verifies the signatures of tokens, and that signs.
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

impl Backend for AwsLc {
    fn rsa(&self, n: &[u8], e: &[u8], schemes: &[Scheme]) -> Option<Box<dyn VerifyingKey>> {
        verifying::rsa(n, e, schemes)
    }

    fn p256(&self, point: &[u8; 65]) -> Option<Box<dyn VerifyingKey>> {
        verifying::key(Scheme::P256, point)
    }

    fn p384(&self, point: &[u8; 97]) -> Option<Box<dyn VerifyingKey>> {
        verifying::key(Scheme::P384, point)
    }

    fn p521(&self, point: &[u8; 133]) -> Option<Box<dyn VerifyingKey>> {
        verifying::key(Scheme::P521, point)
    }

    fn ed25519(&self, point: &[u8; 32]) -> Option<Box<dyn VerifyingKey>> {
        verifying::key(Scheme::Ed25519, point)
    }

    fn ml_dsa(&self, scheme: Scheme, key: &[u8]) -> Option<Box<dyn VerifyingKey>> {
        verifying::key(scheme, key)
    }

    fn signing_key(&self, scheme: Scheme, material: &PrivateMaterial<'_>) -> Option<Box<dyn SigningKey>> {
        signing::key(scheme, material)
    }

    fn decrypting_key(&self, material: &PrivateMaterial<'_>) -> Option<Box<dyn DecryptingKey>> {
        encrypting::decrypting_key(material)
    }

    fn encrypting_key(&self, n: &[u8], e: &[u8]) -> Option<Box<dyn EncryptingKey>> {
        encrypting::encrypting_key(n, e)
    }

    fn agreeing_key(&self, curve: Curve, private: &[u8]) -> Option<Box<dyn AgreeingKey>> {
        encrypting::agreeing_key(curve, private)
    }

    fn ephemeral_key(&self, curve: Curve) -> Option<Box<dyn AgreeingKey>> {
        encrypting::ephemeral_key(curve)
    }

    fn wrapping_key(&self, key: &[u8]) -> Option<Box<dyn WrappingKey>> {
        encrypting::wrapping_key(key)
    }

    fn content_key(&self, encryption: ContentEncryption, key: &[u8]) -> Option<Box<dyn ContentKey>> {
        encrypting::content_key(encryption, key)
    }
}
