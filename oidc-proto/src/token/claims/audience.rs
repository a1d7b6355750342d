//! [`Audience`]: a claim that is a string or an array of strings, such as `aud` (RFC 7519 section 4.1.3).

use serde::de::{Deserializer, SeqAccess, Visitor};
use std::fmt;

/// A list of strings in a token, such as its audiences. It is borrowed from the token. Only [`to_vec`](Self::to_vec)
/// and strings with escapes allocate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Audience<'a> {
    /// The JSON of a string or of an array of strings.
    json: &'a str,
    count: usize,
    /// Whether the JSON has escapes.
    escaped: bool,
}

impl<'a> Audience<'a> {
    /// Reads the JSON of a string or of an array of strings. `None` if it is of another type.
    pub(in crate::token) fn new(json: &'a str) -> Option<Self> {
        let mut all = Self { json, count: 0, escaped: json.contains('\\') };
        let mut count = 0;
        all.each(&mut |_| count += 1)?;
        all.count = count;
        Some(all)
    }

    /// Takes the JSON of a string or of an array of strings, without escapes, and the number of the strings.
    pub(super) const fn plain(json: &'a str, count: usize) -> Self {
        Self { json, count, escaped: false }
    }

    fn each(self, seen: &mut dyn FnMut(&str)) -> Option<()> {
        if self.escaped { unescape_each(self.json, seen) } else { each_plain(self.json, seen) }
    }

    /// Makes a list of JSON that was read before, with this number of strings.
    pub(super) const fn counted(json: &'a str, count: usize, escaped: bool) -> Self {
        Self { json, count, escaped }
    }

    /// Whether the JSON has escapes.
    pub(super) const fn is_escaped(self) -> bool {
        self.escaped
    }

    /// Returns the JSON as it is in the token.
    pub(in crate::token) const fn json(self) -> &'a str {
        self.json
    }

    /// Returns the number of strings.
    #[must_use]
    pub const fn len(self) -> usize {
        self.count
    }

    /// Whether there are no strings: the token has an empty array.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// Whether this string is in the list.
    #[must_use]
    pub fn contains(self, wanted: &str) -> bool {
        self.any(|audience| audience == wanted)
    }

    /// Whether at least one string satisfies a condition.
    pub fn any(self, condition: impl Fn(&str) -> bool) -> bool {
        let mut found = false;
        self.each(&mut |audience| found |= condition(audience));
        found
    }

    /// Whether all strings satisfy a condition.
    pub fn all(self, condition: impl Fn(&str) -> bool) -> bool {
        !self.any(|audience| !condition(audience))
    }

    /// Copies the strings, in the order of the token.
    #[must_use]
    pub fn to_vec(self) -> Vec<String> {
        let mut all = Vec::with_capacity(self.count);
        self.each(&mut |audience| all.push(audience.to_owned()));
        all
    }
}

impl fmt::Debug for Audience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json)
    }
}

/// Reads JSON without escapes: there, a string is the text between two quotation marks. A JSON reader has accepted the
/// text before, so this function need not check its syntax.
fn each_plain(json: &str, seen: &mut dyn FnMut(&str)) -> Option<()> {
    const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
    let string = |text| -> Option<(&str, &str)> { str::strip_prefix(text, '"')?.split_once('"') };
    let json = json.trim_matches(SPACE);
    let Some(items) = json.strip_prefix('[') else {
        let (one, rest) = string(json)?;
        seen(one);
        return rest.is_empty().then_some(());
    };
    let mut items = items.strip_suffix(']')?.trim_matches(SPACE);
    while !items.is_empty() {
        let (item, rest) = string(items)?;
        seen(item);
        items = match rest.trim_start_matches(SPACE) {
            "" => "",
            rest => rest.strip_prefix(',')?.trim_start_matches(SPACE),
        };
    }
    Some(())
}

fn unescape_each(json: &str, seen: &mut dyn FnMut(&str)) -> Option<()> {
    let mut from = serde_json::Deserializer::from_str(json);
    from.deserialize_any(Each(seen)).ok()?;
    from.end().ok()
}

struct Each<'f>(&'f mut dyn FnMut(&str));

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }
    fn visit_str<E>(self, audience: &str) -> Result<(), E> {
        (self.0)(audience);
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(One(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

struct One<'f>(&'f mut dyn FnMut(&str));

impl<'de> serde::de::DeserializeSeed<'de> for One<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for One<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E>(self, audience: &str) -> Result<(), E> {
        (self.0)(audience);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_many_strings_and_nothing_else() {
        let one = Audience::new(r#""a\u002fb""#).unwrap();
        assert!(one.contains("a/b") && one.len() == 1);
        let two = Audience::new(r#" ["a", "b"] "#).unwrap();
        assert!(
            two.contains("b") && !two.contains("c") && two.all(|a| a < "c") && two.to_vec() == ["a", "b"]
        );
        assert!(Audience::new("[]").unwrap().is_empty());
        let spaced = Audience::new("[ \"a b\"\t,\n\"\u{e9}\" ]").unwrap();
        assert_eq!(spaced.to_vec(), ["a b", "\u{e9}"]);
        assert_eq!(Audience::new(r#" ["a,", "\"]\""] "#).unwrap().to_vec(), ["a,", "\"]\""]);
        for bad in ["5", "{}", "null", r#"["a",5]"#, r#"["a",["b"]]"#, "true", ""] {
            assert_eq!(Audience::new(bad), None, "{bad}");
        }
    }
}
