//! [`Scopes`]: those of a token, borrowed from it. They are read as everywhere else: see
//! [`crate::message::scopes`].

use super::Claims;
use crate::message::scopes::words;

/// The scopes that a token has: in `scope`, or else in `scp`.
#[derive(Clone, Default)]
pub(super) struct Scopes<'a> {
    /// A string.
    text: &'a str,
    /// An array of strings, as JSON without escapes.
    items: &'a str,
    /// What was written with escapes. Nothing is allocated unless there are some.
    escaped: Vec<String>,
}

impl<'a> Scopes<'a> {
    pub(super) fn of(claims: &Claims<'a>) -> Self {
        let Some(said) = claims.scope_said.or(claims.scp_said) else { return Self::default() };
        let json = said.json();
        match json.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(text) if !json.contains('\\') => Self { text, ..Self::default() },
            None if !json.contains('\\') => Self { items: json, ..Self::default() },
            Some(_) => {
                let all = said.to_vec().iter().flat_map(|text| words(text)).map(str::to_owned).collect();
                Self { escaped: all, ..Self::default() }
            }
            None => Self { escaped: said.to_vec(), ..Self::default() },
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        // Without escapes, every other piece between quotation marks is a string.
        let items = self.items.split('"').skip(1).step_by(2);
        let whole = items.chain(self.escaped.iter().map(String::as_str)).filter(|item| !item.is_empty());
        words(self.text).chain(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::json::{Extra, Names},
        message::scopes,
    };

    /// The one meaning, by two ways to read it.
    #[test]
    fn a_token_has_the_scopes_that_its_members_have_however_they_are_spelt() {
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
            (r#"{"scp":["a","b"]}"#, &["a", "b"]),
            (r#"{"scope":null,"scp":["a"]}"#, &["a"]),
            (r#"{"scp":["a"],"scope":"b"}"#, &["b"]),
            (r#"{"scope":"","scp":"a"}"#, &[]),
        ] {
            let claims = Claims::read(payload.as_bytes(), &mut Names::default()).unwrap();
            assert_eq!(Scopes::of(&claims).iter().collect::<Vec<_>>(), all, "{payload}");
            let members: Extra = serde_json::from_str(payload).unwrap();
            assert_eq!(scopes::of_members(&members).collect::<Vec<_>>(), all, "{payload}");
            assert_eq!(scopes::check(&members), Ok(()));
        }
    }
}
