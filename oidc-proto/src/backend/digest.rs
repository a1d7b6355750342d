//! Digests: [`sha256`], the SHA-2 hashes by name ([`enum@Hash`]), and [`Fingerprint`] for values of several parts.

use ring::digest::{Context, SHA256, SHA384, SHA512, digest};

/// A hash function of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The length of the digest in bytes.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Returns the digest of a value.
    pub(crate) fn digest(self, value: &[u8]) -> impl AsRef<[u8]> {
        let hash = match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        digest(hash, value)
    }
}

/// Returns the SHA-256 digest of a value.
pub(crate) fn sha256(value: &[u8]) -> [u8; 32] {
    array(digest(&SHA256, value).as_ref())
}

/// A SHA-256 digest of several parts.
///
/// The length of each part without a fixed length is hashed too, so two different sequences of parts never give the
/// same input. The digest does not depend on the word size of the machine.
pub(crate) struct Fingerprint(Context);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds bytes and their length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len());
        self.0.update(bytes);
        self
    }

    /// Adds a text. An absent text differs from an empty text.
    pub(crate) fn text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.bytes(text.as_bytes()),
            None => self.fixed(&u64::MAX.to_be_bytes()),
        }
    }

    /// Adds the number of parts of one kind that follow.
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.fixed(&(count as u64).to_be_bytes())
    }

    /// Adds bytes whose length is always the same.
    pub(crate) fn fixed<const N: usize>(&mut self, bytes: &[u8; N]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        array(self.0.finish().as_ref())
    }
}

fn array(digest: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_hash_of_the_parts_and_their_lengths() {
        let mut one = Fingerprint::new();
        one.bytes(b"ab").fixed(&[7]).count(3);
        assert_eq!(one.finish(), sha256(b"\0\0\0\0\0\0\0\x02ab\x07\0\0\0\0\0\0\0\x03"));
    }

    #[test]
    fn different_sequences_of_parts_have_different_fingerprints() {
        let of = |parts: &[Option<&str>]| {
            let mut hash = Fingerprint::new();
            for part in parts {
                hash.text(*part);
            }
            hash.finish()
        };
        let all = [
            of(&[]),
            of(&[None]),
            of(&[Some("")]),
            of(&[Some("ab"), Some("c")]),
            of(&[Some("a"), Some("bc")]),
            of(&[Some("abc")]),
            of(&[Some("abc"), None]),
            of(&[Some("abc"), Some("")]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| one != other), "{index}");
        }
    }

    #[test]
    fn every_hash_has_its_stated_length() {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            assert_eq!(hash.digest(b"x").as_ref().len(), hash.len());
        }
        assert_eq!(Hash::Sha256.digest(b"x").as_ref(), sha256(b"x"));
    }
}
