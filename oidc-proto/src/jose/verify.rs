//! [`verify_compact`]: checks the signature of a token with the keys of its issuer and the allowed algorithms
//! (RFC 7515 section 5.2). [`Scratch`]: the memory for it.

use super::{
    algorithm_set::AlgorithmSet,
    compact::{Compact, JwsError},
    header::{Header, KnownHeader},
    keys::KeySet,
};
use crate::base::{
    base64url,
    json::{Extra, Names},
};
use std::{fmt, sync::Arc};

/// Buffers that verifications reuse, one verification at a time. If you pass the same value to each verification, this
/// library allocates nothing for a token, unless one of its claims has escapes. ring allocates when it verifies RSA.
///
/// It also keeps the last header: the next token of the same key usually has the same, and then it is not read again.
#[derive(Default)]
pub struct Scratch {
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) names: Names,
    /// The text of a token that was read before: the result of its verification borrows from it.
    pub(crate) kept: Option<Arc<str>>,
    known: KnownHeader,
}

impl Scratch {
    /// Creates empty buffers. They grow to the size of the largest token.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// The parts of a token, decoded, with its header read.
pub(crate) struct Decoded<'s> {
    pub(crate) header: Header<'s>,
    pub(crate) payload: &'s [u8],
    pub(crate) signature: &'s [u8],
    pub(crate) names: &'s mut Names,
}

impl Compact<'_> {
    /// Decodes the three parts into `scratch`.
    pub(crate) fn decode<'s>(&self, scratch: &'s mut Scratch) -> Result<&'s mut Scratch, JwsError> {
        let decoded = base64url::decode_into(self.header, &mut scratch.header)
            && base64url::decode_into(self.payload, &mut scratch.payload)
            && base64url::decode_into(self.signature, &mut scratch.signature);
        if decoded { Ok(scratch) } else { Err(JwsError::Base64) }
    }

    /// Decodes the three parts into `scratch`, and reads the header.
    pub(crate) fn read<'s>(&self, scratch: &'s mut Scratch) -> Result<Decoded<'s>, JwsError> {
        if scratch.known.is(self.header) {
            let decoded = base64url::decode_into(self.payload, &mut scratch.payload)
                && base64url::decode_into(self.signature, &mut scratch.signature);
            if !decoded {
                return Err(JwsError::Base64);
            }
        } else {
            let Scratch { header, names, known, .. } = self.decode(scratch)?;
            known.keep(self.header, &Header::parse(header, names)?);
        }
        let Scratch { payload, signature, names, known, header: _, kept: _ } = scratch;
        Ok(Decoded { header: known.header(), payload, signature, names })
    }
}

/// The header of a token, and the buffers for what comes after it.
type ReadHeader<'s> = (Result<Header<'s>, JwsError>, &'s mut Vec<u8>, &'s mut Names);

impl Compact<'_> {
    /// Reads the header. `None` if it is not a JSON object.
    pub(crate) fn read_header<'s>(&self, scratch: &'s mut Scratch) -> Option<ReadHeader<'s>> {
        let Scratch { header, payload, names, known, signature: _, kept: _ } = scratch;
        if !known.is(self.header) {
            if !base64url::decode_into(self.header, header) {
                return None;
            }
            match Header::parse(header, names) {
                Ok(read) => known.keep(self.header, &read),
                Err(_) if serde_json::from_slice::<Extra>(header).is_err() => return None,
                Err(why) => return Some((Err(why), payload, names)),
            }
        }
        Some((Ok(known.header()), payload, names))
    }
}

/// A token with a valid signature. The caller must still check the payload. [`verify_compact`] returns it.
pub struct Jws<'s> {
    header: Header<'s>,
    payload: &'s [u8],
}

impl<'s> Jws<'s> {
    /// The header of the token.
    #[must_use]
    pub const fn header(&self) -> &Header<'s> {
        &self.header
    }

    /// The payload, decoded. A JWT has a JSON object here.
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

/// Verifies the signature of a token in the compact serialization (RFC 7515 section 7.1).
///
/// Checks the signature alone. To check the claims of a JWT too, use
/// [`IdTokenVerifier`](crate::token::IdTokenVerifier) or
/// [`AccessTokenVerifier`](crate::token::AccessTokenVerifier).
///
/// ```
/// use oidc_proto::jose::{Algorithm, AlgorithmSet, JwsError, KeySet, Scratch, verify_compact};
///
/// // The public key and the token of RFC 7515 appendix A.3.
/// let keys = KeySet::parse(br#"{"keys": [{"kty": "EC", "crv": "P-256",
///     "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
///     "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#)?;
/// let token = "eyJhbGciOiJFUzI1NiJ9.\
///     eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
///     DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
///
/// let mut scratch = Scratch::new();
/// let jws = verify_compact(token, &keys, AlgorithmSet::ASYMMETRIC, &mut scratch)?;
/// assert_eq!(jws.header().alg(), Algorithm::ES256);
/// assert!(jws.payload().starts_with(br#"{"iss":"joe""#));
///
/// let only_rsa = AlgorithmSet::EMPTY.with(Algorithm::RS256);
/// let refused = verify_compact(token, &keys, only_rsa, &mut scratch);
/// assert_eq!(refused.err(), Some(JwsError::AlgorithmNotAllowed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The token is refused; [`JwsError`] says why.
pub fn verify_compact<'s>(
    token: &str,
    keys: &KeySet,
    allowed: AlgorithmSet,
    scratch: &'s mut Scratch,
) -> Result<Jws<'s>, JwsError> {
    let parts = Compact::split(token)?;
    let Decoded { header, payload, signature, names: _ } = parts.read(scratch)?;
    keys.verify(&header, allowed, parts.signed.as_bytes(), signature)?;
    Ok(Jws { header, payload })
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
