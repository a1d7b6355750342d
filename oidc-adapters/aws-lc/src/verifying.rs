//! Public keys, parsed once.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ML_DSA_44, ML_DSA_65,
    ML_DSA_87, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use oidc_proto::backend::{Hash, Scheme, VerifyingKey};
use std::sync::OnceLock;

/// A key for one scheme.
struct Key {
    scheme: Scheme,
    key: ParsedPublicKey,
}

/// Parses a key of a type that has one scheme.
pub(crate) fn key(scheme: Scheme, key: &[u8]) -> Option<Box<dyn VerifyingKey>> {
    Some(Box::new(Key { scheme, key: ParsedPublicKey::new(algorithm(scheme)?, key).ok()? }))
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "no other scheme has such a key, and a new one is not ours"
)]
fn algorithm(scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match scheme {
        Scheme::P256 => &ECDSA_P256_SHA256_FIXED,
        Scheme::P384 => &ECDSA_P384_SHA384_FIXED,
        Scheme::P521 => &ECDSA_P521_SHA512_FIXED,
        Scheme::Ed25519 => &ED25519,
        Scheme::MlDsa44 => &ML_DSA_44,
        Scheme::MlDsa65 => &ML_DSA_65,
        Scheme::MlDsa87 => &ML_DSA_87,
        _ => return None,
    })
}

impl VerifyingKey for Key {
    fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        self.scheme == scheme && self.key.verify_sig(message, signature).is_ok()
    }
}

/// An RSA key. aws-lc-rs binds a parsed key to its scheme, and a key without `alg` has six: it is parsed for the first
/// when the key set is read, and for another when the first token with it comes.
struct RsaKey {
    numbers: RsaPublicKeyComponents<Vec<u8>>,
    parsed: Vec<(Scheme, OnceLock<Option<ParsedPublicKey>>)>,
}

pub(crate) fn rsa(n: &[u8], e: &[u8], schemes: &[Scheme]) -> Option<Box<dyn VerifyingKey>> {
    let parsed = schemes.iter().map(|scheme| (*scheme, OnceLock::new())).collect();
    let key = RsaKey { numbers: RsaPublicKeyComponents { n: n.to_vec(), e: e.to_vec() }, parsed };
    // The range of the numbers is the same for each scheme. So whoever is accepted once is accepted by all.
    key.parsed_for(*schemes.first()?)?;
    Some(Box::new(key))
}

impl RsaKey {
    fn parsed_for(&self, scheme: Scheme) -> Option<&ParsedPublicKey> {
        let (_, parsed) = self.parsed.iter().find(|(own, _)| *own == scheme)?;
        let parse = || self.numbers.to_parsed_public_key(parameters(scheme)?).ok();
        parsed.get_or_init(parse).as_ref()
    }
}

impl VerifyingKey for RsaKey {
    fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        self.parsed_for(scheme).is_some_and(|key| key.verify_sig(message, signature).is_ok())
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
