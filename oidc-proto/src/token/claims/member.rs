//! The types of claims: text, dates, lists and scopes. Each claim is read in one pass and borrows from the token. A
//! claim that is `null` counts as absent.

use super::audience::Audience;
use crate::base::json::{integer, refuse};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// A string. It borrows from the token, unless it has escapes.
pub(in crate::token) struct Text<'a>(pub(in crate::token) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }
        }
        from.deserialize_any(V)
    }
}

/// A `NumericDate` (RFC 7519 section 2), rounded down to whole seconds. It is parsed from its text: the way in which
/// serde_json passes numbers depends on a feature (`arbitrary_precision`), which any crate of the program can enable.
pub(super) struct Date(pub(super) Option<i64>);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::of(<&RawValue>::deserialize(from)?.get()).ok_or_else(refuse)
    }
}

impl Date {
    fn of(json: &str) -> Option<Self> {
        if json == "null" {
            return Some(Self(None));
        }
        if let Ok(seconds) = json.parse::<i64>() {
            return (seconds.unsigned_abs() <= 1 << 53).then_some(Self(Some(seconds)));
        }
        // The text is JSON, so only a number begins with a minus sign or a digit.
        let number = json.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let seconds = number.then(|| json.parse::<f64>().ok())??;
        integer(seconds.floor()).map(|seconds| Self(Some(seconds)))
    }
}

/// A string or an array of strings, kept as JSON.
pub(super) struct Strings<'a>(pub(super) Option<Audience<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Strings<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(from)?.get();
        if json == "null" {
            return Ok(Self(None));
        }
        Audience::new(json).map(|strings| Self(Some(strings))).ok_or_else(refuse)
    }
}

/// A string or an array of strings. The items are not kept: `scopes.rs` reads them again when they are needed.
pub(super) enum Scope<'a> {
    Text(Option<Cow<'a, str>>),
    Items,
}

impl<'de: 'a, 'a> Deserialize<'de> for Scope<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Scope<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scope<'de>, E> {
                Ok(Scope::Text(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Scope<'de>, E> {
                Ok(Scope::Text(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_unit<E>(self) -> Result<Scope<'de>, E> {
                Ok(Scope::Text(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scope<'de>, A::Error> {
                while let Some(item) = items.next_element::<Text<'de>>()? {
                    item.0.ok_or_else(refuse)?;
                }
                Ok(Scope::Items)
            }
        }
        from.deserialize_any(V)
    }
}
