//! [`Numbers`]: the public numbers of a key (RFC 7518 section 6, RFC 8037 section 2, RFC 9964 section 4), decoded once,
//! then judged.

mod curve;
mod roca;

use super::key_error::KeyError;
use crate::{
    backend::{PublicKey, Scheme},
    base::base64url,
};

#[cfg(test)]
pub(super) use curve::has_small_order;

/// The numbers of a public key. They have the right lengths, and nothing else is checked.
#[derive(Debug, PartialEq)]
pub(super) enum Numbers {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    P256([u8; 64]),
    P384([u8; 96]),
    P521([u8; 132]),
    Ed25519([u8; 32]),
    /// A key of the length that the scheme needs.
    MlDsa(Scheme, Vec<u8>),
}

impl Numbers {
    /// Decodes the numbers of an RSA key. Returns also whether the modulus is in canonical form.
    ///
    /// One zero byte before a modulus whose first bit is set is accepted: some encoders add that byte as a sign (RFC 7518
    /// section 6.3.1.1 warns of them), live providers do so (LINE, PayPal, Nikkei), and the number is the same. More zero
    /// bytes have no such cause.
    pub(super) fn rsa(n: Option<&str>, e: Option<&str>) -> Result<(Self, bool), KeyError> {
        let mut n = bytes("n", n)?;
        let is_canonical = n.first() != Some(&0);
        if !is_canonical {
            n.remove(0);
            if n.first().is_none_or(|byte| byte & 0x80 == 0) {
                return Err(KeyError::LeadingZero("n"));
            }
        }
        Ok((Self::Rsa { n, e: number("e", e)? }, is_canonical))
    }

    /// Decodes the numbers of an RSA key in canonical form. Other forms have no thumbprint.
    pub(super) fn canonical_rsa(n: Option<&str>, e: Option<&str>) -> Result<Self, KeyError> {
        let (n, e) = (number("n", n)?, number("e", e)?);
        if n.is_empty() || e.is_empty() { Err(KeyError::BadPoint) } else { Ok(Self::Rsa { n, e }) }
    }

    /// Decodes a point of P-256.
    pub(super) fn p256(x: Option<&str>, y: Option<&str>) -> Result<Self, KeyError> {
        point(x, y).map(Self::P256)
    }

    /// Decodes a point of P-384.
    pub(super) fn p384(x: Option<&str>, y: Option<&str>) -> Result<Self, KeyError> {
        point(x, y).map(Self::P384)
    }

    /// Decodes a point of P-521.
    pub(super) fn p521(x: Option<&str>, y: Option<&str>) -> Result<Self, KeyError> {
        point(x, y).map(Self::P521)
    }

    /// Decodes a key of ML-DSA. Every value of the right length is a key.
    pub(super) fn ml_dsa(scheme: Scheme, public: Option<&str>) -> Result<Self, KeyError> {
        let mut key = vec![0; scheme.ml_dsa_key().ok_or(KeyError::UnknownAlgorithm)?];
        coordinate("pub", public, &mut key)?;
        Ok(Self::MlDsa(scheme, key))
    }

    /// Decodes a point of Ed25519.
    pub(super) fn ed25519(x: Option<&str>) -> Result<Self, KeyError> {
        let mut point = [0; 32];
        coordinate("x", x, &mut point)?;
        Ok(Self::Ed25519(point))
    }

    /// Returns the length in bits of an RSA key, or `None` for a key of another type.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        match self {
            Self::Rsa { n, .. } => Some(bits(n)),
            Self::P256(_) | Self::P384(_) | Self::P521(_) | Self::Ed25519(_) | Self::MlDsa(..) => None,
        }
    }

    /// The key of a point on NIST's curves, unchecked: only for a verification that checks the point before it uses it, as
    /// ring does.
    pub(super) fn point(&self) -> Option<PublicKey> {
        match self {
            Self::P256(point) => Some(PublicKey::P256(uncompressed(point))),
            Self::P384(point) => Some(PublicKey::P384(uncompressed(point))),
            Self::P521(_) | Self::Rsa { .. } | Self::Ed25519(_) | Self::MlDsa(..) => None,
        }
    }

    /// Checks the numbers. This is the expensive part of reading a key.
    pub(super) fn judged(self) -> Result<PublicKey, KeyError> {
        match self {
            Self::Rsa { n, e } => {
                judge_rsa(&n, &e)?;
                Ok(PublicKey::rsa(n, e))
            }
            Self::P256(point) if curve::on_p256(&point) => Ok(PublicKey::P256(uncompressed(&point))),
            Self::P384(point) if curve::on_p384(&point) => Ok(PublicKey::P384(uncompressed(&point))),
            Self::P521(point) if curve::on_p521(&point) => Ok(PublicKey::P521(uncompressed(&point))),
            Self::MlDsa(scheme, key) => Ok(PublicKey::MlDsa(scheme, key)),
            // About half of all values of 32 bytes are not points. With such a key, each verification fails.
            Self::Ed25519(point) if !curve::has_small_order(&point) => Ok(PublicKey::Ed25519(point)),
            Self::P256(_) | Self::P384(_) | Self::P521(_) | Self::Ed25519(_) => Err(KeyError::BadPoint),
        }
    }
}

fn judge_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    match bits(n) {
        ..2048 => return Err(KeyError::RsaTooShort),
        8193.. => return Err(KeyError::RsaTooLong),
        2048..=8192 => {}
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !odd(n) {
        return Err(KeyError::RsaModulus);
    }
    // ring accepts at most 33 bits. A longer exponent is slower and no safer.
    let value = e.iter().take(6).fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    if !odd(e) || !(3..1 << 33).contains(&value) {
        return Err(KeyError::RsaExponent);
    }
    // The most expensive check comes last.
    if roca::is_marked(n) { Err(KeyError::RsaBroken) } else { Ok(()) }
}

/// Returns the length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |byte| number.len() * 8 - byte.leading_zeros() as usize)
}

/// Returns an uncompressed point (SEC 1 section 2.3.3).
fn uncompressed<const N: usize>(point: &[u8]) -> [u8; N] {
    let mut bytes = [4; N];
    bytes.iter_mut().skip(1).zip(point).for_each(|(byte, other)| *byte = *other);
    bytes
}

/// Decodes the two coordinates of a point.
fn point<const N: usize>(x: Option<&str>, y: Option<&str>) -> Result<[u8; N], KeyError> {
    let mut point = [0; N];
    let (first, second) = point.split_at_mut(N / 2);
    coordinate("x", x, first)?;
    coordinate("y", y, second)?;
    Ok(point)
}

fn coordinate(name: &'static str, member: Option<&str>, place: &mut [u8]) -> Result<(), KeyError> {
    let text = member.ok_or(KeyError::MissingMember(name))?;
    if base64url::decode_exactly(text, place) {
        return Ok(());
    }
    let bytes = bytes(name, member)?.len();
    Err(KeyError::Length { member: name, bytes: short(bytes), needs: short(place.len()) })
}

fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn bytes(name: &'static str, member: Option<&str>) -> Result<Vec<u8>, KeyError> {
    let text = member.ok_or(KeyError::MissingMember(name))?;
    base64url::decode(text).ok_or(KeyError::Base64(name))
}

fn number(name: &'static str, member: Option<&str>) -> Result<Vec<u8>, KeyError> {
    let bytes = bytes(name, member)?;
    if bytes.first() == Some(&0) { Err(KeyError::LeadingZero(name)) } else { Ok(bytes) }
}
