//! Forms: `application/x-www-form-urlencoded` in query strings and bodies (RFC 6749 appendix B).
//!
//! A form with a repeated parameter is an error. Otherwise two readers might take different
//! values, and one of them would take a value that the other did not check:
//!
//! ```
//! use oidc_proto::{base::FormError, message::AuthorizationResponse};
//!
//! let response = AuthorizationResponse::from_query("code=SplxlOBeZQQYbYS6WxSbIA&state=xyz")?;
//! assert_eq!(response.state.as_deref(), Some("xyz"));
//!
//! let repeated = AuthorizationResponse::from_query("code=good&code=evil");
//! assert_eq!(repeated.err(), Some(FormError::Duplicate));
//! # Ok::<(), FormError>(())
//! ```

use super::sentence::sentences_about;
use percent_encoding::percent_decode;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The reason why a form cannot be read. It contains no text of the form.
///
/// [`AuthorizationResponse::from_query`](crate::message::AuthorizationResponse::from_query) returns it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// A name or a value is not UTF-8 after decoding.
    #[error("the form is not UTF-8")]
    NotUtf8,
    /// A parameter is present twice (RFC 6749 section 3.1 forbids this).
    #[error("the form has the same parameter twice")]
    Duplicate,
    /// The form has more than [`MAX_PARAMETERS`] parameters.
    #[error("the form has more than {MAX_PARAMETERS} parameters")]
    TooMany,
    /// The form is longer than its reader allows.
    #[error("the form is too long (`AuthorizationResponse::from_form_up_to` sets another limit)")]
    TooLong,
}

sentences_about!(FormError: "the form ");

/// The maximum number of parameters in a form. It is no setting: the specifications define fewer than twenty.
pub const MAX_PARAMETERS: usize = 64;

/// Decodes a form. Each parameter may be present once. The values of `prose` need not be UTF-8: nothing but a person
/// reads them.
pub(crate) fn decode(form: &[u8], prose: &[&str]) -> Result<Vec<(String, Zeroizing<String>)>, FormError> {
    let mut pairs: Vec<(String, Zeroizing<String>)> = Vec::new();
    for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = text(halves.next().unwrap_or_default())?;
        let value = halves.next().unwrap_or_default();
        let value = Zeroizing::new(match text(value) {
            Err(FormError::NotUtf8) if prose.contains(&name.as_str()) => {
                String::from_utf8_lossy(&bytes(value)).into_owned()
            }
            value => value?,
        });
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
    String::from_utf8(bytes(encoded)).map_err(|_| FormError::NotUtf8)
}

fn bytes(encoded: &[u8]) -> Vec<u8> {
    let spaces: Cow<'_, [u8]> = if encoded.contains(&b'+') {
        encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<_>>().into()
    } else {
        encoded.into()
    };
    percent_decode(&spaces).collect()
}

/// Encodes pairs in the given order.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Encodes one name or one value.
pub(crate) fn encode_one(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(form: &str) -> Result<Vec<(String, String)>, FormError> {
        decode(form.as_bytes(), &[])
            .map(|pairs| pairs.into_iter().map(|(name, value)| (name, value.to_string())).collect())
    }

    #[test]
    fn decoding_reverses_encoding() {
        let pairs = [("a b", "c&d=e"), ("é", "+%"), ("empty", "")];
        let owned: Vec<_> = pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        assert_eq!(plain(&encode(pairs)), Ok(owned));
    }

    #[test]
    fn a_repeated_parameter_is_refused_in_any_spelling() {
        assert_eq!(plain("code=good&code=evil"), Err(FormError::Duplicate));
        assert_eq!(plain("code=good&c%6Fde=evil"), Err(FormError::Duplicate));
    }

    #[test]
    fn an_unreadable_form_says_why() {
        assert_eq!(plain("a=%FF"), Err(FormError::NotUtf8));
        let many: Vec<String> = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=1")).collect();
        assert_eq!(plain(&many.join("&")), Err(FormError::TooMany));
        assert_eq!(plain(&many[1..].join("&")).map(|pairs| pairs.len()), Ok(MAX_PARAMETERS));
        assert_eq!(plain("&&a=1&"), Ok(vec![("a".into(), "1".into())]));
    }
}
