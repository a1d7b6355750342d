//! [`Header`]: the JOSE header of a signed token, read in one pass (RFC 7515 section 4).
//!
//! A header may bring a key or the URL of a key (`jwk`, `jku`, `x5u`, `x5c`). The sender of the token chose these
//! members, so they are ignored.

use super::{algorithm::Algorithm, compact::JwsError};
use crate::base::json::{self, Checked, JsonError, MAX_DEPTH, Name, Names};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt, ops::Range};

/// The members of a JOSE header that this library uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    pub(crate) alg: Algorithm,
    pub(crate) kid: Option<Cow<'a, str>>,
    pub(crate) typ: Option<Cow<'a, str>>,
    pub(crate) x5t_s256: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    /// The algorithm of the signature (`alg`).
    #[must_use]
    pub const fn alg(&self) -> Algorithm {
        self.alg
    }

    /// The name of the key that signed (`kid`).
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The type of the token (`typ`), such as `at+jwt`.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The SHA-256 thumbprint of the certificate of the key that signed (`x5t#S256`).
    #[must_use]
    pub fn x5t_s256(&self) -> Option<&str> {
        self.x5t_s256.as_deref()
    }

    /// Parses a decoded header. Allocates only for strings with escapes.
    pub(crate) fn parse(text: &'a [u8], names: &mut Names) -> Result<Self, JwsError> {
        Self::parse_with(text, names, &mut ())
    }

    /// Parses a decoded header, and reads other members aside.
    pub(crate) fn parse_with(
        text: &'a [u8],
        names: &mut Names,
        aside: &mut impl Aside<'a>,
    ) -> Result<Self, JwsError> {
        names.clear();
        let mut found = Found::default();
        let mut from = serde_json::Deserializer::from_str(json::utf8(text).map_err(JwsError::Header)?);
        Members { text, names, found: &mut found, aside }
            .deserialize(&mut from)
            .and_then(|()| from.end())
            .map_err(|_| JwsError::Header(why(text, names)))?;
        // This library supports no extension, so every `crit` is refused. A payload that is not base64url
        // (`b64`, RFC 7797) must not be decoded as base64url.
        if found.critical {
            return Err(JwsError::Critical);
        }
        let alg = found.alg.ok_or(JwsError::MissingAlgorithm)?;
        let alg = Algorithm::from_name(&alg).ok_or(match &*alg {
            "none" => JwsError::Unsigned,
            _ => JwsError::UnknownAlgorithm,
        })?;
        // An empty name names no key, and an empty type no kind of token.
        let [kid, typ, x5t_s256] =
            [found.kid, found.typ, found.x5t_s256].map(|text| text.filter(|text| !text.is_empty()));
        Ok(Self { alg, kid, typ, x5t_s256 })
    }
}

/// Who reads members that [`Header`] does not know.
pub(crate) trait Aside<'a> {
    /// Whether it wants the member of this name.
    fn wants(name: &str) -> bool;

    /// Reads the value of a member that it wants: `members.next_value_seed(..)`, once. It keeps to the rules of `inner`.
    fn read<A: MapAccess<'a>>(&mut self, members: &mut A, inner: Checked<'_, '_>) -> Result<(), A::Error>;
}

impl<'a> Aside<'a> for () {
    fn wants(_: &str) -> bool {
        false
    }

    fn read<A: MapAccess<'a>>(&mut self, members: &mut A, inner: Checked<'_, '_>) -> Result<(), A::Error> {
        members.next_value_seed(inner)
    }
}

/// The last header that was read, and the text of which it was decoded. Exactly the same text means the same header.
pub(crate) struct KnownHeader {
    /// The text in the token. It is empty if no header was read yet: the text of a header never is.
    encoded: String,
    alg: Algorithm,
    /// The strings of the header, one after the other, and where each of them is.
    strings: String,
    kid: Option<Range<usize>>,
    typ: Option<Range<usize>>,
    x5t_s256: Option<Range<usize>>,
}

impl Default for KnownHeader {
    fn default() -> Self {
        let (encoded, strings) = (String::new(), String::new());
        Self { encoded, alg: Algorithm::RS256, strings, kid: None, typ: None, x5t_s256: None }
    }
}

impl KnownHeader {
    /// Whether this text is that of the last header.
    pub(crate) fn is(&self, encoded: &str) -> bool {
        !encoded.is_empty() && self.encoded == encoded
    }

    /// Keeps a header instead of the last one. Reuses the memory.
    pub(crate) fn keep(&mut self, encoded: &str, header: &Header<'_>) {
        let Self { encoded: kept, alg, strings, kid, typ, x5t_s256 } = self;
        kept.clear();
        kept.push_str(encoded);
        *alg = header.alg;
        strings.clear();
        // The strings of a header are shorter than its text, so they grow with it alone.
        strings.reserve(encoded.len());
        for (to, string) in [(kid, &header.kid), (typ, &header.typ), (x5t_s256, &header.x5t_s256)] {
            *to = string.as_deref().map(|string| {
                let from = strings.len();
                strings.push_str(string);
                from..strings.len()
            });
        }
    }

    /// Returns the header that was kept last.
    pub(crate) fn header(&self) -> Header<'_> {
        let string = |range: &Option<Range<usize>>| self.strings.get(range.clone()?).map(Cow::Borrowed);
        let (kid, typ, x5t_s256) = (string(&self.kid), string(&self.typ), string(&self.x5t_s256));
        Header { alg: self.alg, kid, typ, x5t_s256 }
    }
}

/// Returns why the header is refused. Not on the hot path: reads the text again to tell JSON that is not an object
/// from a text that is not JSON.
fn why(text: &[u8], names: &Names) -> JsonError {
    let why = names.failure();
    if why == JsonError::NotJson && json::check(text).is_ok() { JsonError::NotAnObject } else { why }
}

#[derive(Default)]
struct Found<'a> {
    alg: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
    x5t_s256: Option<Cow<'a, str>>,
    critical: bool,
}

struct Members<'a, 'n, K> {
    text: &'a [u8],
    names: &'n mut Names,
    found: &'n mut Found<'a>,
    aside: &'n mut K,
}

impl<'a, K: Aside<'a>> DeserializeSeed<'a> for Members<'a, '_, K> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'a, K: Aside<'a>> Visitor<'a> for Members<'a, '_, K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { text, names, found, aside } = self;
        let (from, meaning) = (names.open(), Member::of::<K>);
        while let Some(member) = members.next_key_seed(Name { text, names, meaning })? {
            let mut string = |member| members.next_value_seed(Text { member, names });
            match member {
                Member::Alg => found.alg = string("alg")?,
                Member::Kid => found.kid = string("kid")?,
                Member::Typ => found.typ = string("typ")?,
                Member::X5tS256 => found.x5t_s256 = string("x5t#S256")?,
                Member::Critical | Member::Other => {
                    found.critical |= matches!(member, Member::Critical);
                    members.next_value_seed(Checked { text, names, depth: MAX_DEPTH - 1 })?;
                }
                Member::Aside => aside.read(&mut members, Checked { text, names, depth: MAX_DEPTH - 1 })?,
            }
        }
        if names.close(text, from) { Ok(()) } else { Err(names.fail(JsonError::DuplicateMember)) }
    }
}

enum Member {
    Alg,
    Kid,
    Typ,
    X5tS256,
    Critical,
    Aside,
    Other,
}

impl Member {
    fn of<'a, K: Aside<'a>>(name: &str) -> Self {
        match name {
            "alg" => Self::Alg,
            "kid" => Self::Kid,
            "typ" => Self::Typ,
            "x5t#S256" => Self::X5tS256,
            "crit" | "b64" => Self::Critical,
            name if K::wants(name) => Self::Aside,
            _ => Self::Other,
        }
    }
}

/// Reads a string. `null` counts as absent.
struct Text<'n> {
    member: &'static str,
    names: &'n mut Names,
}

impl Text<'_> {
    fn wrong<T, E: serde::de::Error>(self) -> Result<T, E> {
        Err(self.names.fail(JsonError::WrongType { member: self.member, expected: "a string" }))
    }
}

impl<'a> DeserializeSeed<'a> for Text<'_> {
    type Value = Option<Cow<'a, str>>;
    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Text<'_> {
    type Value = Option<Cow<'a, str>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
        self.wrong()
    }
    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
        self.wrong()
    }
    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
        self.wrong()
    }
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
        self.wrong()
    }
    fn visit_seq<A: SeqAccess<'a>>(self, _: A) -> Result<Self::Value, A::Error> {
        self.wrong()
    }
    fn visit_map<A: MapAccess<'a>>(self, _: A) -> Result<Self::Value, A::Error> {
        self.wrong()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header<'_>, JwsError> {
        Header::parse(text.as_bytes(), &mut Names::default())
    }

    #[test]
    fn members_are_borrowed_unless_they_are_escaped() {
        let header = parse(r#"{"alg":"ES256","kid":"a\u0062","typ":"at+jwt","x5t#S256":"t"}"#).unwrap();
        assert_eq!((header.alg(), header.kid()), (Algorithm::ES256, Some("ab")));
        assert!(matches!(header.typ, Some(Cow::Borrowed("at+jwt"))));
        assert_eq!(header.x5t_s256(), Some("t"));
        let bare = parse(r#" {"alg":"\u0045dDSA","kid":null} "#).unwrap();
        assert_eq!(
            (bare.alg(), bare.kid(), bare.typ(), bare.x5t_s256()),
            (Algorithm::EdDSA, None, None, None)
        );
    }

    #[test]
    fn an_empty_name_or_type_is_an_absent_one() {
        let bare = parse(r#"{"alg":"RS256"}"#).unwrap();
        for member in ["kid", "typ", "x5t#S256"] {
            assert_eq!(parse(&format!(r#"{{"alg":"RS256","{member}":""}}"#)), Ok(bare.clone()), "{member}");
            assert_ne!(parse(&format!(r#"{{"alg":"RS256","{member}":" "}}"#)), Ok(bare.clone()), "{member}");
        }
        assert_eq!(parse(r#"{"alg":""}"#), Err(JwsError::UnknownAlgorithm), "but an algorithm is needed");
    }

    #[test]
    fn keys_in_a_header_are_ignored() {
        let plain = parse(r#"{"alg":"RS256"}"#).unwrap();
        let loaded = r#"{"alg":"RS256","jwk":{"kty":"oct","k":"AA"},"jku":"https://evil.example/",
                         "x5u":"https://evil.example/","x5c":["AA"],"x5t":"AA","cty":"x"}"#;
        assert_eq!(parse(loaded), Ok(plain));
    }

    #[test]
    fn every_critical_extension_is_refused() {
        for member in [
            r#""crit":["exp"]"#,
            r#""crit":[]"#,
            r#""crit":null"#,
            r#""crit":"b64""#,
            r#""cr\u0069t":["b64"]"#,
            r#""b64":true"#,
            r#""b64":false"#,
        ] {
            let text = format!(r#"{{"alg":"RS256",{member}}}"#);
            assert_eq!(parse(&text), Err(JwsError::Critical), "{text}");
        }
    }

    #[test]
    fn every_refused_header_has_its_error() {
        let wrong = |member| JwsError::Header(JsonError::WrongType { member, expected: "a string" });
        let deep = format!(r#"{{"alg":"RS256","x":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
        for (text, why) in [
            (r#"{"alg":"none"}"#, JwsError::Unsigned),
            (r#"{"alg":"nOnE"}"#, JwsError::UnknownAlgorithm),
            (r#"{"alg":""}"#, JwsError::UnknownAlgorithm),
            (r#"{"alg":"ES256K"}"#, JwsError::UnknownAlgorithm),
            (r#"{"alg":"RSA-OAEP"}"#, JwsError::UnknownAlgorithm),
            (r#"{"kid":"a"}"#, JwsError::MissingAlgorithm),
            (r#"{"alg":null}"#, JwsError::MissingAlgorithm),
            (r#"{"alg":["RS256"]}"#, wrong("alg")),
            (r#"{"alg":1}"#, wrong("alg")),
            (r#"{"alg":"RS256","kid":-1}"#, wrong("kid")),
            (r#"{"alg":"RS256","kid":{"a":1}}"#, wrong("kid")),
            (r#"{"alg":"RS256","typ":true}"#, wrong("typ")),
            (r#"{"alg":"RS256","x5t#S256":1.5}"#, wrong("x5t#S256")),
            (r#"{"alg":"RS256","alg":"HS256"}"#, JwsError::Header(JsonError::DuplicateMember)),
            (r#"{"alg":"RS256","\u0061lg":"RS256"}"#, JwsError::Header(JsonError::DuplicateMember)),
            (r#"{"alg":"RS256","x":{"y":1,"y":2}}"#, JwsError::Header(JsonError::DuplicateMember)),
            (&deep, JwsError::Header(JsonError::TooDeep)),
            ("", JwsError::Header(JsonError::NotJson)),
            (r#"{"alg":"RS256"}x"#, JwsError::Header(JsonError::NotJson)),
            (r#"{"alg":"RS256""#, JwsError::Header(JsonError::NotJson)),
            ("[]", JwsError::Header(JsonError::NotAnObject)),
            ("5", JwsError::Header(JsonError::NotAnObject)),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
        assert_eq!(
            Header::parse(b"{\"alg\":\"\xff\"}", &mut Names::default()),
            Err(JwsError::Header(JsonError::NotJson))
        );
    }
}
