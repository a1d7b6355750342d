//! Reads the claims of a plain document in one pass: JSON without escapes, whose numbers are short and whose claims have
//! their usual types. Most tokens are such documents.
//!
//! Whatever is unusual is not for this reader, and neither is any error: then it returns `None`, and
//! [`full`](super::full) reads the document from its beginning. So both agree on every document, as long as each
//! document that this reader accepts means the same to both.

use super::{
    audience::Audience,
    binding::Confirmation,
    name::{Claim, Reading},
    registered::{Acting, Claims},
};
use crate::base::{
    json::{MAX_DEPTH, Names},
    moment::Timestamp,
};
use std::borrow::Cow;

/// The longest number, in digits: it has an exact value in every type.
const MAX_DIGITS: usize = 15;

/// Reads a set of claims, or returns `None` if the document is not plain.
pub(super) fn read<'a>(text: &'a str, names: &mut Names, reading: Reading) -> Option<Claims<'a>> {
    names.clear();
    let payload = text.as_bytes();
    let mut from = Plain { text, at: 0, names };
    let mut claims = Claims::default();
    // One bit for each claim that has been read. The names of all others are noted.
    let mut seen = 0_u32;
    from.space();
    let others = from.names.open();
    from.members(|from, name| {
        let claim = Claim::of(name);
        if matches!(claim, Claim::Other) {
            from.names.note(payload, name);
            return from.skip(MAX_DEPTH - 1);
        }
        let bit = 1 << claim as u32;
        let again = seen & bit != 0;
        seen |= bit;
        if again {
            return None;
        }
        if reading == Reading::OfUser && claim.is_of_access() {
            return from.skip(MAX_DEPTH - 1);
        }
        from.claim(claim, &mut claims)
    })?;
    let all_differ = from.names.close(payload, others);
    from.space();
    (all_differ && from.at == payload.len()).then_some(claims)
}

/// A plain document, and how far it has been read. Each method reads one thing, or returns `None` if that is not plain.
struct Plain<'a, 'n> {
    text: &'a str,
    at: usize,
    names: &'n mut Names,
}

impl<'a> Plain<'a, '_> {
    fn claim(&mut self, claim: Claim, claims: &mut Claims<'a>) -> Option<()> {
        match claim {
            Claim::Iss => claims.iss = self.text_or_null()?,
            Claim::Sub => claims.sub = self.text_or_null()?,
            Claim::Aud => claims.aud = self.strings_or_null()?,
            Claim::Exp => claims.exp = self.date_or_null()?,
            Claim::Nbf => claims.nbf = self.date_or_null()?,
            Claim::Iat => claims.iat = self.date_or_null()?,
            Claim::Jti => claims.jti = self.text_or_null()?,
            Claim::Azp => claims.azp = self.text_or_null()?,
            Claim::Nonce => claims.nonce = self.text_or_null()?,
            Claim::AuthTime => claims.auth_time = self.date_or_null()?,
            Claim::Acr => claims.acr = self.text_or_null()?,
            Claim::Amr => claims.amr = self.strings_or_null()?,
            Claim::AtHash => claims.at_hash = self.text_or_null()?,
            Claim::CHash => claims.c_hash = self.text_or_null()?,
            Claim::SHash => claims.s_hash = self.text_or_null()?,
            Claim::Sid => claims.sid = self.text_or_null()?,
            Claim::ClientId => claims.client_id = self.text_or_null()?,
            Claim::Scope if self.next()? == b'[' => {
                self.strings_or_null()?;
                claims.scope_is_list = true;
            }
            Claim::Scope => claims.scope = self.text_or_null()?,
            Claim::Scp => claims.scp = self.strings_or_null()?,
            Claim::Cnf => claims.cnf = Some(self.thumbprints()?),
            Claim::Act => claims.act = self.actors_or_null()?,
            Claim::Events | Claim::Other => return None,
        }
        Some(())
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The byte that is read next.
    fn next(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    /// Reads this byte.
    fn byte(&mut self, wanted: u8) -> Option<()> {
        let is = self.next()? == wanted;
        self.at += 1;
        is.then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let is = self.bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        is.then_some(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.next() {
            self.at += 1;
        }
    }

    /// Reads what is between two brackets: `each` reads one item.
    fn list(&mut self, [first, last]: [u8; 2], mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.byte(first)?;
        self.space();
        if self.next()? == last {
            self.at += 1;
            return Some(());
        }
        loop {
            self.space();
            each(self)?;
            self.space();
            let next = self.next()?;
            self.at += 1;
            if next != b',' {
                return (next == last).then_some(());
            }
        }
    }

    /// Reads an object: `each` gets a name, and reads its value.
    fn members(&mut self, mut each: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.list([b'{', b'}'], |from| {
            let name = from.string()?;
            from.space();
            from.byte(b':')?;
            from.space();
            each(from, name)
        })
    }

    /// Reads a string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let start = self.at;
        let rest = self.bytes().get(start..)?;
        let end = start + end_of_string(rest)?;
        self.at = end + 1;
        self.text.get(start..end)
    }

    fn text_or_null(&mut self) -> Option<Option<Cow<'a, str>>> {
        match self.next()? {
            b'"' => self.string().map(|text| Some(Cow::Borrowed(text))),
            _ => self.word("null").map(|()| None),
        }
    }

    fn strings_or_null(&mut self) -> Option<Option<Audience<'a>>> {
        let (start, mut count) = (self.at, 0);
        match self.next()? {
            b'"' => {
                self.string()?;
                count = 1;
            }
            b'[' => self.list([b'[', b']'], |from| {
                count += 1;
                from.string().map(drop)
            })?,
            _ => return self.word("null").map(|()| None),
        }
        Some(Some(Audience::plain(self.text.get(start..self.at)?, count)))
    }

    /// Reads a binding of nothing but thumbprints: of a DPoP key, of a certificate, or of both.
    fn thumbprints(&mut self) -> Option<Confirmation<'a>> {
        let (text, names, mut bound) = (self.bytes(), self.names.open(), Confirmation::default());
        self.members(|from, name| {
            from.names.note(text, name);
            let thumbprint = match name {
                "jkt" => &mut bound.jkt,
                "x5t#S256" => &mut bound.x5t_s256,
                _ => return None,
            };
            *thumbprint = Some(Cow::Borrowed(from.string()?));
            Some(())
        })?;
        (self.names.close(text, names) && bound != Confirmation::default()).then_some(bound)
    }

    /// Reads an actor, and the earlier ones within it.
    fn actors_or_null(&mut self) -> Option<Option<Acting<'a>>> {
        let start = self.at;
        self.skip(MAX_DEPTH - 1)?;
        match self.text.get(start..self.at)? {
            "null" => Some(None),
            json => Acting::of(json).map(Some),
        }
    }

    fn date_or_null(&mut self) -> Option<Option<Timestamp>> {
        if self.next()? == b'n' {
            return self.word("null").map(|()| None);
        }
        let digits = self.digits()?;
        let seconds = digits.bytes().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        Some(Some(Timestamp(seconds)))
    }

    /// Reads a whole number without a sign. What follows it is not read, so the caller refuses a fraction.
    fn digits(&mut self) -> Option<&'a str> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.next() {
            self.at += 1;
        }
        let digits = self.text.get(start..self.at)?;
        let plain = match digits.len() {
            0 => false,
            1 => true,
            length => length <= MAX_DIGITS && !digits.starts_with('0'),
        };
        plain.then_some(digits)
    }

    /// Reads any value and keeps nothing of it.
    fn skip(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.string().map(drop),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.list([b'[', b']'], |from| from.skip(depth))
            }
            b'{' => {
                let depth = depth.checked_sub(1)?;
                let (text, names) = (self.bytes(), self.names.open());
                self.members(|from, name| {
                    from.names.note(text, name);
                    from.skip(depth)
                })?;
                self.names.close(text, names).then_some(())
            }
            // With a feature of serde_json, a number counts as an object there.
            _ => {
                depth.checked_sub(1)?;
                if self.next()? == b'-' {
                    self.at += 1;
                }
                self.digits().map(drop)
            }
        }
    }
}

/// Returns where a string ends: the place of its quotation mark. `None` if there is none, or an escape or a control
/// character before it.
///
/// It looks at eight bytes at a time. For each byte, the highest bit of the same byte of `marks` tells whether it is one
/// of those. A bit can be wrong only above one that is right, so the lowest is right.
fn end_of_string(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let mut at = 0;
    while let Some(eight) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let eight = u64::from_le_bytes(*eight);
        let quotation = eight ^ (ONES * b'"' as u64);
        let escape = eight ^ (ONES * b'\\' as u64);
        let marks = (quotation.wrapping_sub(ONES) & !quotation
            | escape.wrapping_sub(ONES) & !escape
            | eight.wrapping_sub(ONES * 0x20) & !eight)
            & HIGHEST;
        if marks != 0 {
            at += marks.trailing_zeros() as usize / 8;
            return (*text.get(at)? == b'"').then_some(at);
        }
        at += 8;
    }
    let rest = text.get(at..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
    (*rest.get(end)? == b'"').then_some(at + end)
}

#[cfg(test)]
#[path = "tests/quick_tests.rs"]
mod tests;
