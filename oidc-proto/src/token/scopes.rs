//! The scopes of a token, borrowed from it. They mean the same as everywhere else: see [`crate::message::scopes`].

use super::{
    Audience, Claims,
    claims::{List, Place},
};
use crate::{base::json::member, message::scopes::words};

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
        let said = if claims.scope_is_list { of_member(payload, "scope") } else { claims.scp };
        said.map_or(Self::None, Self::said)
    }

    /// Returns the scopes in this claim, and in no other.
    #[inline(never)]
    pub(super) fn of_claim(claim: &str, payload: &'a [u8]) -> Self {
        of_member(payload, claim).map_or(Self::Said("[]"), Self::said)
    }

    fn said(said: Audience<'a>) -> Self {
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
    // The claim `scope` counts only if no other was read.
    let scope = claims.scope.as_deref().filter(|_| matches!(others, Others::None));
    let text = scope.or(text).unwrap_or_default();
    words(text).chain(items.filter(|item| !item.is_empty()))
}

/// Keeps the scopes of a token as places in its text.
pub(super) fn keep(claims: &Claims<'_>, others: &Others<'_>, text: &str) -> List {
    // The claim `scope` counts only if no other was read.
    if let (Some(scope), Others::None) = (claims.scope.as_deref(), others) {
        let place = Place::of(scope, text);
        return place.map_or_else(|| List::Own(words(scope).map(str::to_owned).collect()), List::Words);
    }
    match others {
        Others::None => List::None,
        Others::Said(json) => {
            let inner = json.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            let (part, kept): (_, fn(Place) -> List) = match inner {
                Some(inner) => (inner, List::Words),
                None => (*json, List::Items),
            };
            let own = || List::Own(all(claims, others).map(str::to_owned).collect());
            Place::of(part, text).map_or_else(own, kept)
        }
        Others::Unescaped(read) => List::Own(read.clone()),
    }
}

/// Finds the scopes in this claim. The claims have been read once before.
fn of_member<'a>(payload: &'a [u8], name: &str) -> Option<Audience<'a>> {
    member(std::str::from_utf8(payload).ok()?, name).and_then(Audience::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::json::{Extra, Names},
        message::scopes,
    };

    #[test]
    fn a_claim_that_was_set_is_read_alike_by_both_readers_and_no_other_counts() {
        for (payload, all) in [
            (r#"{"scope":"x","perms":"a  b "}"#, &["a", "b"][..]),
            (r#"{"scope":["x"],"perms":["a","b c",""]}"#, &["a", "b c"]),
            (r#"{"perms":"\u0061 b"}"#, &["a", "b"]),
            (r#"{"perms":["\u0061","b"]}"#, &["a", "b"]),
            (r#"{"scope":"x","scp":"y"}"#, &[]),
            (r#"{"scope":"x","perms":null}"#, &[]),
            (r#"{"scope":"x","perms":5}"#, &[]),
            (r#"{"scope":"x","perms":{"a":"b"}}"#, &[]),
            (r#"{"scope":"x","perms":["a",5]}"#, &[]),
        ] {
            let claims = Claims::read(payload.as_bytes(), &mut Names::default()).unwrap();
            let others = Others::of_claim("perms", payload.as_bytes());
            assert_eq!(super::all(&claims, &others).collect::<Vec<_>>(), all, "{payload}");
            let members: Extra = serde_json::from_str(payload).unwrap();
            let read = members.get("perms").into_iter().flat_map(scopes::of_value);
            assert_eq!(read.collect::<Vec<_>>(), all, "{payload}");
        }
    }

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
            let kept = super::keep(&claims, &others, payload);
            let kept = kept.all(payload).filter(|scope| !scope.is_empty());
            assert_eq!(kept.collect::<Vec<_>>(), all, "{payload}");
            let members: Extra = serde_json::from_str(payload).unwrap();
            assert_eq!(scopes::of_members(&members).collect::<Vec<_>>(), all, "{payload}");
            assert_eq!(scopes::check(&members), Ok(()));
        }
    }
}
