//! What encrypted tokens need: RSA-OAEP, ECDH, AES Key Wrap, AES-GCM, and AES-CBC with HMAC.

use crate::signing;
use aws_lc_rs::{
    aead::{self, AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey, X25519},
    cipher::{
        self, AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    constant_time::verify_slices_are_equal,
    encoding::AsDer,
    hmac::{self, HMAC_SHA256, HMAC_SHA384, HMAC_SHA512},
    iv::FixedLength,
    key_wrap::{self, AesKek, KeyWrap},
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
        OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey, PublicKeyComponents,
    },
};
use oidc_proto::backend::{
    AgreeingKey, ContentEncryption, ContentKey, Curve, DecryptingKey, EncryptingKey, Oaep, PrivateMaterial,
    WrappingKey, Zeroizing,
};

#[allow(clippy::wildcard_enum_match_arm, reason = "a new hash is not ours")]
fn oaep(hash: Oaep) -> Option<&'static OaepAlgorithm> {
    match hash {
        Oaep::Sha1 => Some(&OAEP_SHA1_MGF1SHA1),
        Oaep::Sha256 => Some(&OAEP_SHA256_MGF1SHA256),
        _ => None,
    }
}

struct Decrypting(OaepPrivateDecryptingKey);

pub(crate) fn decrypting_key(material: &PrivateMaterial<'_>) -> Option<Box<dyn DecryptingKey>> {
    let der = signing::rsa(material)?.as_der().ok()?;
    let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(der.as_ref()).ok()?);
    Some(Box::new(Decrypting(key.ok()?)))
}

impl DecryptingKey for Decrypting {
    fn decrypt(&self, hash: Oaep, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut plaintext = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let length = self.0.decrypt(oaep(hash)?, ciphertext, &mut plaintext, None).ok()?.len();
        plaintext.truncate(length);
        Some(plaintext)
    }
}

struct Encrypting(OaepPublicEncryptingKey);

pub(crate) fn encrypting_key(n: &[u8], e: &[u8]) -> Option<Box<dyn EncryptingKey>> {
    let key: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into().ok()?;
    Some(Box::new(Encrypting(OaepPublicEncryptingKey::new(key).ok()?)))
}

impl EncryptingKey for Encrypting {
    fn encrypt(&self, hash: Oaep, key: &[u8]) -> Option<Vec<u8>> {
        let mut ciphertext = vec![0; self.0.ciphertext_size()];
        let length = self.0.encrypt(oaep(hash)?, key, &mut ciphertext, None).ok()?.len();
        ciphertext.truncate(length);
        Some(ciphertext)
    }
}

struct Agreeing {
    key: PrivateKey,
    public: Vec<u8>,
}

#[allow(clippy::wildcard_enum_match_arm, reason = "a new curve is not ours")]
fn curve(curve: Curve) -> Option<&'static agreement::Algorithm> {
    match curve {
        Curve::P256 => Some(&ECDH_P256),
        Curve::P384 => Some(&ECDH_P384),
        Curve::P521 => Some(&ECDH_P521),
        Curve::X25519 => Some(&X25519),
        _ => None,
    }
}

fn agreeing(key: PrivateKey) -> Option<Box<dyn AgreeingKey>> {
    let public = key.compute_public_key().ok()?.as_ref().to_vec();
    Some(Box::new(Agreeing { key, public }))
}

pub(crate) fn agreeing_key(named: Curve, private: &[u8]) -> Option<Box<dyn AgreeingKey>> {
    agreeing(PrivateKey::from_private_key(curve(named)?, private).ok()?)
}

pub(crate) fn ephemeral_key(named: Curve) -> Option<Box<dyn AgreeingKey>> {
    agreeing(PrivateKey::generate(curve(named)?).ok()?)
}

impl AgreeingKey for Agreeing {
    fn agree(&self, public: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        // aws-lc-rs takes other forms of a point, too. One's own public key has the right one.
        let is_point = self.key.algorithm() != &X25519;
        if public.len() != self.public.len() || is_point && public.first() != Some(&4) {
            return None;
        }
        let peer = UnparsedPublicKey::new(self.key.algorithm(), public);
        agreement::agree(&self.key, peer, (), |secret| Ok(Zeroizing::new(secret.to_vec()))).ok()
    }

    fn public(&self) -> Vec<u8> {
        self.public.clone()
    }
}

struct Wrapping {
    cipher: &'static key_wrap::AesBlockCipher,
    key: Zeroizing<Vec<u8>>,
}

pub(crate) fn wrapping_key(key: &[u8]) -> Option<Box<dyn WrappingKey>> {
    let cipher = match key.len() {
        16 => &key_wrap::AES_128,
        32 => &key_wrap::AES_256,
        _ => return None, // aws-lc-rs wraps with no key of 192 bits
    };
    Some(Box::new(Wrapping { cipher, key: Zeroizing::new(key.to_vec()) }))
}

impl WrappingKey for Wrapping {
    fn wrap(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut wrapped = vec![0; key.len().checked_add(8)?];
        let length = AesKek::new(self.cipher, &self.key).ok()?.wrap(key, &mut wrapped).ok()?.len();
        wrapped.truncate(length);
        Some(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut key = Zeroizing::new(vec![0; wrapped.len().checked_sub(8)?]);
        let length = AesKek::new(self.cipher, &self.key).ok()?.unwrap(wrapped, &mut key).ok()?.len();
        key.truncate(length);
        Some(key)
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "a new encryption is not ours")]
pub(crate) fn content_key(encryption: ContentEncryption, key: &[u8]) -> Option<Box<dyn ContentKey>> {
    match encryption {
        ContentEncryption::Aes128Gcm => gcm(&AES_128_GCM, key),
        ContentEncryption::Aes192Gcm => gcm(&AES_192_GCM, key),
        ContentEncryption::Aes256Gcm => gcm(&AES_256_GCM, key),
        ContentEncryption::Aes128CbcHmacSha256 => cbc(&AES_128, HMAC_SHA256, encryption, key),
        ContentEncryption::Aes192CbcHmacSha384 => cbc(&AES_192, HMAC_SHA384, encryption, key),
        ContentEncryption::Aes256CbcHmacSha512 => cbc(&AES_256, HMAC_SHA512, encryption, key),
        _ => None,
    }
}

struct Gcm(LessSafeKey);

fn gcm(algorithm: &'static aead::Algorithm, key: &[u8]) -> Option<Box<dyn ContentKey>> {
    Some(Box::new(Gcm(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))))
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

/// AES-CBC with HMAC (RFC 7518 section 5.2): the content is encrypted first, and then authenticated.
struct Cbc {
    cipher: &'static cipher::Algorithm,
    key: Zeroizing<Vec<u8>>,
    mac: hmac::Key,
    tag: usize,
}

fn cbc(
    cipher: &'static cipher::Algorithm,
    mac: hmac::Algorithm,
    encryption: ContentEncryption,
    key: &[u8],
) -> Option<Box<dyn ContentKey>> {
    if key.len() != encryption.key_len() {
        return None;
    }
    let (mac_key, key) = key.split_at_checked(key.len() / 2)?;
    let (mac, key) = (hmac::Key::new(mac, mac_key), Zeroizing::new(key.to_vec()));
    Some(Box::new(Cbc { cipher, key, mac, tag: encryption.tag_len() }))
}

impl Cbc {
    fn cipher(&self) -> Option<UnboundCipherKey> {
        UnboundCipherKey::new(self.cipher, &self.key).ok()
    }

    /// Returns the tag (RFC 7518 section 5.2.2.1): of the additional data, the vector, the ciphertext, and the length of the
    /// additional data in bits.
    fn tag(&self, iv: &[u8], additional: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
        let bits = u64::try_from(additional.len()).ok()?.checked_mul(8)?;
        let mut context = hmac::Context::with_key(&self.mac);
        for part in [additional, iv, ciphertext, &bits.to_be_bytes()] {
            context.update(part);
        }
        Some(context.sign().as_ref().get(..self.tag)?.to_vec())
    }
}

impl ContentKey for Cbc {
    fn encrypt(&self, iv: &[u8], additional: &[u8], plaintext: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let vector: [u8; 16] = iv.try_into().ok()?;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(self.cipher()?).ok()?;
        // The full capacity from the start: growing would leave a copy of the plaintext that is not wiped.
        let mut text = Vec::with_capacity(plaintext.len().checked_add(16)?);
        text.extend_from_slice(plaintext);
        key.less_safe_encrypt(&mut text, EncryptionContext::Iv128(FixedLength::from(vector))).ok()?;
        let tag = self.tag(iv, additional, &text)?;
        Some((text, tag))
    }

    fn decrypt(
        &self,
        iv: &[u8],
        additional: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let vector: [u8; 16] = iv.try_into().ok()?;
        verify_slices_are_equal(&self.tag(iv, additional, ciphertext)?, tag).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(self.cipher()?).ok()?;
        let mut text = Zeroizing::new(ciphertext.to_vec());
        let context = DecryptionContext::Iv128(FixedLength::from(vector));
        let length = key.decrypt(&mut text, context).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}
