//! [`Parts`]: the items or members of a JSON text that was read before, as they are written.
//!
//! A strict reader has accepted the text: it is JSON, nests no deeper than a limit, and has no name twice in one object.
//! So this reader only looks for the ends of values, and allocates nothing. A text that is not JSON just has fewer parts.

use std::borrow::Cow;

/// The items of an array, or the names and the values of an object, one after the other.
pub(crate) struct Parts<'t>(&'t str);

impl<'t> Parts<'t> {
    /// Opens an object or an array. `None` if the text does not begin with this character.
    pub(crate) fn of(json: &'t str, opening: char) -> Option<Self> {
        json.trim_ascii_start().strip_prefix(opening).map(Self)
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let rest = self.0.trim_start_matches([' ', '\t', '\n', '\r', ',', ':']);
        let (value, rest) = rest.split_at_checked(end(rest.as_bytes())?)?;
        self.0 = rest;
        Some(value)
    }
}

/// Returns where the value ends with which this JSON begins. `None` if it begins with none.
fn end(json: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match json.get(at)? {
            b'"' => at = end_of_string(json, at)?,
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' => (at, depth) = (at + 1, depth.checked_sub(1)?),
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => at += 1,
            _ => {
                let rest = json.get(at..)?.iter();
                at += rest.take_while(|byte| !b"]}, \t\n\r".contains(byte)).count();
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn end_of_string(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Returns the JSON of the member with this name.
pub(crate) fn member<'t>(json: &'t str, wanted: &str) -> Option<&'t str> {
    let mut parts = Parts::of(json, '{')?;
    loop {
        let (name, value) = (parts.next()?, parts.next()?);
        if is_text(name, wanted) {
            return Some(value);
        }
    }
}

/// Returns the text of a JSON string. It is borrowed unless it has escapes. `None` for another value.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let text = json.strip_prefix('"').and_then(|text| text.strip_suffix('"'))?;
    match text.contains('\\') {
        false => Some(text.into()),
        true => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// Whether the JSON of a value is this string.
pub(crate) fn is_text(json: &str, wanted: &str) -> bool {
    text(json).is_some_and(|text| text == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value};

    #[test]
    fn the_parts_of_an_object_are_its_members() {
        for json in [
            r#"{}"#,
            r#" { "a" : 1 , "b":"x,y:{}[]" } "#,
            r#"{"a":{"b":[1,{"c":"}"}],"d":"\"]"},"\u0065":[],"f":null,"g":-1.5e3,"":true}"#,
            "{\n\t\"é\":\t\"ü\\\\\",\r\n\"n\": [ [ ] , { } ]}",
        ] {
            let map: Map<String, Value> = serde_json::from_str(json).unwrap();
            for (name, value) in &map {
                let found = member(json, name).unwrap();
                assert_eq!(serde_json::from_str::<Value>(found).unwrap(), *value, "{json} {name}");
                assert_eq!(text(found).as_deref(), value.as_str(), "{json} {name}");
            }
            assert_eq!(Parts::of(json, '{').unwrap().count(), 2 * map.len(), "{json}");
            assert!(member(json, "none").is_none() && Parts::of(json, '[').is_none());
        }
        assert_eq!(
            Parts::of(r#"[1,"2",[3,[4]],{"5":6}]"#, '[').unwrap().collect::<Vec<_>>(),
            ["1", "\"2\"", "[3,[4]]", "{\"5\":6}"]
        );
    }
}
