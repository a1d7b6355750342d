//! [`verify_compact`]: a token, the keys of its issuer, and the algorithms that are allowed
//! (RFC 7515 section 5.2).

use super::{
    algorithm_set::AlgorithmSet,
    compact::{Compact, JwsError, Scratch},
    header::Header,
    keys::KeySet,
};
use std::fmt;

/// A token whose signature is right. What its payload says is for the caller to judge.
pub struct Jws<'s> {
    header: Header<'s>,
    payload: &'s [u8],
}

impl<'s> Jws<'s> {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header<'s> {
        &self.header
    }

    /// The bytes that are signed.
    #[must_use]
    pub const fn payload(&self) -> &'s [u8] {
        self.payload
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Verifies the signature of a token in the compact serialization.
///
/// # Errors
/// [`JwsError`] names the rule that the token breaks.
pub fn verify_compact<'s>(
    token: &str,
    keys: &KeySet,
    allowed: AlgorithmSet,
    scratch: &'s mut Scratch,
) -> Result<Jws<'s>, JwsError> {
    let parts = Compact::split(token)?;
    let Scratch { header, payload, signature, names } = parts.decode(scratch)?;
    let header = Header::parse(header, names)?;
    keys.verify(&header, allowed, parts.signed.as_bytes(), signature)?;
    Ok(Jws { header, payload })
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
