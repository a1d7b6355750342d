//! The scopes of a token, borrowed from it. They mean the same as everywhere else: see [`crate::message::scopes`].

use super::{Audience, Claims, claims::Text};
use crate::message::scopes::words;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The scopes that are not in a `scope` string: those of a `scope` array, or of `scp`.
#[derive(Clone)]
pub(super) enum Others<'a> {
    /// There are none.
    None,
    /// JSON without escapes, borrowed from the token.
    Said(&'a str),
    /// Unescaped texts. Only this variant allocates.
    Unescaped(Vec<String>),
}

impl<'a> Others<'a> {
    pub(super) fn of(claims: &Claims<'a>, payload: &'a [u8]) -> Self {
        if claims.scope.is_some() { Self::None } else { Self::read(claims, payload) }
    }

    #[inline(never)]
    fn read(claims: &Claims<'a>, payload: &'a [u8]) -> Self {
        let said = if claims.scope_is_list { scope(payload) } else { claims.scp };
        let Some(said) = said else { return Self::None };
        let json = said.json();
        match (json.contains('\\'), json.starts_with('"')) {
            (false, _) => Self::Said(json),
            (true, true) => Self::Unescaped(
                said.to_vec().iter().flat_map(|text| words(text)).map(str::to_owned).collect(),
            ),
            (true, false) => Self::Unescaped(said.to_vec()),
        }
    }
}

/// Returns all scopes of a token.
pub(super) fn all<'v>(claims: &'v Claims<'_>, others: &'v Others<'_>) -> impl Iterator<Item = &'v str> {
    let (json, read) = match others {
        Others::None => ("", None),
        Others::Said(json) => (*json, None),
        Others::Unescaped(read) => ("", Some(read)),
    };
    let text = json.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    // Without escapes, every other piece between quotation marks is a string.
    let items = if text.is_some() { "" } else { json };
    let items = items.split('"').skip(1).step_by(2).chain(read.into_iter().flatten().map(String::as_str));
    let text = claims.scope.as_deref().or(text).unwrap_or_default();
    words(text).chain(items.filter(|item| !item.is_empty()))
}

/// Finds the array in `scope`. The claims have been read once before.
fn scope(payload: &[u8]) -> Option<Audience<'_>> {
    struct Find;
    impl<'de> Visitor<'de> for Find {
        type Value = Option<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a set of claims")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(Text(name)) = members.next_key()? {
                if name.as_deref() == Some("scope") {
                    found = Some(members.next_value()?);
                } else {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    let mut from = serde_json::Deserializer::from_slice(payload);
    Audience::new(from.deserialize_map(Find).ok()??.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::json::{Extra, Names},
        message::scopes,
    };

    /// Two readers, one meaning.
    #[test]
    fn a_token_has_the_same_scopes_in_every_spelling_and_for_both_readers() {
        for (payload, all) in [
            (r#"{}"#, &[][..]),
            (r#"{"scope":null}"#, &[]),
            (r#"{"scope":""}"#, &[]),
            (r#"{"scope":[]}"#, &[]),
            (r#"{"scope":" a  b "}"#, &["a", "b"]),
            (r#"{"scope":["a","b c","",  "d"]}"#, &["a", "b c", "d"]),
            (r#"{"scope":"\u0061 b\/c"}"#, &["a", "b/c"]),
            (r#"{"scope":["\u0061","b\"c","d,e"]}"#, &["a", "b\"c", "d,e"]),
            (r#"{"scp":"a b"}"#, &["a", "b"]),
            (r#"{"scp":"\u0061 b"}"#, &["a", "b"]),
            (r#"{"scp":["\u0061","b c"]}"#, &["a", "b c"]),
            (r#"{"scp":["a","b"]}"#, &["a", "b"]),
            (r#"{"scope":null,"scp":["a"]}"#, &["a"]),
            (r#"{"scp":["a"],"scope":"b"}"#, &["b"]),
            (r#"{"scope":"","scp":"a"}"#, &[]),
        ] {
            let claims = Claims::read(payload.as_bytes(), &mut Names::default()).unwrap();
            let others = Others::of(&claims, payload.as_bytes());
            assert_eq!(super::all(&claims, &others).collect::<Vec<_>>(), all, "{payload}");
            let members: Extra = serde_json::from_str(payload).unwrap();
            assert_eq!(scopes::of_members(&members).collect::<Vec<_>>(), all, "{payload}");
            assert_eq!(scopes::check(&members), Ok(()));
        }
    }
}
