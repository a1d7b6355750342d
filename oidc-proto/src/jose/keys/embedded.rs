//! [`EmbeddedKey`]: the public key in the header of the token that it verifies, as in a DPoP proof (RFC 9449
//! section 4.3).
//!
//! The signature proves that the sender has the private half. It does not prove who the sender is. Anyone can send
//! such a key, so it is read in two steps. The first step costs almost nothing and returns the thumbprint. The
//! second step checks the numbers of the key, and runs only after all other checks of the token.

use super::{
    super::{algorithm::Algorithm, algorithm_set::AlgorithmSet, header::Aside},
    key::{self, Kind},
    key_error::KeyError,
    members::WrittenKey,
    numbers::Numbers,
    thumbprint,
};
use crate::{
    backend::PublicKey,
    base::json::{
        Checked, JsonError,
        object::{Object, Read},
    },
};
use serde::de::MapAccess;

/// The maximum length in bits of an RSA key in the header of a token, such as a DPoP proof. A key of 8192 bits costs
/// sixteen times as much as a key of 2048 bits, and no client needs one.
pub const MAX_EMBEDDED_RSA: usize = 4096;

/// A key from the header of a token. Its thumbprint is known; its numbers are not checked yet.
pub(crate) struct EmbeddedKey {
    numbers: Numbers,
    algorithms: AlgorithmSet,
    thumbprint: String,
    /// Why the key is unusable although its numbers may be right.
    flaw: Option<KeyError>,
}

/// The member `jwk` of a header: the key that the sender of the token has chosen. [`Header::parse_with`](crate::jose::Header::parse_with)
/// reads it.
#[derive(Default)]
pub(crate) struct HeaderKey<'t> {
    key: WrittenKey<'t>,
    found: Found,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Found {
    #[default]
    Nothing,
    Key,
    /// A value that is not an object.
    Other,
}

impl<'t> HeaderKey<'t> {
    /// Returns the key that was read. `None` if there was none, or `null` for it.
    ///
    /// # Errors
    /// `jwk` is not an object.
    pub(crate) fn found(self) -> Result<Option<Self>, JsonError> {
        match self.found {
            Found::Nothing => Ok(None),
            Found::Key => Ok(Some(self)),
            Found::Other => Err(JsonError::WrongType { member: "jwk", expected: "an object" }),
        }
    }
}

impl<'t> Aside<'t> for HeaderKey<'t> {
    fn wants(name: &str) -> bool {
        name == "jwk"
    }

    fn read<A: MapAccess<'t>>(&mut self, members: &mut A, inner: Checked<'_, '_>) -> Result<(), A::Error> {
        let object = Object { checked: inner, target: &mut self.key };
        self.found = match members.next_value_seed(object)? {
            Read::Object => Found::Key,
            Read::Null => Found::Nothing,
            Read::Other => Found::Other,
        };
        Ok(())
    }
}

impl EmbeddedKey {
    /// Reads a key without arithmetic on curves or on large numbers.
    pub(crate) fn read(header: &HeaderKey<'_>) -> Result<Self, KeyError> {
        let members = header.key.members()?;
        if members.kty == "AKP" {
            return Err(KeyError::UnknownKeyType);
        }
        let kind = Kind::of(&members)?;
        if kind.only_by_a_backend().is_some() {
            return Err(KeyError::UnknownCurve);
        }
        let algorithms = key::served(&members, kind)?.intersection(AlgorithmSet::ASYMMETRIC);
        if algorithms.is_empty() {
            return Err(KeyError::UnknownKeyType);
        }
        if header.key.tells_private_members() {
            return Err(KeyError::PrivateMembers);
        }
        // A key that is not in canonical form has no thumbprint, so no token can be bound to it.
        let numbers = kind.numbers(&members)?;
        let thumbprint = thumbprint::of_numbers(&numbers);
        if numbers.rsa_bits().is_some_and(|bits| bits < 2048) {
            return Err(KeyError::RsaTooShort);
        }
        Ok(Self { numbers, algorithms, thumbprint, flaw: members.issuer.err() })
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
    pub(crate) fn is_too_long(&self) -> bool {
        self.numbers.rsa_bits().is_some_and(|bits| bits > MAX_EMBEDDED_RSA)
    }

    /// Checks the numbers of the key, and whether it made this signature. This is the expensive part. The algorithm must
    /// be one of the key.
    ///
    /// Before ring uses a point, it checks that the point is on its curve. So a signature that it finds right is made with
    /// such a point, and our own check of the point only tells why another signature is refused.
    pub(crate) fn verify(
        self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, KeyError> {
        let verifies = |key: &PublicKey| key.verify(algorithm.scheme(), message, signature);
        let point = self.numbers.point();
        if self.flaw.is_none() && point.as_ref().is_some_and(verifies) {
            return Ok(true);
        }
        let public = self.numbers.judged()?;
        match self.flaw {
            Some(flaw) => Err(flaw),
            None => Ok(point.is_none() && verifies(&public)),
        }
    }
}
