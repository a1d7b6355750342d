//! Reading and checking a JWT: the part that every kind of token shares. Cheap checks run first, the signature last.

use super::{
    Claims, VerificationError,
    claims::{Place, Places},
};
use crate::{
    base::{
        base64url,
        json::{JsonError, Names, utf8},
    },
    jose::{Algorithm, AlgorithmSet, Compact, Decoded, Header, JwsError, Key, KeySet, Scratch},
    metadata::IssuerRule,
};
use std::{mem::take, sync::Arc};

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

    /// Reads a token, or goes on with what was read of it before.
    pub(super) fn of(
        given: Given<'s, 't>,
        longest: usize,
        scratch: &'s mut Scratch,
        allowed: AlgorithmSet,
        typ_fits: fn(Option<&str>) -> bool,
    ) -> Result<Self, VerificationError> {
        let Given { token, read } = given;
        match read {
            None => Self::read(token, longest, scratch, allowed, typ_fits),
            Some(_) if token.len() > longest => Err(VerificationError::TooLarge),
            Some(read) => {
                let (signature, fits) = (&mut scratch.signature, typ_fits);
                read.unverified(&read.text, token, Some(signature), allowed, fits)
            }
        }
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
        if token.len() > longest {
            return Err(VerificationError::TooLarge);
        }
        let parts = Compact::split(token)?;
        let Scratch { header, payload, signature, names, .. } = parts.decode(scratch)?;
        let header = Header::parse(header, names)?;
        check_header(&header, allowed, typ_fits)?;
        mend(payload);
        let claims = Claims::read(payload, names)?;
        Ok(Self { header, claims, payload, signature, signed: parts.signed })
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
        if token.len() > longest {
            return Err(VerificationError::TooLarge);
        }
        let parts = Compact::split(token)?;
        let Decoded { header, payload, signature, names } = parts.read(scratch)?;
        check_header(&header, allowed, typ_fits)?;
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
        self.check_key(key, issuer)
    }

    /// Checks that a key which has signed the token may sign for the issuer that the token names.
    pub(super) fn check_key<'k>(
        &self,
        key: &'k Key,
        issuer: &IssuerRule,
    ) -> Result<&'k Key, VerificationError> {
        match issuer.trusts_key(key.issuer(), self.claims.iss.as_deref().unwrap_or_default()) {
            true => Ok(key),
            false => Err(VerificationError::KeyIssuer),
        }
    }
}

/// A token that was read once, with its claims as places in a text of its own. Nothing is verified yet: anybody could have
/// written it. So a program can choose among the issuers that it trusts anyway, and wait for keys, and the verifier need
/// not read the token again.
pub(crate) struct ReadJwt {
    /// The payload. After it, the texts that have escapes there, and those of the header.
    text: Arc<str>,
    payload: usize,
    /// The length of the signed text: header, dot, payload.
    signed: usize,
    /// A header that no verifier accepts is an error of the verifier, so it is kept.
    header: Result<KeptHeader, JwsError>,
    claims: Places,
}

struct KeptHeader {
    alg: Algorithm,
    kid: Option<Place>,
    typ: Option<Place>,
    x5t_s256: Option<Place>,
}

impl ReadJwt {
    /// Reads a token. `None` if the text is not a signed JWT.
    pub(crate) fn read(token: &str, scratch: &mut Scratch) -> Option<Result<Self, VerificationError>> {
        let parts = Compact::split(token).ok()?;
        // An opaque token may have two dots, but it has no JOSE header.
        let (header, payload, names) = parts.read_header(scratch)?;
        Some(Self::keep(&parts, header, payload, names))
    }

    fn keep(
        parts: &Compact<'_>,
        header: Result<Header<'_>, JwsError>,
        payload: &mut Vec<u8>,
        names: &mut Names,
    ) -> Result<Self, VerificationError> {
        // A place has 32 bits.
        if parts.signed.len() > i32::MAX as usize {
            return Err(VerificationError::TooLarge);
        }
        if !base64url::decode_into(parts.payload, payload) {
            return Err(JwsError::Base64.into());
        }
        // The buffer becomes a text, so that its bytes are checked only once.
        let mut text = String::from_utf8(take(payload)).map_err(|error| {
            *payload = error.into_bytes();
            VerificationError::Claims(JsonError::NotJson)
        })?;
        let kept = Self::keep_text(parts.signed.len(), header, &mut text, names);
        *payload = text.into_bytes();
        kept
    }

    fn keep_text(
        signed: usize,
        header: Result<Header<'_>, JwsError>,
        payload: &mut String,
        names: &mut Names,
    ) -> Result<Self, VerificationError> {
        let claims = Claims::read_text(payload, names)?;
        let mut more = String::new();
        let claims = Places::of(&claims, payload, &mut more).ok_or(VerificationError::TooLarge)?;
        Ok(Self::assemble(signed, header, claims, &more, payload))
    }

    /// Keeps a token that a verifier has read. `None` if it is too long for places.
    pub(super) fn of(token: &Unverified<'_, '_>) -> Option<Self> {
        let (payload, mut more) = (utf8(token.payload).ok()?, String::new());
        let claims = Places::of(&token.claims, payload, &mut more)?;
        let mut text = payload.to_owned();
        Some(Self::assemble(token.signed.len(), Ok(token.header.clone()), claims, &more, &mut text))
    }

    /// Puts those texts after the payload that are not in it.
    fn assemble(
        signed: usize,
        header: Result<Header<'_>, JwsError>,
        claims: Places,
        more: &str,
        payload: &mut String,
    ) -> Self {
        let length = payload.len();
        payload.push_str(more);
        let mut place = |text: Option<&str>| text.and_then(|text| Place::appended(text, payload));
        let header = header.map(|header| KeptHeader {
            alg: header.alg(),
            kid: place(header.kid()),
            typ: place(header.typ()),
            x5t_s256: place(header.x5t_s256()),
        });
        Self { text: payload.as_str().into(), payload: length, signed, header, claims }
    }

    /// Returns the `iss` of the token.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.claims.iss(&self.text)
    }

    /// Returns the text in which the claims are places. It begins with the payload.
    pub(crate) const fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Returns the length of the payload.
    pub(crate) const fn payload(&self) -> usize {
        self.payload
    }

    /// Goes on where [`Unverified::read`] is after the claims, with the same errors in the same order. The result borrows
    /// from `text`, which is [`Self::text`]. Without a buffer, the signature is not decoded: then nobody may check it.
    pub(super) fn unverified<'s, 't>(
        &self,
        text: &'s str,
        token: &'t str,
        buffer: Option<&'s mut Vec<u8>>,
        allowed: AlgorithmSet,
        typ_fits: fn(Option<&str>) -> bool,
    ) -> Result<Unverified<'s, 't>, VerificationError> {
        let (signed, encoded) = token.split_at_checked(self.signed).ok_or(JwsError::NotCompact)?;
        let mut signature = &[][..];
        if let Some(buffer) = buffer {
            if !base64url::decode_into(encoded.strip_prefix('.').ok_or(JwsError::NotCompact)?, buffer) {
                return Err(JwsError::Base64.into());
            }
            signature = buffer;
        }
        let KeptHeader { alg, kid, typ, x5t_s256 } = self.header.as_ref().map_err(|why| *why)?;
        let borrow = |place: &Option<Place>| place.map(|place| place.text(text).into());
        let header = Header { alg: *alg, kid: borrow(kid), typ: borrow(typ), x5t_s256: borrow(x5t_s256) };
        check_header(&header, allowed, typ_fits)?;
        let payload = text.as_bytes().get(..self.payload).unwrap_or_default();
        Ok(Unverified { header, claims: self.claims.claims(text, self.payload), payload, signature, signed })
    }
}

/// A token for a verifier: its text, and what was read of it before.
#[derive(Clone, Copy)]
pub(crate) struct Given<'s, 't> {
    pub(crate) token: &'t str,
    pub(crate) read: Option<&'s ReadJwt>,
}

fn check_header(
    header: &Header<'_>,
    allowed: AlgorithmSet,
    typ_fits: fn(Option<&str>) -> bool,
) -> Result<(), VerificationError> {
    if !typ_fits(header.typ()) {
        return Err(VerificationError::Type);
    }
    if allowed.contains(header.alg()) { Ok(()) } else { Err(JwsError::AlgorithmNotAllowed.into()) }
}

/// Whether a `typ` is this media type, with or without the prefix `application/` (RFC 7515 section 4.1.9).
pub(super) fn is_type(typ: &str, wanted: &str) -> bool {
    let bare = match typ.get(..12) {
        Some(prefix) if prefix.eq_ignore_ascii_case("application/") => typ.get(12..).unwrap_or_default(),
        _ => typ,
    };
    bare.eq_ignore_ascii_case(wanted)
}
