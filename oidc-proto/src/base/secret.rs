//! [`Secret`]: text that is never printed, never serialized by accident, and wiped on drop.

use std::fmt;
use zeroize::Zeroizing;

/// A client secret, a token, a code, a `code_verifier`.
///
/// `Debug` is redacted in every build, there is no `Display` and no `Serialize`, comparison takes
/// the same time wherever the difference is, and the memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text in.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that must send or store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in a time that depends on the lengths alone.
    #[must_use]
    pub fn equals(&self, other: &str) -> bool {
        equal(self.0.as_bytes(), other.as_bytes())
    }
}

/// Compares two byte strings in a time that depends on their lengths alone.
#[inline(never)]
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0, |seen, (a, b)| seen | (a ^ b));
    left.len() == right.len() && std::hint::black_box(difference) == 0
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other.expose())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// For the few states at rest that must carry a secret, opted into field by field:
/// `#[serde(with = "exposed")]`.
pub(crate) mod exposed {
    use super::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(secret.expose())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(..)");
    }

    #[test]
    fn comparison_sees_every_byte_and_the_length() {
        assert_eq!(Secret::new("abc"), Secret::new("abc"));
        for other in ["abd", "xbc", "ab", "abcd", ""] {
            assert!(!Secret::new("abc").equals(other), "{other}");
        }
    }
}
