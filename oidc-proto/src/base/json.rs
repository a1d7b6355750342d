//! A strict JSON reader: bounded depth, no repeated member, `null` counts as absent, unknown members are kept
//! ([`Extra`]).
//!
//! RFC 7519 section 4 and RFC 7515 section 4 allow a parser to take the last of two members with one name. Two
//! parsers that disagree let an attacker bypass a check, so a repeated member is an error here.

pub(crate) mod object;
mod parts;

use super::visible::without_mark;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

pub(crate) use parts::{Parts, is_text, member, text};

/// The members of a message that no field knows. They are kept, so no data is lost.
pub type Extra = Map<String, Value>;

/// The maximum depth of nested arrays and objects. It is no setting: it guards the stack, and messages need five.
pub const MAX_DEPTH: usize = 32;

/// The reason why a text is not acceptable JSON. It contains no part of the text. Every reader of JSON returns it, most
/// often inside an error that names the text.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is not JSON (RFC 8259), or not UTF-8.
    #[error("the text is not JSON in UTF-8")]
    NotJson,
    /// The text is JSON, but not an object.
    #[error("the text is not a JSON object")]
    NotAnObject,
    /// Arrays and objects nest deeper than [`MAX_DEPTH`].
    #[error("the text nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// An object has two members with the same name.
    #[error("the text has two members of the same name in one object")]
    DuplicateMember,
    /// A member is present with a wrong type, or a required member is absent.
    #[error("the text has a member `{member}` that is not {expected}")]
    WrongType {
        /// The name of the member.
        member: &'static str,
        /// The expected type, in words.
        expected: &'static str,
    },
}

/// The names of the members of the objects being read. The memory is reused, so a verification allocates nothing.
#[derive(Default)]
pub(crate) struct Names {
    /// The place of each name: in the text, or beyond its end in `unescaped`.
    spans: Vec<Span>,
    unescaped: Vec<u8>,
    failure: Option<JsonError>,
}

#[derive(Clone, Copy)]
struct Span {
    start: usize,
    length: usize,
    /// Names with different prints differ. Names with the same print are compared.
    print: u64,
}

/// Mixes eight bytes from each end of a name. This tells most names apart without reading the text.
fn print(name: &[u8]) -> u64 {
    let ends = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => name.iter().fold(0, |print, byte| print << 8 | u64::from(*byte)),
    };
    (ends ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Names {
    /// Clears the names of the last text, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.unescaped.clear();
        self.failure = None;
    }

    /// The reason why the last reading failed: a rule of this module, or else the grammar of JSON.
    pub(crate) fn failure(&self) -> JsonError {
        self.failure.unwrap_or(JsonError::NotJson)
    }

    /// The reason why an object could not be read: the grammar of JSON, a rule of this module, or not an object.
    pub(crate) fn why(&self, error: &serde_json::Error) -> JsonError {
        match (error.is_data(), self.failure) {
            (false, _) => JsonError::NotJson,
            (true, Some(failure)) => failure,
            (true, None) => JsonError::NotAnObject,
        }
    }

    pub(crate) fn fail<E: serde::de::Error>(&mut self, why: JsonError) -> E {
        self.failure = Some(why);
        E::custom("")
    }

    /// Sets the failure to report if the next member does not have the expected type. An empty name clears it.
    pub(crate) fn expect(&mut self, member: &'static str, expected: &'static str) {
        self.failure = (!member.is_empty()).then_some(JsonError::WrongType { member, expected });
    }

    /// Starts an object. Returns the number of names so far, for [`Self::close`].
    pub(crate) fn open(&self) -> usize {
        self.spans.len()
    }

    /// Records a name. A name that is not a part of `text`, because it had escapes, is copied.
    pub(crate) fn note(&mut self, text: &[u8], name: &str) {
        let offset = (name.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        let within = offset.checked_add(name.len()).is_some_and(|end| end <= text.len());
        let start = if within { offset } else { text.len() + self.unescaped.len() };
        if !within {
            self.unescaped.extend_from_slice(name.as_bytes());
        }
        self.spans.push(Span { start, length: name.len(), print: print(name.as_bytes()) });
    }

    /// Ends the object whose names start at `from`. Returns whether its names all differ.
    pub(crate) fn close(&mut self, text: &[u8], from: usize) -> bool {
        let Self { spans, unescaped, .. } = self;
        let name = |span: &Span| match span.start.checked_sub(text.len()) {
            None => text.get(span.start..span.start + span.length),
            Some(start) => unescaped.get(start..start + span.length),
        };
        let same = |a: &Span, b: &Span| a.print == b.print && name(a) == name(b);
        let names = spans.get_mut(from..).unwrap_or_default();
        let unique = if names.len() <= 32 {
            // One bit for each name so far. Most names find their bit free and need no comparison.
            let mut seen = 0_u64;
            let mut before: &[Span] = &[];
            names.iter().enumerate().all(|(at, span)| {
                let bit = 1 << (span.print >> 58);
                let fresh = seen & bit == 0 || !before.iter().any(|other| same(other, span));
                seen |= bit;
                before = names.get(..=at).unwrap_or_default();
                fresh
            })
        } else {
            // Sorting bounds the time, even for a hostile text.
            names.sort_unstable_by(|a, b| (a.print, name(a)).cmp(&(b.print, name(b))));
            names.is_sorted_by(|a, b| !same(a, b))
        };
        spans.truncate(from);
        unique
    }
}

/// Reads one value without keeping it, and enforces the rules of this module.
pub(crate) struct Checked<'a, 'n> {
    pub(crate) text: &'a [u8],
    pub(crate) names: &'n mut Names,
    pub(crate) depth: usize,
}

impl<'de> DeserializeSeed<'de> for Checked<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(self.names.fail(JsonError::TooDeep));
        };
        while items.next_element_seed(Checked { text: self.text, names: self.names, depth })?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(self.names.fail(JsonError::TooDeep));
        };
        let from = self.names.open();
        while members
            .next_key_seed(Name { text: self.text, names: self.names, meaning: |_: &str| () })?
            .is_some()
        {
            members.next_value_seed(Checked { text: self.text, names: self.names, depth })?;
        }
        if self.names.close(self.text, from) {
            Ok(())
        } else {
            Err(self.names.fail(JsonError::DuplicateMember))
        }
    }
}

/// Records the name of a member, and maps it to its meaning.
pub(crate) struct Name<'a, 'n, F> {
    pub(crate) text: &'a [u8],
    pub(crate) names: &'n mut Names,
    pub(crate) meaning: F,
}

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for Name<'_, '_, F> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Name<'_, '_, F> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }
    fn visit_str<E>(self, name: &str) -> Result<T, E> {
        self.names.note(self.text, name);
        Ok((self.meaning)(name))
    }
}

/// Checks the whole text for UTF-8 once, so the parser need not check each string.
pub(crate) fn utf8(text: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(text).map_err(|_| JsonError::NotJson)
}

/// Checks a whole text against the rules of this module.
pub(crate) fn check(text: &[u8]) -> Result<(), JsonError> {
    check_with(text, &mut Names::default())
}

/// Checks a whole text with this memory for its names.
pub(crate) fn check_with(text: &[u8], names: &mut Names) -> Result<(), JsonError> {
    names.clear();
    let mut from = serde_json::Deserializer::from_str(utf8(text)?);
    Checked { text, names, depth: MAX_DEPTH }
        .deserialize(&mut from)
        .and_then(|()| from.end())
        .map_err(|_| names.failure())
}

/// The members of one object. A message takes its members one by one; the rest becomes [`Extra`].
#[derive(Clone, Debug)]
pub(crate) struct Members(Extra);

impl Members {
    /// Parses an object, perhaps after a byte order mark. A member that is `null` counts as absent (Discovery section 3).
    pub(crate) fn parse(text: &[u8]) -> Result<Self, JsonError> {
        check(without_mark(text))?;
        match serde_json::from_slice(without_mark(text)) {
            Ok(Value::Object(members)) => Ok(Self::new(members)),
            Ok(_) => Err(JsonError::NotAnObject),
            Err(_) => Err(JsonError::NotJson),
        }
    }

    /// Wraps the members of a parsed object. A member that is `null` counts as absent.
    pub(crate) fn new(mut members: Extra) -> Self {
        members.retain(|_, value| !value.is_null());
        Self(members)
    }

    /// Returns the members that were not taken.
    pub(crate) fn rest(self) -> Extra {
        self.0
    }

    /// Whether the member is present, with any type.
    pub(crate) fn has(&self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    /// The members that were not taken yet.
    pub(crate) const fn all(&self) -> &Extra {
        &self.0
    }

    /// Takes a member of any type.
    pub(crate) fn any(&mut self, member: &str) -> Option<Value> {
        self.0.remove(member)
    }

    /// Takes a string.
    pub(crate) fn string(&mut self, member: &'static str) -> Result<Option<String>, JsonError> {
        self.take(
            member,
            "a string",
            |value| {
                if let Value::String(text) = value { Ok(text) } else { Err(value) }
            },
        )
    }

    /// Takes an array of strings.
    pub(crate) fn strings(&mut self, member: &'static str) -> Result<Option<Vec<String>>, JsonError> {
        self.take(member, "an array of strings", |value| {
            let texts = value.as_array().and_then(|items| {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
            });
            texts.ok_or(value)
        })
    }

    /// Takes a boolean.
    pub(crate) fn boolean(&mut self, member: &'static str) -> Result<Option<bool>, JsonError> {
        self.take(member, "a boolean", |value| value.as_bool().ok_or(value))
    }

    /// Takes an object.
    pub(crate) fn object(&mut self, member: &'static str) -> Result<Option<Extra>, JsonError> {
        self.take(member, "an object", |value| {
            if let Value::Object(members) = value { Ok(members) } else { Err(value) }
        })
    }

    /// Takes a date: a number of seconds since the epoch, rounded down (RFC 7519 section 2).
    pub(crate) fn date(&mut self, member: &'static str) -> Result<Option<i64>, JsonError> {
        self.take(member, "a date in seconds", |value| {
            value.as_f64().map(f64::floor).and_then(integer).ok_or(value)
        })
    }

    /// Adds members. They replace members with the same name.
    pub(crate) fn overlay(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Puts a member back.
    pub(crate) fn put(&mut self, member: &str, value: Value) {
        self.0.insert(member.to_owned(), value);
    }

    /// Takes a member if it has the right type. Otherwise the member stays.
    fn take<T>(
        &mut self,
        member: &'static str,
        expected: &'static str,
        fits: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Result<Option<T>, JsonError> {
        match self.0.remove(member).map(fits) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(other)) => {
                self.0.insert(member.to_owned(), other);
                Err(JsonError::WrongType { member, expected })
            }
        }
    }
}

/// Returns a string member of an object that was already checked. It is borrowed unless it has escapes.
pub(crate) fn string_member<'t>(object: &'t [u8], wanted: &str) -> Option<Cow<'t, str>> {
    text(member(std::str::from_utf8(object).ok()?, wanted)?)
}

/// Returns the integer part of a number, or `None` beyond ±2^53, where it is not exact.
#[allow(clippy::cast_possible_truncation, reason = "the range is checked first")]
pub(crate) fn integer(number: f64) -> Option<i64> {
    (number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// Returns an error without details, for a visitor whose errors are not shown.
pub(crate) fn refuse<E: serde::de::Error>() -> E {
    E::custom("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_repeated_member_is_refused_at_any_depth_and_in_any_spelling() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"\u0061":1,"\u0061":2}"#,
            r#"{"x":[{"a":1,"b":2,"a":3}]}"#,
            r#"{"x":{"a":1},"y":{"b":1,"b":1}}"#,
        ] {
            assert_eq!(check(bad.as_bytes()), Err(JsonError::DuplicateMember), "{bad}");
        }
        let many: Vec<String> = (0..40).map(|n| format!(r#""m{n}":{n}"#)).collect();
        assert_eq!(check(format!("{{{}}}", many.join(",")).as_bytes()), Ok(()));
        assert_eq!(
            check(format!("{{{},\"m7\":0}}", many.join(",")).as_bytes()),
            Err(JsonError::DuplicateMember)
        );
        assert_eq!(check(br#"{"a":{"a":1},"b":{"a":1}}"#), Ok(()), "the same name in two objects is fine");
    }

    #[test]
    fn depth_is_bounded_exactly() {
        let nested = |depth| format!("{}0{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(nested(MAX_DEPTH).as_bytes()), Ok(()));
        assert_eq!(check(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(check(nested(100_000).as_bytes()), Err(JsonError::TooDeep));
    }

    #[test]
    fn malformed_json_is_refused() {
        for bad in [&b""[..], b"{", b"{}x", b"{\"a\":\"\xff\"}", b"[1,]", b"{\"a\":1e}", b"nul"] {
            assert_eq!(check(bad), Err(JsonError::NotJson), "{bad:?}");
        }
        assert_eq!(Members::parse(b"[]").err(), Some(JsonError::NotAnObject));
    }

    #[test]
    fn members_are_typed_null_is_absent_and_the_rest_is_kept() {
        let mut members =
            Members::parse(br#"{"s":"t","l":["a"],"n":null,"b":true,"x":{"y":1},"bad":[1]}"#).unwrap();
        assert_eq!(members.string("s"), Ok(Some("t".to_owned())));
        assert_eq!(members.strings("l"), Ok(Some(vec!["a".to_owned()])));
        assert_eq!(members.string("n"), Ok(None));
        assert_eq!(members.boolean("b"), Ok(Some(true)));
        assert_eq!(
            members.strings("bad"),
            Err(JsonError::WrongType { member: "bad", expected: "an array of strings" })
        );
        // Another crate of the program may enable the `preserve_order` feature of serde_json.
        let rest = members.rest().into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
        assert_eq!(rest, BTreeSet::from(["bad".to_owned(), "x".to_owned()]));
    }

    #[test]
    fn numbers_beyond_the_exact_range_are_not_integers() {
        assert_eq!(integer(9_007_199_254_740_992.0), Some(1 << 53));
        assert_eq!(integer(3.9), Some(3));
        for bad in [9.1e15, -9.1e15, f64::INFINITY, f64::NAN] {
            assert_eq!(integer(bad), None);
        }
    }
}
