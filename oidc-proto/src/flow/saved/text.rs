//! The checks of the texts in a saved state. The state may have been kept where others can write.

use crate::base::visible::all_visible;

/// The longest text, in bytes. It is no setting: a saved state must fit a cookie, and the sealed form has a limit of its
/// own.
const MAX_TEXT: usize = 2048;

/// The largest number of texts in a list.
const MAX_LIST: usize = 64;

/// Whether a text could have been saved: it is not empty, not too long, and has no character that could break out of a
/// line or a header.
pub(in crate::flow) fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT && all_visible(text)
}

/// Whether a list could have been saved: it is not too long, and each of its texts could have been saved.
pub(in crate::flow) fn is_list<T: AsRef<str>>(list: &[T]) -> bool {
    list.len() <= MAX_LIST && list.iter().all(|text| is_text(text.as_ref()))
}

/// Whether a text could be a state, a nonce or a verifier: `43*128unreserved` (RFC 7636 section 4.1).
pub(in crate::flow) fn is_token(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Serializes an optional secret. Each field opts in: `#[serde(with = "text::exposed_if_any")]`.
pub(in crate::flow) mod exposed_if_any {
    use crate::base::secret::{Secret, exposed};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::flow) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => exposed::serialize(secret, out),
            None => out.serialize_none(),
        }
    }

    pub(in crate::flow) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Secret>, D::Error> {
        Option::<String>::deserialize(from).map(|secret| secret.map(Secret::new))
    }
}
