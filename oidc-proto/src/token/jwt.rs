//! Reading and checking a JWT: the part that every kind of token shares. Cheap checks run first, the signature last.

use super::{Claims, VerificationError};
use crate::{
    base::{
        base64url,
        json::{Extra, Names},
    },
    jose::{AlgorithmSet, Compact, Header, JwsError, Key, KeySet, Scratch},
    metadata::IssuerRule,
};

/// The maximum length of a token, in bytes, unless a verifier sets another one. A longer one is refused before it is
/// decoded.
pub const MAX_TOKEN: usize = 16 * 1024;

/// Reads the claims of a payload.
type ReadClaims<'s> = fn(&'s [u8], &mut Names) -> Result<Claims<'s>, VerificationError>;

/// A decoded token whose signature is not checked yet.
pub(super) struct Unverified<'s, 't> {
    pub(super) header: Header<'s>,
    pub(super) claims: Claims<'s>,
    pub(super) payload: &'s [u8],
    signature: &'s [u8],
    signed: &'t str,
}

impl<'s, 't> Unverified<'s, 't> {
    /// Reads a token. The header is checked before the claims are read: `typ_fits` decides on its `typ`.
    pub(super) fn read(
        token: &'t str,
        longest: usize,
        scratch: &'s mut Scratch,
        allowed: AlgorithmSet,
        typ_fits: fn(Option<&str>) -> bool,
    ) -> Result<Self, VerificationError> {
        Self::read_with(token, longest, scratch, allowed, typ_fits, Claims::read)
    }

    /// Reads a token. Before its claims are read, `mend` may change the payload; the signature is still that of the token as
    /// it came.
    pub(super) fn read_mended(
        token: &'t str,
        longest: usize,
        scratch: &'s mut Scratch,
        allowed: AlgorithmSet,
        typ_fits: fn(Option<&str>) -> bool,
        mend: fn(&mut Vec<u8>),
    ) -> Result<Self, VerificationError> {
        Self::read_all(token, longest, scratch, allowed, typ_fits, (mend, Claims::read))
    }

    /// Reads a token, and its claims with this function.
    pub(super) fn read_with(
        token: &'t str,
        longest: usize,
        scratch: &'s mut Scratch,
        allowed: AlgorithmSet,
        typ_fits: fn(Option<&str>) -> bool,
        read_claims: ReadClaims<'s>,
    ) -> Result<Self, VerificationError> {
        Self::read_all(token, longest, scratch, allowed, typ_fits, (|_| (), read_claims))
    }

    fn read_all(
        token: &'t str,
        longest: usize,
        scratch: &'s mut Scratch,
        allowed: AlgorithmSet,
        typ_fits: fn(Option<&str>) -> bool,
        (mend, read_claims): (fn(&mut Vec<u8>), ReadClaims<'s>),
    ) -> Result<Self, VerificationError> {
        if token.len() > longest {
            return Err(VerificationError::TooLarge);
        }
        let parts = Compact::split(token)?;
        let Scratch { header, payload, signature, names } = parts.decode(scratch)?;
        let header = Header::parse(header, names)?;
        if !typ_fits(header.typ()) {
            return Err(VerificationError::Type);
        }
        if !allowed.contains(header.alg()) {
            return Err(JwsError::AlgorithmNotAllowed.into());
        }
        mend(payload);
        let payload: &'s [u8] = payload;
        let claims = read_claims(payload, names)?;
        Ok(Self { header, claims, payload, signature, signed: parts.signed })
    }

    /// Checks the signature: the last step, and the only expensive one.
    pub(super) fn check_signature<'k>(
        &self,
        keys: &'k KeySet,
        allowed: AlgorithmSet,
        issuer: &IssuerRule,
    ) -> Result<&'k Key, VerificationError> {
        let key = keys.verify(&self.header, allowed, self.signed.as_bytes(), self.signature)?;
        match issuer.trusts_key(key.issuer(), self.claims.iss.as_deref().unwrap_or_default()) {
            true => Ok(key),
            false => Err(VerificationError::KeyIssuer),
        }
    }
}

/// Returns the `iss` of a token without verifying anything. Anybody could have written it, so its only use is to choose
/// among issuers that are trusted anyway. `None` if the text is not a signed JWT.
pub(crate) fn claimed_issuer(token: &str) -> Option<Result<String, VerificationError>> {
    let parts = Compact::split(token).ok()?;
    let header = base64url::decode(parts.header)?;
    // An opaque token may have two dots, but it has no JOSE header.
    serde_json::from_slice::<Extra>(&header).ok()?;
    Some(base64url::decode(parts.payload).ok_or(JwsError::Base64.into()).and_then(|payload| {
        let claims = Claims::read(&payload, &mut Names::default())?;
        claims.iss.map(std::borrow::Cow::into_owned).ok_or(VerificationError::Missing("iss"))
    }))
}

/// Whether a `typ` is this media type, with or without the prefix `application/` (RFC 7515 section 4.1.9).
pub(super) fn is_type(typ: &str, wanted: &str) -> bool {
    let bare = match typ.get(..12) {
        Some(prefix) if prefix.eq_ignore_ascii_case("application/") => typ.get(12..).unwrap_or_default(),
        _ => typ,
    };
    bare.eq_ignore_ascii_case(wanted)
}
