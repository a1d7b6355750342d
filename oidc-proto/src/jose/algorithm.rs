//! [`Algorithm`]: the table of JWS algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2,
//! RFC 9964 section 4).

use crate::{
    backend::{Hash, Scheme, shake256},
    base::base64url,
};
use std::fmt;

/// A JWS signature algorithm. `none` is not one of them.
///
/// ```
/// use oidc_proto::jose::Algorithm;
///
/// assert_eq!(Algorithm::from_name("RS256"), Some(Algorithm::RS256));
/// assert_eq!(Algorithm::ES256.name(), "ES256");
/// assert_eq!(Algorithm::from_name("none"), None);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// EdDSA (RFC 8037). This library supports Ed25519 only.
    EdDSA,
    /// EdDSA on Ed25519, under its newer name (RFC 9864).
    Ed25519,
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// ECDSA on P-521 with SHA-512. ring does not have it; a [`Backend`](crate::backend::Backend) may.
    ES512,
    /// ML-DSA-44 (RFC 9964). ring does not have it; a [`Backend`](crate::backend::Backend) may.
    MlDsa44,
    /// ML-DSA-65 (RFC 9964). ring does not have it; a [`Backend`](crate::backend::Backend) may.
    MlDsa65,
    /// ML-DSA-87 (RFC 9964). ring does not have it; a [`Backend`](crate::backend::Backend) may.
    MlDsa87,
}

impl Algorithm {
    /// All algorithms of this library.
    pub const ALL: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
        Self::Ed25519,
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::ES512,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// The algorithms that need no [`Backend`](crate::backend::Backend): ring signs and verifies with them.
    pub const RING: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
        Self::Ed25519,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// Returns the algorithm with this registered name, or `None` if this library does not support it. Names are
    /// case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// The registered name, such as `RS256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::ES512 => "ES512",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// Whether the key is a shared secret (HMAC), so that each verifier can also sign.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// Returns the left half of the hash of a value, in base64url: the `at_hash` of an access token, the `c_hash` of
    /// a code (OpenID Connect Core 1.0 sections 3.1.3.6 and 3.3.2.11) and the `s_hash` of a `state` (FAPI). The hash
    /// is that of the algorithm; Ed25519 uses SHA-512, and ML-DSA SHAKE256 with 64 bytes (FIPS 204 algorithm 2).
    #[must_use]
    pub fn left_half_hash(self, value: &[u8]) -> String {
        let left_half = |digest: &[u8]| base64url::encode(digest.get(..digest.len() / 2).unwrap_or_default());
        match self.hash() {
            Some(hash) => left_half(hash.digest(value).as_ref()),
            None => left_half(&shake256::<64>(value)),
        }
    }

    /// The hash of the SHA-2 family that the algorithm uses. ML-DSA uses none of them.
    pub(super) const fn hash(self) -> Option<Hash> {
        match self.scheme() {
            Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash) | Scheme::Hmac(hash) => Some(hash),
            Scheme::P256 => Some(Hash::Sha256),
            Scheme::P384 => Some(Hash::Sha384),
            Scheme::P521 | Scheme::Ed25519 => Some(Hash::Sha512),
            Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => None,
        }
    }

    pub(super) const fn scheme(self) -> Scheme {
        match self {
            Self::RS256 => Scheme::RsaPkcs1(Hash::Sha256),
            Self::RS384 => Scheme::RsaPkcs1(Hash::Sha384),
            Self::RS512 => Scheme::RsaPkcs1(Hash::Sha512),
            Self::PS256 => Scheme::RsaPss(Hash::Sha256),
            Self::PS384 => Scheme::RsaPss(Hash::Sha384),
            Self::PS512 => Scheme::RsaPss(Hash::Sha512),
            Self::ES256 => Scheme::P256,
            Self::ES384 => Scheme::P384,
            Self::EdDSA | Self::Ed25519 => Scheme::Ed25519,
            Self::HS256 => Scheme::Hmac(Hash::Sha256),
            Self::HS384 => Scheme::Hmac(Hash::Sha384),
            Self::HS512 => Scheme::Hmac(Hash::Sha512),
            Self::ES512 => Scheme::P521,
            Self::MlDsa44 => Scheme::MlDsa44,
            Self::MlDsa65 => Scheme::MlDsa65,
            Self::MlDsa87 => Scheme::MlDsa87,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_and_none_is_not_a_name() {
        for &algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(algorithm.to_string(), algorithm.name());
        }
        for other in
            ["none", "None", "NONE", "", "rs256", "es512", "ES256K", "Ed448", "ML-DSA-45", "RSA-OAEP", "HS1"]
        {
            assert_eq!(Algorithm::from_name(other), None, "{other}");
        }
    }

    #[test]
    fn left_half_hashes_match_openid_connect_core() {
        // OpenID Connect Core 1.0 appendix A.3 (access token) and A.4 (code).
        assert_eq!(
            Algorithm::RS256.left_half_hash(b"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        assert_eq!(
            Algorithm::RS256.left_half_hash(b"Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"),
            "LDktKdoQak3Pk0cnXxCltA"
        );
        for &algorithm in Algorithm::ALL {
            let bytes = base64url::decode(&algorithm.left_half_hash(b"x")).unwrap();
            assert_eq!(bytes.len() * 2, algorithm.hash().map_or(64, Hash::len), "{algorithm}");
        }
        // The left half of `hashlib.shake_256(b"abc").digest(64)`, of Python.
        assert_eq!(Algorithm::MlDsa65.left_half_hash(b"abc"), "SDNmYBNgqHccaGMIDMQRTY20RTD48eHuT5TqN-eLVzk");
    }
}
