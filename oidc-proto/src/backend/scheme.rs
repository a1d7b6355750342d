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
    /// EdDSA on Ed25519.
    Ed25519,
    /// HMAC.
    Hmac(Hash),
}
