//! [`PublicKey`]: public keys and secrets that verify.

use super::{
    digest::{Fingerprint, Hash},
    other::{Backend, VerifyingKey},
    scheme::Scheme,
};
use ring::{hmac, signature};

/// A key that verifies, as the bytes that ring takes, or a backend.
///
/// ring 0.17 cannot keep a parsed public key: it takes bytes for each verification. `jose/keys/key.rs` decodes and
/// checks these bytes once.
pub(crate) enum PublicKey {
    Rsa(signature::RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point of P-256.
    P256([u8; 65]),
    /// An uncompressed point of P-384.
    P384([u8; 97]),
    Ed25519([u8; 32]),
    /// An uncompressed point of P-521. Only a backend verifies with it.
    P521([u8; 133]),
    /// A key of ML-DSA. Only a backend verifies with it.
    MlDsa(Scheme, Vec<u8>),
    /// The secret, prepared for each hash that it may be used with.
    Secret(Vec<(Hash, hmac::Key)>),
}

impl PublicKey {
    pub(crate) const fn rsa(n: Vec<u8>, e: Vec<u8>) -> Self {
        Self::Rsa(signature::RsaPublicKeyComponents { n, e })
    }

    pub(crate) fn secret(secret: &[u8], hashes: impl Iterator<Item = Hash>) -> Self {
        Self::Secret(hashes.filter_map(|hash| Some((hash, hmac_key(hash, secret)?))).collect())
    }

    /// Lets a backend parse the key. Returns `None` if it leaves the key to ring.
    pub(crate) fn parsed_by(
        &self,
        backend: &dyn Backend,
        schemes: &[Scheme],
    ) -> Option<Box<dyn VerifyingKey>> {
        match self {
            Self::Rsa(key) => backend.rsa(&key.n, &key.e, schemes),
            Self::P256(point) => backend.p256(point),
            Self::P384(point) => backend.p384(point),
            Self::Ed25519(point) => backend.ed25519(point),
            Self::P521(point) => backend.p521(point),
            Self::MlDsa(scheme, key) => backend.ml_dsa(*scheme, key),
            Self::Secret(_) => None,
        }
    }

    /// Hashes the key. Leaves a secret out: the caller knows its digest.
    pub(crate) fn feed(&self, hash: &mut Fingerprint) {
        match self {
            Self::Rsa(key) => hash.bytes(&key.n).bytes(&key.e),
            Self::P256(point) => hash.fixed(point),
            Self::P384(point) => hash.fixed(point),
            Self::Ed25519(point) => hash.fixed(point),
            Self::P521(point) => hash.fixed(point),
            Self::MlDsa(_, key) => hash.bytes(key),
            Self::Secret(_) => hash,
        };
    }

    /// The cost of one verification. The unit is one product of two 64-bit words. For a key that ring does not
    /// verify with such products, it is a measured time in this unit.
    pub(crate) fn work(&self) -> u32 {
        match self {
            Self::Rsa(key) => {
                // One multiplication modulo n costs the square of the length of n in words. Square and multiply
                // takes one for each bit of the exponent after the first, and one more for each of these that
                // is set. ring's preparation of n costs nine more, at each verification.
                let words = u32::try_from(key.n.len().div_ceil(8)).unwrap_or(u32::MAX);
                let e = key.e.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
                let multiplications = e.checked_ilog2().unwrap_or(0) + e.count_ones().saturating_sub(1);
                words.saturating_mul(words).saturating_mul(9 + multiplications)
            }
            Self::P256(_) | Self::Ed25519(_) => 60_000,
            Self::P384(_) => 1_050_000,
            Self::P521(_) => 1_000_000,
            Self::MlDsa(..) => 160_000,
            Self::Secret(_) => 1_000,
        }
    }

    /// Whether the signature is valid for the message. Always `false` if the scheme is not for this key.
    pub(crate) fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa(key) => {
                rsa(scheme).is_some_and(|parameters| key.verify(parameters, message, signature).is_ok())
            }
            Self::P256(point) => {
                scheme == Scheme::P256
                    && check(&signature::ECDSA_P256_SHA256_FIXED, point, message, signature)
            }
            Self::P384(point) => {
                scheme == Scheme::P384
                    && check(&signature::ECDSA_P384_SHA384_FIXED, point, message, signature)
            }
            Self::Ed25519(key) => {
                scheme == Scheme::Ed25519 && check(&signature::ED25519, key, message, signature)
            }
            Self::P521(_) | Self::MlDsa(..) => false,
            Self::Secret(keys) => keys
                .iter()
                .find(|(hash, _)| scheme == Scheme::Hmac(*hash))
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

const fn rsa(scheme: Scheme) -> Option<&'static signature::RsaParameters> {
    match scheme {
        Scheme::RsaPkcs1(Hash::Sha256) => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Scheme::RsaPkcs1(Hash::Sha384) => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Scheme::RsaPkcs1(Hash::Sha512) => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Scheme::RsaPss(Hash::Sha256) => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Scheme::RsaPss(Hash::Sha384) => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Scheme::RsaPss(Hash::Sha512) => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Scheme::P256
        | Scheme::P384
        | Scheme::P521
        | Scheme::Ed25519
        | Scheme::Hmac(_)
        | Scheme::MlDsa44
        | Scheme::MlDsa65
        | Scheme::MlDsa87 => None,
    }
}

/// Prepares a secret for HMAC. Returns `None` if it is shorter than the hash (RFC 7518 section 3.2).
pub(super) fn hmac_key(hash: Hash, secret: &[u8]) -> Option<hmac::Key> {
    let algorithm = match hash {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    (secret.len() >= hash.len()).then(|| hmac::Key::new(algorithm, secret))
}
