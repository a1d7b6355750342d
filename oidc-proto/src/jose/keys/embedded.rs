//! [`EmbeddedKey`]: the public key in the header of the token that it verifies, as in a DPoP proof (RFC 9449
//! section 4.3).
//!
//! The signature proves that the sender has the private half. It does not prove who the sender is. Anyone can send
//! such a key, so it is read in two steps. The first step costs almost nothing and returns the thumbprint. The
//! second step checks the numbers of the key, and runs only after all other checks of the token.

use super::{
    super::algorithm_set::AlgorithmSet,
    jwk::{self, Jwk},
    key::{self, Key, KeyError},
};
use crate::base::json::Extra;

/// The maximum length in bits of an RSA key in the header of a token, such as a DPoP proof. A key of 8192 bits costs
/// sixteen times as much as a key of 2048 bits, and no client needs one.
pub const MAX_EMBEDDED_RSA: usize = 4096;

/// A key from the header of a token. Its thumbprint is known; its numbers are not checked yet.
pub(crate) struct EmbeddedKey {
    jwk: Jwk,
    algorithms: AlgorithmSet,
    thumbprint: String,
    rsa_bits: usize,
}

impl EmbeddedKey {
    /// Reads a key without arithmetic on curves or on large numbers.
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
        // A key that is not in canonical form has no thumbprint, so no token can be bound to it.
        let Some(thumbprint) = jwk.thumbprint() else { return Err(key::misspelt(&jwk)) };
        let rsa_bits = key::rsa_bits(&jwk)?;
        Ok(Self { jwk, algorithms, thumbprint, rsa_bits })
    }

    /// The algorithms that the key may be used with.
    pub(crate) const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// The SHA-256 thumbprint of the key (RFC 7638), in base64url.
    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether the key is an RSA key of more than [`MAX_EMBEDDED_RSA`] bits.
    pub(crate) const fn is_too_long(&self) -> bool {
        self.rsa_bits > MAX_EMBEDDED_RSA
    }

    /// Checks the numbers of the key. This is the expensive part.
    pub(crate) fn judge(self) -> Result<Key, KeyError> {
        Key::from_jwk(self.jwk)
    }
}
