//! Other spellings of the numbers of a key: what issuers write into their key sets, and what it means.
//!
//! None of them changes which key it is, so no switch is needed. A private key of one's own and the key of a proof are
//! read without this: their writer can be asked to spell them right.

use std::borrow::Cow;

/// Returns the number of a published key as RFC 7518 spells it.
pub(super) fn usual(number: &str) -> Cow<'_, str> {
    base64url_of(number).map_or(Cow::Borrowed(number), Cow::Owned)
}

/// Returns the base64url of a text in base64, or of base64url with padding. `None` if the text is neither.
pub(super) fn base64url_of(text: &str) -> Option<String> {
    let bare = match text.len() % 4 {
        0 => text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text),
        _ => text,
    };
    let foreign = bare.contains(['+', '/']);
    // A text in two alphabets at once is damaged.
    if foreign && bare.contains(['-', '_']) || !foreign && bare.len() == text.len() {
        return None;
    }
    Some(bare.replace('+', "-").replace('/', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_padding_are_spelt_as_base64url() {
        for (text, usual) in [
            ("_-8=", Some("_-8")),
            ("_w==", Some("_w")),
            ("/+8=", Some("_-8")),
            ("/+8", Some("_-8")),
            ("ab/d", Some("ab_d")),
            ("AQAB", None),
            ("AQAB==", None),
            ("_-8", None),
            ("_+8=", None),
            ("", None),
        ] {
            assert_eq!(base64url_of(text).as_deref(), usual, "{text}");
        }
    }
}
