//! [`Ring`]: what ring has for encrypted tokens, as a [`Backend`].

use super::{
    encryption::{ContentEncryption, ContentKey},
    other::Backend,
};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// ring as a [`Backend`]. It signs and verifies without being asked, so its methods for that return `None`; it has AES-128
/// and AES-256 in GCM for the content of encrypted tokens.
///
/// ring has no RSA encryption, no AES-CBC, no key wrap, no AES-192, and no agreement with a key that is used more than
/// once.
///
/// ```
/// use oidc_proto::backend::{Backend, ContentEncryption, Ring};
///
/// let key = Ring::new().content_key(ContentEncryption::Aes128Gcm, &[7; 16]).expect("16 bytes are a key");
/// let (ciphertext, tag) = key.encrypt(&[1; 12], b"header", b"text").expect("12 bytes are a vector");
/// let plaintext = key.decrypt(&[1; 12], b"header", &ciphertext, &tag).expect("nothing was changed");
/// assert_eq!(*plaintext, b"text");
/// assert!(Ring::new().content_key(ContentEncryption::Aes128CbcHmacSha256, &[7; 32]).is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Ring;

impl Ring {
    /// Makes the backend. It has no state.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

struct Gcm(LessSafeKey);

impl Backend for Ring {
    fn content_key(&self, encryption: ContentEncryption, key: &[u8]) -> Option<Box<dyn ContentKey>> {
        let algorithm = match encryption {
            ContentEncryption::Aes128Gcm => &AES_128_GCM,
            ContentEncryption::Aes256Gcm => &AES_256_GCM,
            ContentEncryption::Aes128CbcHmacSha256
            | ContentEncryption::Aes192CbcHmacSha384
            | ContentEncryption::Aes256CbcHmacSha512
            | ContentEncryption::Aes192Gcm => return None,
        };
        Some(Box::new(Gcm(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))))
    }
}

impl ContentKey for Gcm {
    fn encrypt(&self, iv: &[u8], additional: &[u8], plaintext: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
        let mut text = plaintext.to_vec();
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(additional), &mut text).ok()?;
        Some((text, tag.as_ref().to_vec()))
    }

    fn decrypt(
        &self,
        iv: &[u8],
        additional: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
        if tag.len() != self.0.algorithm().tag_len() {
            return None;
        }
        let mut text = Zeroizing::new([ciphertext, tag].concat());
        let length = self.0.open_in_place(nonce, Aad::from(additional), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}
