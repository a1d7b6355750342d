//! [`verify_compact`]: a token, the keys of its issuer, and the algorithms that are allowed
//! (RFC 7515 section 5.2).

use super::{
    algorithm_set::AlgorithmSet,
    compact::{Compact, JwsError},
    header::Header,
    keys::KeySet,
};
use crate::base::{base64url, json::Names};
use std::fmt;

/// Memory for the decoded parts of one token; reused, so that a verification allocates nothing.
#[derive(Default)]
pub struct Buffers {
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) names: Names,
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buffers(..)")
    }
}

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
    buffers: &'s mut Buffers,
) -> Result<Jws<'s>, JwsError> {
    let Buffers { header, payload, signature, names } = buffers;
    let parts = Compact::split(token)?;
    for (text, buffer) in
        [(parts.header, &mut *header), (parts.payload, &mut *payload), (parts.signature, &mut *signature)]
    {
        if !base64url::decode_into(text, buffer) {
            return Err(JwsError::Base64);
        }
    }
    let header = Header::parse(header, names)?;
    keys.verify(&header, allowed, parts.signed.as_bytes(), signature)?;
    Ok(Jws { header, payload })
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
