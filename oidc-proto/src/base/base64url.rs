//! base64url without padding, as JOSE uses it (RFC 7515 section 2).
//!
//! The decoder is strict: each value has exactly one spelling. A lax decoder would accept several spellings of one
//! token.
//!
//! ```
//! use oidc_proto::base::base64url;
//!
//! assert_eq!(base64url::encode(&[0xff, 0xef]), "_-8");
//! assert_eq!(base64url::decode("_-8"), Some(vec![0xff, 0xef]));
//! assert_eq!(base64url::decode("_-8="), None);
//! ```

use base64::{
    alphabet,
    engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig},
};

/// The strict engine: it refuses padding, characters outside the alphabet, and trailing bits that belong to no byte. So
/// each value has exactly one spelling.
const STRICT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

/// Encodes bytes as base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STRICT.encode(bytes)
}

/// Decodes text. Returns `None` if the text is not canonical base64url without padding.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STRICT.decode(text).ok()
}

/// Decodes text into a reused buffer. Clears the buffer first, and grows it only if it is too small. Returns
/// whether the text is canonical.
#[must_use]
pub(crate) fn decode_into(text: &str, buffer: &mut Vec<u8>) -> bool {
    buffer.clear();
    STRICT.decode_vec(text, buffer).is_ok()
}

/// Decodes text into bytes that it must fill. Returns whether it does, and is canonical.
#[must_use]
pub(crate) fn decode_exactly(text: &str, bytes: &mut [u8]) -> bool {
    STRICT.decode_slice(text, bytes).is_ok_and(|length| length == bytes.len())
}

/// Encodes bytes as base64url at the end of a text.
pub(crate) fn encode_into(bytes: &[u8], text: &mut String) {
    STRICT.encode_string(bytes, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_text_decodes() {
        assert_eq!(decode("_-8").as_deref(), Some(&[0xff, 0xef][..]));
        for bad in ["_-8=", "_-9", "/+8", "_-8 ", " _-8", "_", "_-\n8", "é"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_reused_buffer_holds_only_the_last_value() {
        let mut buffer = vec![1, 2, 3];
        assert!(decode_into("AA", &mut buffer));
        assert_eq!(buffer, [0]);
    }

    #[test]
    fn text_that_must_fill_a_place_fills_it_exactly() {
        for (text, length, fits) in [
            ("", 0, true),
            ("AA", 1, true),
            ("AQID", 3, true),
            ("AQIDBA", 4, true),
            ("AQIDBAU", 5, true),
            ("AQID", 2, false),
            ("AQID", 4, false),
            ("AQIDBA==", 4, false),
            ("AQIDBB", 4, false),
        ] {
            assert_eq!(decode_exactly(text, &mut vec![9; length]), fits, "{text} {length}");
        }
        let mut text = "x".to_owned();
        encode_into(&[0xff, 0xef], &mut text);
        assert_eq!(text, "x_-8");
    }
}
