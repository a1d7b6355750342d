//! [`Places`]: the claims of a token as places in its text, for a value that owns the text.

use super::{
    Audience, Claims, Confirmation,
    registered::{Acting, Odd},
};
use crate::base::moment::Timestamp;
use std::borrow::Cow;

/// A part of a text: the bytes from `start` up to `end`.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// Returns where this part of the text is. `None` for a text of its own, even for an equal one.
    pub(crate) fn of(part: &str, whole: &str) -> Option<Self> {
        let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
        let end = start.checked_add(part.len()).filter(|end| *end <= whole.len())?;
        Some(Self { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    /// Appends a part to a text, and returns where it is there.
    pub(in crate::token) fn appended(part: &str, text: &mut String) -> Option<Self> {
        let start = u32::try_from(text.len()).ok()?;
        text.push_str(part);
        Some(Self { start, end: u32::try_from(text.len()).ok()? })
    }

    pub(crate) fn text(self, whole: &str) -> &str {
        whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A list of strings as places in a text.
#[derive(Clone)]
pub(crate) enum List {
    /// There are none.
    None,
    /// Words with spaces between them.
    Words(Place),
    /// JSON without escapes: a string, or an array of strings.
    Items(Place),
    /// Strings that are in no text as they are.
    Own(Vec<String>),
}

impl List {
    /// Keeps a list that borrows from this text.
    pub(crate) fn of(list: Option<Audience<'_>>, text: &str) -> Self {
        let Some(list) = list else { return Self::None };
        match Place::of(list.json(), text).filter(|_| !list.json().contains('\\')) {
            Some(place) => Self::Items(place),
            None => Self::Own(list.to_vec()),
        }
    }

    /// Returns the strings.
    pub(crate) fn all<'t>(&'t self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let (words, items, own) = match self {
            Self::None => ("", "", &[][..]),
            Self::Words(place) => (place.text(text), "", &[][..]),
            Self::Items(place) => ("", place.text(text), &[][..]),
            Self::Own(own) => ("", "", &own[..]),
        };
        // Without escapes, every other piece between quotation marks is a string.
        let items = items.split('"').skip(1).step_by(2);
        crate::message::scopes::words(words).chain(items).chain(own.iter().map(String::as_str))
    }
}

/// A claim that is a list.
#[derive(Clone, Copy)]
struct Listed {
    json: Place,
    count: usize,
    escaped: bool,
}

/// The keys to which a token is bound.
#[derive(Clone, Copy)]
struct Bound {
    jkt: Option<Place>,
    x5t_s256: Option<Place>,
    other: bool,
}

macro_rules! places {
    ($($text:ident,)* ; $($list:ident,)* ; $($value:ident: $type:ty,)*) => {
        /// The claims of one token: each text is a place.
        pub(in crate::token) struct Places {
            $($text: Option<Place>,)*
            $($list: Option<Listed>,)*
            $($value: $type,)*
            cnf: Option<Bound>,
            /// The actors, and how many there are.
            act: Option<(Place, u8)>,
            odd: Odd,
        }

        impl Places {
            /// Returns where the claims are. They borrow from `payload`. A claim that is not a part of it, because it had
            /// escapes, is appended to `more`, as if this text followed the payload. `None` if a place is beyond 4 GiB.
            pub(in crate::token) fn of(
                claims: &Claims<'_>,
                payload: &str,
                more: &mut String,
            ) -> Option<Self> {
                let mut place = |text: &Option<Cow<'_, str>>| match text.as_deref() {
                    None => Some(None),
                    Some(text) => Place::of(text, payload).or_else(|| {
                        let start = u32::try_from(payload.len() + more.len()).ok()?;
                        more.push_str(text);
                        Some(Place { start, end: u32::try_from(payload.len() + more.len()).ok()? })
                    }).map(Some),
                };
                let list = |list: &Option<Audience<'_>>| match list {
                    None => Some(None),
                    Some(list) => {
                        let json = Place::of(list.json(), payload)?;
                        Some(Some(Listed { json, count: list.len(), escaped: list.is_escaped() }))
                    }
                };
                let Claims { $($text,)* $($list,)* $($value,)* cnf, act, odd } = claims;
                let cnf = match cnf {
                    None => None,
                    Some(Confirmation { jkt, x5t_s256, other }) => {
                        Some(Bound { jkt: place(jkt)?, x5t_s256: place(x5t_s256)?, other: *other })
                    }
                };
                let act = match act {
                    None => None,
                    Some(act) => Some((Place::of(act.json(), payload)?, act.count())),
                };
                Some(Self {
                    $($text: place($text)?,)* $($list: list($list)?,)* $($value: *$value,)* cnf, act, odd: *odd
                })
            }

            /// Returns the claims, borrowed from the text of the token, which begins with a payload of this length. A
            /// claim that had escapes there is not borrowed, as at the first reading: a check relies on that.
            pub(in crate::token) fn claims<'t>(&self, text: &'t str, payload: usize) -> Claims<'t> {
                let borrow = |place: Option<Place>| {
                    let place = place?;
                    let (own, part) = (place.start as usize >= payload, place.text(text));
                    Some(if own { Cow::Owned(part.to_owned()) } else { Cow::Borrowed(part) })
                };
                let list = |list: Option<Listed>| {
                    list.map(|Listed { json, count, escaped }| Audience::counted(json.text(text), count, escaped))
                };
                Claims {
                    $($text: borrow(self.$text),)*
                    $($list: list(self.$list),)*
                    $($value: self.$value,)*
                    cnf: self.cnf.map(|Bound { jkt, x5t_s256, other }| {
                        Confirmation { jkt: borrow(jkt), x5t_s256: borrow(x5t_s256), other }
                    }),
                    act: self.act.map(|(json, count)| Acting::counted(json.text(text), count)),
                    odd: self.odd,
                }
            }

            /// Returns the issuer.
            pub(in crate::token) fn iss<'t>(&self, text: &'t str) -> Option<&'t str> {
                self.iss.map(|place| place.text(text))
            }
        }
    };
}

places! {
    iss, sub, jti, azp, nonce, acr, at_hash, c_hash, s_hash, sid, client_id, scope,;
    aud, amr, scp,;
    exp: Option<Timestamp>, nbf: Option<Timestamp>, iat: Option<Timestamp>, auth_time: Option<Timestamp>,
    scope_is_list: bool, events: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::Names;

    /// Everything that a set of claims holds. (`Claims` shows only some of it.)
    fn whole(claims: &Claims<'_>) -> String {
        let Claims { iss, sub, aud, exp, nbf, iat, jti, azp, nonce, auth_time, acr, amr, .. } = claims;
        let Claims {
            at_hash,
            c_hash,
            s_hash,
            sid,
            client_id,
            scope,
            scope_is_list,
            scp,
            events,
            cnf,
            act,
            ..
        } = claims;
        let times = [exp, nbf, iat, auth_time];
        let texts = [iss, sub, jti, azp, nonce, acr, at_hash, c_hash, s_hash, sid, client_id, scope];
        let lists = [aud, amr, scp].map(|list| list.map(|list| (list.len(), list.to_vec())));
        let borrowed = texts.map(|text| matches!(text, Some(Cow::Borrowed(_))));
        format!("{texts:?} {borrowed:?} {lists:?} {times:?} {scope_is_list} {events} {cnf:?} {act:?}")
    }

    #[test]
    fn claims_that_were_kept_are_the_claims_that_were_read() {
        for payload in [
            r#"{}"#,
            r#"{"iss":"i","sub":"s","jti":"j","azp":"z","nonce":"n","acr":"a","sid":"d","client_id":"c"}"#,
            r#"{"at_hash":"1","c_hash":"2","s_hash":"3","scope":"read write","aud":"x","amr":["a"],"scp":"y"}"#,
            r#"{"iss":"\u0061","sub":"","aud":["x","\"y"],"scope":["a"],"scp":["\u0061"],"exp":1.5,"nbf":-2}"#,
            r#"{"jti":"a\nb","azp":"\u00e9","acr":"é","sub":"\\","iat":3,"auth_time":4,"events":{}}"#,
            r#"{"cnf":{"jkt":"k"}}"#,
            r#"{"act":{"sub":"a","act":{"sub":"b","x":[{}]}},"cnf":{"x5t#S256":"t"}}"#,
            r#"{"act": {} ,"sub":"s"}"#,
            r#"{"cnf":{"jkt":"\u006b","x5t#S256":"t","kid":"1"},"iss":"\u0069"}"#,
        ] {
            let read = Claims::read(payload.as_bytes(), &mut Names::default()).unwrap();
            let mut more = String::new();
            let places = Places::of(&read, payload, &mut more).unwrap();
            let text = format!("{payload}{more}");
            let kept = places.claims(&text, payload.len());
            assert_eq!(whole(&kept), whole(&read), "{payload}");
            assert_eq!(places.iss(&text), read.iss.as_deref(), "{payload}");
            assert_eq!(more.is_empty(), !payload.contains("\\"), "{payload}");
        }
    }

    #[test]
    fn a_list_has_the_same_strings_as_the_claim() {
        for payload in [
            r#"{"aud":"x"}"#,
            r#"{"aud":""}"#,
            r#"{"aud":[]}"#,
            r#"{"aud":[ "a b" , "","é,[" ]}"#,
            r#"{"aud":["\u0061","\"]"]}"#,
            r#"{"aud":"\\"}"#,
            r#"{}"#,
        ] {
            let aud = Claims::read(payload.as_bytes(), &mut Names::default()).unwrap().aud;
            let list = List::of(aud, payload);
            assert_eq!(list.all(payload).collect::<Vec<_>>(), aud.map(Audience::to_vec).unwrap_or_default());
            assert_eq!(matches!(list, List::Own(_)), payload.contains('\\'), "{payload}");
        }
    }

    #[test]
    fn a_place_is_in_this_text_and_not_in_an_equal_one() {
        let text = "one two".to_owned();
        assert_eq!(Place::of(&text[4..], &text).map(|place| place.text(&text)), Some("two"));
        assert_eq!(Place::of(&text, &text).map(|place| place.text(&text)), Some("one two"));
        let other = "two".to_owned();
        assert!(Place::of(&other, &text).is_none() && Place::of(&text, &text[..3]).is_none());
    }
}
