//! [`Scheme`]: the signature schemes, named without JOSE.

use super::digest::Hash;

/// A signature scheme or a message authentication code: what an algorithm of JOSE names, without its name.
///
/// ```
/// use oidc_proto::backend::{Hash, Scheme};
///
/// assert_ne!(Scheme::RsaPkcs1(Hash::Sha256), Scheme::RsaPss(Hash::Sha256)); // RS256 and PS256
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS.
    RsaPss(Hash),
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// ECDSA on P-521 with SHA-512. ring has no P-521.
    P521,
    /// EdDSA on Ed25519.
    Ed25519,
    /// HMAC.
    Hmac(Hash),
    /// ML-DSA-44 (FIPS 204), with an empty context. ring has no ML-DSA.
    MlDsa44,
    /// ML-DSA-65 (FIPS 204), with an empty context.
    MlDsa65,
    /// ML-DSA-87 (FIPS 204), with an empty context.
    MlDsa87,
}

impl Scheme {
    /// The length of a public key of ML-DSA in bytes (FIPS 204 table 2), or `None` for another scheme.
    pub(crate) const fn ml_dsa_key(self) -> Option<usize> {
        match self {
            Self::MlDsa44 => Some(1312),
            Self::MlDsa65 => Some(1952),
            Self::MlDsa87 => Some(2592),
            Self::RsaPkcs1(_)
            | Self::RsaPss(_)
            | Self::P256
            | Self::P384
            | Self::P521
            | Self::Ed25519
            | Self::Hmac(_) => None,
        }
    }
}
