//! [`EmbeddedKey`]: a public key that came with the very token it is to verify, as that of a DPoP proof
//! (RFC 9449 section 4.3). It proves that the sender holds its private half, and nothing about who that is.
//!
//! Anybody can send one, so it is read in two steps: what costs next to nothing says whose it would be, and
//! only when everything else is right is it looked at whether it is sound.

use super::{
    super::algorithm_set::AlgorithmSet,
    jwk::{self, Jwk},
    key::{self, Key, KeyError},
};
use crate::base::json::Extra;

/// The longest RSA key that may come along, in bits. One of 8192 bits costs sixteen times as much as one of
/// 2048, and no client needs it.
pub const MAX_EMBEDDED_RSA: usize = 4096;

/// A key that came along, its name known, its soundness not.
pub(crate) struct EmbeddedKey {
    jwk: Jwk,
    algorithms: AlgorithmSet,
    thumbprint: String,
    rsa_bits: usize,
}

impl EmbeddedKey {
    /// Reads a key: no arithmetic on curves or on large numbers.
    pub(crate) fn read(members: Extra) -> Result<Self, KeyError> {
        let private = jwk::tells_private_members(&members);
        let jwk = key::typed(members)?;
        let algorithms = key::served(&jwk)?.intersection(AlgorithmSet::ASYMMETRIC);
        if algorithms.is_empty() {
            return Err(KeyError::UnknownKeyType);
        }
        if private {
            return Err(KeyError::PrivateMembers);
        }
        // A key that is not in its only right spelling has no name, and a token can be bound to none.
        let Some(thumbprint) = jwk.thumbprint() else { return Err(key::misspelt(&jwk)) };
        let rsa_bits = key::rsa_bits(&jwk)?;
        Ok(Self { jwk, algorithms, thumbprint, rsa_bits })
    }

    /// The algorithms that it may serve.
    pub(crate) const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// The thumbprint (RFC 7638).
    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether it is an RSA key of more than [`MAX_EMBEDDED_RSA`] bits.
    pub(crate) const fn is_too_long(&self) -> bool {
        self.rsa_bits > MAX_EMBEDDED_RSA
    }

    /// Judges whether it is sound. This is the dear part of reading a key.
    pub(crate) fn judge(self) -> Result<Key, KeyError> {
        Key::from_jwk(self.jwk)
    }
}
