//! Authenticated encryption with ChaCha20-Poly1305 (RFC 8439), for keys that encrypt one message each.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};

/// The number of bytes that sealing adds to a message.
pub(crate) const TAG: usize = MAX_TAG_LEN;

/// Encrypts a message in place and appends its tag. The key must not be used for another message. The context is
/// not encrypted; [`open`] needs the same context. Returns `None` if the message is too long.
pub(crate) fn seal(key: &[u8; 32], context: &[u8], message: &mut Vec<u8>) -> Option<()> {
    once(key)?.seal_in_place_append_tag(nonce(), Aad::from(context), message).ok()
}

/// Decrypts a message in place. Returns `None` unless this message was sealed with this key and this context.
pub(crate) fn open<'m>(key: &[u8; 32], context: &[u8], message: &'m mut [u8]) -> Option<&'m [u8]> {
    once(key)?.open_in_place(nonce(), Aad::from(context), message).ok().map(|opened| &*opened)
}

fn once(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
}

/// Returns the constant nonce. Each key encrypts one message only, so the nonce need not change.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_message_opens_only_with_its_key_and_context() {
        let mut sealed = b"message".to_vec();
        seal(&[1; 32], b"context", &mut sealed).unwrap();
        assert_eq!(sealed.len(), b"message".len() + TAG);
        assert_eq!(open(&[1; 32], b"context", &mut sealed.clone()), Some(&b"message"[..]));
        assert_eq!(open(&[2; 32], b"context", &mut sealed.clone()), None);
        assert_eq!(open(&[1; 32], b"contex", &mut sealed.clone()), None);
        sealed[0] ^= 1;
        assert_eq!(open(&[1; 32], b"context", &mut sealed), None);
    }
}
