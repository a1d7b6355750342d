//! The one file over ring for what needs no randomness: public keys, HMAC, digests.

use super::algorithm::{Algorithm, Hash};
use ring::{digest, hmac, signature};

/// A key that verifies, in the form that ring wants it.
///
/// ring 0.17 has no parsed form of a public key: it takes bytes at each verification. They are
/// decoded and judged once, by `key.rs`.
pub(super) enum PublicKey {
    Rsa(signature::RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point of P-256.
    P256(Vec<u8>),
    /// An uncompressed point of P-384.
    P384(Vec<u8>),
    Ed25519([u8; 32]),
    /// The secret, prepared for each algorithm that it may serve.
    Secret(Vec<(Algorithm, hmac::Key)>),
}

impl PublicKey {
    pub(super) const fn rsa(n: Vec<u8>, e: Vec<u8>) -> Self {
        Self::Rsa(signature::RsaPublicKeyComponents { n, e })
    }

    pub(super) fn secret(secret: &[u8], algorithms: impl Iterator<Item = Algorithm>) -> Self {
        Self::Secret(algorithms.filter_map(|name| Some((name, hmac_key(name, secret)?))).collect())
    }

    /// What one verification costs, in products of two 64-bit words; for what ring does otherwise than by
    /// such products, what takes as long (measured: P-384 takes 27 times as long as P-256).
    pub(super) fn work(&self) -> u32 {
        match self {
            Self::Rsa(key) => {
                // A multiplication modulo n is the square of its length in words. Square and multiply takes
                // one for each bit of the exponent but the first, and one more for each that is set; nine
                // go into what ring prepares, which it does each time.
                let words = u32::try_from(key.n.len().div_ceil(8)).unwrap_or(u32::MAX);
                let e = key.e.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
                let multiplications = e.checked_ilog2().unwrap_or(0) + e.count_ones().saturating_sub(1);
                words.saturating_mul(words).saturating_mul(9 + multiplications)
            }
            Self::P256(_) | Self::Ed25519(_) => 60_000,
            Self::P384(_) => 1_050_000,
            Self::Secret(_) => 1_000,
        }
    }

    /// Whether the signature is that of the message. Never, if the algorithm is not one of this key.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa(key) => {
                rsa(algorithm).is_some_and(|parameters| key.verify(parameters, message, signature).is_ok())
            }
            Self::P256(point) => {
                algorithm == Algorithm::ES256
                    && check(&signature::ECDSA_P256_SHA256_FIXED, point, message, signature)
            }
            Self::P384(point) => {
                algorithm == Algorithm::ES384
                    && check(&signature::ECDSA_P384_SHA384_FIXED, point, message, signature)
            }
            Self::Ed25519(key) => {
                matches!(algorithm, Algorithm::EdDSA | Algorithm::Ed25519)
                    && check(&signature::ED25519, key, message, signature)
            }
            Self::Secret(keys) => keys
                .iter()
                .find(|(name, _)| *name == algorithm)
                .is_some_and(|(_, key)| hmac::verify(key, message, signature).is_ok()),
        }
    }
}

fn check(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    signature::UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

const fn rsa(algorithm: Algorithm) -> Option<&'static signature::RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256
        | Algorithm::ES384
        | Algorithm::EdDSA
        | Algorithm::Ed25519
        | Algorithm::HS256
        | Algorithm::HS384
        | Algorithm::HS512 => None,
    }
}

/// A secret prepared for an HMAC algorithm; `None` for others, and for a secret shorter than the
/// hash (RFC 7518 section 3.2).
pub(super) fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Option<hmac::Key> {
    let hash = match algorithm.hash() {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    (algorithm.is_symmetric() && secret.len() >= algorithm.hash().len()).then(|| hmac::Key::new(hash, secret))
}

pub(super) fn digest(hash: Hash, value: &[u8]) -> digest::Digest {
    digest::digest(
        match hash {
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
        },
        value,
    )
}

/// The SHA-256 digest.
pub(crate) fn sha256(value: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(Hash::Sha256, value).as_ref());
    bytes
}

/// A key for message authentication codes of this library's own: HMAC-SHA-256.
#[derive(Clone)]
pub(crate) struct Mac(hmac::Key);

impl Mac {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The code of a message that is given in parts.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        bytes
    }
}

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mac(..)")
    }
}
