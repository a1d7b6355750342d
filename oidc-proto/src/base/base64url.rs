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

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

/// For each place in a group of four characters: what a character there adds to the three bytes of the group, of which
/// the first is the lowest. [`STRANGE`] for a character that is not of the alphabet.
static ADDS: [[u32; 256]; 4] = [adds(18), adds(12), adds(6), adds(0)];

/// A bit that is in none of the three bytes.
const STRANGE: u32 = 1 << 31;

#[allow(clippy::indexing_slicing, reason = "a constant: an index beyond the table would not compile")]
const fn adds(place: u32) -> [u32; 256] {
    let mut adds = [0; 256];
    let mut character = 0;
    while character <= u8::MAX as usize {
        let value = match character as u8 {
            upper @ b'A'..=b'Z' => upper - b'A',
            lower @ b'a'..=b'z' => lower - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => u8::MAX,
        };
        let bytes = ((value as u32) << place).swap_bytes() >> 8;
        adds[character] = if value == u8::MAX { STRANGE } else { bytes };
        character += 1;
    }
    adds
}

/// Encodes bytes as base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes text. Returns `None` if the text is not canonical base64url without padding.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len().div_ceil(4) * 3);
    decode_into(text, &mut bytes).then_some(bytes)
}

/// Decodes text into a reused buffer. Replaces what is in the buffer, and grows it only if it is too small. Returns
/// whether the text is canonical; if it is not, the buffer is empty.
///
/// It refuses padding, characters outside the alphabet, and trailing bits that belong to no byte. So each value has
/// exactly one spelling.
#[must_use]
pub(crate) fn decode_into(text: &str, buffer: &mut Vec<u8>) -> bool {
    let text = text.as_bytes();
    // The last eight characters and those after them are decoded apart.
    let (body, tail) = text.split_at((text.len() / 8).saturating_sub(1) * 8);
    // Eight bytes are written each time, and the next ones replace the last two of them.
    buffer.resize(if body.is_empty() { 0 } else { body.len() / 8 * 6 + 2 }, 0);
    let (mut strange, mut at) = (0, 0);
    for eight in body.as_chunks().0 {
        let (low, high) = decode_eight(eight);
        strange |= low | high;
        let Some(to) = buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut) else { break };
        *to = join(low, high);
        at += 6;
    }
    buffer.truncate(at);
    for characters in tail.chunks(8) {
        // `A` stands for zeros, and bits beyond the last whole byte must be zeros, too: they belong to no byte.
        let mut eight = [b'A'; 8];
        eight.iter_mut().zip(characters).for_each(|(to, character)| *to = *character);
        let (low, high) = decode_eight(&eight);
        let bytes = join(low, high);
        let (whole, beyond) = bytes.split_at(characters.len() * 3 / 4);
        let canonical = beyond.iter().all(|byte| *byte == 0);
        strange |= low | high | if canonical { 0 } else { STRANGE };
        buffer.extend_from_slice(whole);
    }
    // One character more than a multiple of four has six bits, which are no byte.
    let canonical = strange & STRANGE == 0 && text.len() % 4 != 1;
    if !canonical {
        buffer.clear();
    }
    canonical
}

/// Joins two times three bytes. The last two of the eight bytes are zeros, unless a character is not of the alphabet.
#[inline]
fn join(low: u32, high: u32) -> [u8; 8] {
    (u64::from(low) | u64::from(high) << 24).to_le_bytes()
}

/// Decodes eight characters to two times three bytes. Sets [`STRANGE`] if a character is not of the alphabet.
#[inline]
#[allow(clippy::indexing_slicing, reason = "each table has a place for each byte")]
fn decode_eight(&[a, b, c, d, e, f, g, h]: &[u8; 8]) -> (u32, u32) {
    let [first, second, third, fourth] = &ADDS;
    let three = |a: u8, b: u8, c: u8, d: u8| {
        first[usize::from(a)] | second[usize::from(b)] | third[usize::from(c)] | fourth[usize::from(d)]
    };
    (three(a, b, c, d), three(e, f, g, h))
}

/// Decodes text into bytes that it must fill. Returns whether it does, and is canonical.
#[must_use]
pub(crate) fn decode_exactly(text: &str, bytes: &mut [u8]) -> bool {
    BASE64_URL_SAFE_NO_PAD.decode_slice(text, bytes).is_ok_and(|length| length == bytes.len())
}

/// Encodes bytes as base64url at the end of a text.
pub(crate) fn encode_into(bytes: &[u8], text: &mut String) {
    BASE64_URL_SAFE_NO_PAD.encode_string(bytes, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{
        alphabet,
        engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    };
    use proptest::prelude::*;

    /// The other implementation, as strict as it can be.
    const STRICT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(false),
    );

    #[test]
    fn each_character_has_the_value_of_the_alphabet_at_each_place() {
        for place in 0..70 {
            for character in 0..=u8::MAX {
                let mut text = vec![b'-'; 71];
                text[place] = character;
                // Text beyond ASCII has bytes of its own.
                let Ok(text) = String::from_utf8(text) else { continue };
                assert_eq!(decode(&text), STRICT.decode(&text).ok(), "{text:?}");
            }
        }
        assert_eq!(decode(&"é".repeat(40)), None);
        for length in 0..40 {
            let bytes = decode(&encode(&vec![7; length])).unwrap();
            assert!(bytes.capacity() <= length + 2, "one allocation, as large as needed");
        }
    }

    proptest! {
        #[test]
        fn another_implementation_gives_the_same_bytes_or_refuses_too(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            text in "[A-Za-z0-9_-]{0,70}",
            odd in "[A-Za-z0-9_=+/ .é-]{0,70}",
            at in any::<proptest::sample::Index>(),
            other in any::<char>(),
        ) {
            let encoded = encode(&bytes);
            prop_assert_eq!(decode(&encoded), Some(bytes));
            let mut changed: Vec<char> = encoded.chars().collect();
            changed.insert(at.index(changed.len() + 1), other);
            for text in [text, odd, changed.into_iter().collect()] {
                prop_assert_eq!(decode(&text), STRICT.decode(&text).ok(), "{:?}", text);
            }
        }
    }

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
        assert!(decode_into(&"_".repeat(100), &mut buffer));
        assert_eq!(buffer, [0xff; 75]);
        assert!(decode_into("AAAA", &mut buffer));
        assert_eq!(buffer, [0; 3]);
        assert!(!decode_into("AAAAA", &mut buffer));
        assert!(buffer.is_empty());
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
