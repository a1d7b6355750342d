//! [`Salvaged`]: the tokens of a response that cannot be read otherwise. The provider sent them, and has perhaps spent
//! the old ones, so they are looked for in whatever text there is.

use crate::{base::secret::Secret, message::is_token};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The tokens in a text, each only if it is there once.
#[derive(Default)]
pub(super) struct Salvaged {
    pub(super) refresh_token: Option<Secret>,
    pub(super) access_token: Option<Secret>,
}

/// A member that may occur, that occurred, and that occurred more than once.
#[derive(Default)]
enum Seen {
    #[default]
    No,
    Once(Secret),
    Odd,
}

impl Seen {
    fn note(&mut self, value: &RawValue) {
        let text = serde_json::from_str::<String>(value.get()).ok().filter(|text| is_token(text));
        *self = match (&*self, text) {
            (Self::No, Some(text)) => Self::Once(Secret::new(text)),
            (Self::Once(known), Some(text)) if known.equals(&text) => return,
            (Self::No | Self::Once(_) | Self::Odd, _) => Self::Odd,
        };
    }

    fn token(self) -> Option<Secret> {
        match self {
            Self::Once(token) => Some(token),
            Self::No | Self::Odd => None,
        }
    }
}

impl Salvaged {
    /// Reads the members of a JSON object as far as the text is JSON.
    pub(super) fn of(text: &[u8]) -> Self {
        let (mut refresh_token, mut access_token) = (Seen::No, Seen::No);
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let found = Found { refresh_token: &mut refresh_token, access_token: &mut access_token };
        // The error of a text that breaks off is known already. The members before it have been noted.
        let _ = serde_json::Deserializer::from_slice(text).deserialize_map(found);
        Self { refresh_token: refresh_token.token(), access_token: access_token.token() }
    }
}

struct Found<'f> {
    refresh_token: &'f mut Seen,
    access_token: &'f mut Seen,
}

impl<'de> Visitor<'de> for Found<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match &*name {
                "refresh_token" => self.refresh_token.note(members.next_value::<&RawValue>()?),
                "access_token" => self.access_token.note(members.next_value::<&RawValue>()?),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> (Option<String>, Option<String>) {
        let Salvaged { refresh_token, access_token } = Salvaged::of(text.as_bytes());
        let shown = |token: Option<Secret>| token.map(|token| token.expose().to_owned());
        (shown(refresh_token), shown(access_token))
    }

    #[test]
    fn tokens_are_found_in_what_is_no_token_response() {
        let both = (Some("r".to_owned()), Some("a".to_owned()));
        for text in [
            r#"{"access_token":"a","refresh_token":"r"}"#,
            "\u{feff}{\"access_token\":\"a\",\"refresh_token\":\"r\"}",
            r#"{"access_token":"a","refresh_token":"r","expires_in":3600"#,
            r#"{"access_token":"a","refresh_token":"r","scope":"a","scope":"b"}"#,
            r#"{"access_token":"a","refresh_token":"r","name":"Ada \ud83d"}"#,
            r#"{"access_token":"a","refresh_token":"r","refresh_token":"r"}"#,
            r#"{"access_token":"a","refresh_token":"r"} and more"#,
            r#"{"access_token":"a","\u0072efresh_token":"r"}"#,
        ] {
            assert_eq!(tokens(text), both, "{text}");
        }
    }

    #[test]
    fn a_token_that_is_cut_off_or_ambiguous_is_none() {
        for text in [
            "",
            "<p>oops",
            r#"["refresh_token","r"]"#,
            r#"{"refresh_token":"r"#,
            r#"{"refresh_token":"r","refresh_token":"s"}"#,
            r#"{"refresh_token":"r","refresh_token":7}"#,
            r#"{"refresh_token":["r"]}"#,
            r#"{"refresh_token":""}"#,
            r#"{"refresh_token":"a\r\nb"}"#,
            r#"{"tokens":{"refresh_token":"r"}}"#,
        ] {
            assert_eq!(tokens(text).0, None, "{text}");
        }
    }
}
