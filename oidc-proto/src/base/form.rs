//! `application/x-www-form-urlencoded`, in query strings and bodies (RFC 6749 appendix B).

use super::sentence::sentences_about;
use percent_encoding::percent_decode;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// Why a form cannot be read. Carries nothing of the form.
///
/// [`AuthorizationResponse::from_query`](crate::message::AuthorizationResponse::from_query) returns it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// A name or value is not UTF-8 once decoded.
    #[error("the form is not UTF-8")]
    NotUtf8,
    /// A parameter stands there twice (RFC 6749 section 3.1 forbids it).
    #[error("the form has the same parameter twice")]
    Duplicate,
    /// More parameters than [`MAX_PARAMETERS`].
    #[error("the form has more than {MAX_PARAMETERS} parameters")]
    TooMany,
    /// Longer than it may be.
    #[error("the form is too long")]
    TooLong,
}

sentences_about!(FormError: "the form ");

/// How many parameters a form may have.
pub const MAX_PARAMETERS: usize = 64;

/// Decodes a form in which every parameter stands once.
pub(crate) fn decode(form: &[u8]) -> Result<Vec<(String, Zeroizing<String>)>, FormError> {
    let mut pairs: Vec<(String, Zeroizing<String>)> = Vec::new();
    for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = text(halves.next().unwrap_or_default())?;
        let value = Zeroizing::new(text(halves.next().unwrap_or_default())?);
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(FormError::Duplicate);
        }
        if pairs.len() == MAX_PARAMETERS {
            return Err(FormError::TooMany);
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn text(encoded: &[u8]) -> Result<String, FormError> {
    let spaces: Cow<'_, [u8]> = if encoded.contains(&b'+') {
        encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<_>>().into()
    } else {
        encoded.into()
    };
    percent_decode(&spaces).decode_utf8().map(Cow::into_owned).map_err(|_| FormError::NotUtf8)
}

/// Encodes pairs in the order they are given.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Encodes one name or value.
pub(crate) fn encode_one(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(form: &str) -> Result<Vec<(String, String)>, FormError> {
        decode(form.as_bytes())
            .map(|pairs| pairs.into_iter().map(|(name, value)| (name, value.to_string())).collect())
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let pairs = [("a b", "c&d=e"), ("é", "+%"), ("empty", "")];
        let owned: Vec<_> = pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        assert_eq!(plain(&encode(pairs)), Ok(owned));
    }

    #[test]
    fn a_parameter_twice_is_refused_in_any_spelling() {
        assert_eq!(plain("code=good&code=evil"), Err(FormError::Duplicate));
        assert_eq!(plain("code=good&c%6Fde=evil"), Err(FormError::Duplicate));
    }

    #[test]
    fn bad_forms_are_typed() {
        assert_eq!(plain("a=%FF"), Err(FormError::NotUtf8));
        let many: Vec<String> = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=1")).collect();
        assert_eq!(plain(&many.join("&")), Err(FormError::TooMany));
        assert_eq!(plain(&many[1..].join("&")).map(|pairs| pairs.len()), Ok(MAX_PARAMETERS));
        assert_eq!(plain("&&a=1&"), Ok(vec![("a".into(), "1".into())]));
    }
}
