//! [`Secret`]: text that is never printed, is not serialized by accident, and is wiped on drop.

use std::fmt;
use zeroize::Zeroizing;

/// Confidential text: a client secret, a token, an authorization code, a `code_verifier`.
///
/// `Debug` is redacted in every build, and there is no `Display` and no `Serialize`. A comparison takes the same
/// time wherever the texts differ. The memory is wiped on drop.
///
/// ```
/// use oidc_proto::Secret;
///
/// let secret = Secret::new("tGzv3JOkF0XG5Qx2TlKWIA");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert!(secret.equals("tGzv3JOkF0XG5Qx2TlKWIA"));
/// assert_eq!(secret.expose().len(), 22);
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text, for the code that must send or store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the secret is this text. The comparison takes a time that depends on the lengths alone.
    #[must_use]
    pub fn equals(&self, other: &str) -> bool {
        equal(self.0.as_bytes(), other.as_bytes())
    }
}

/// Whether two byte strings are equal. The comparison takes a time that depends on their lengths alone.
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

/// Serializes the secrets of saved states. Each field opts in with `#[serde(with = "exposed")]`.
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
    fn debug_does_not_show_the_text() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(..)");
    }

    #[test]
    fn comparison_covers_every_byte_and_the_length() {
        assert_eq!(Secret::new("abc"), Secret::new("abc"));
        for other in ["abd", "xbc", "ab", "abcd", ""] {
            assert!(!Secret::new("abc").equals(other), "{other}");
        }
    }
}
