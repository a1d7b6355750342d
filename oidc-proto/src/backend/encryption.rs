//! What encrypted tokens (JWE, RFC 7516, RFC 7518 sections 4 and 5) need of a crypto crate, named without JOSE. A
//! [`Backend`](super::Backend) offers what it has.

use zeroize::Zeroizing;

/// The hash of RSAES-OAEP, in the padding and in its mask (RFC 8017 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oaep {
    /// SHA-1, for `RSA-OAEP`. The padding needs no resistance against collisions.
    Sha1,
    /// SHA-256, for `RSA-OAEP-256`.
    Sha256,
}

/// A curve for ECDH-ES (RFC 7518 section 4.6, RFC 8037 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
    /// X25519.
    X25519,
}

/// The encryption of a content (RFC 7518 section 5.1).
///
/// ```
/// use oidc_proto::backend::ContentEncryption;
///
/// let cbc = ContentEncryption::Aes128CbcHmacSha256; // A128CBC-HS256
/// assert_eq!((cbc.key_len(), cbc.iv_len(), cbc.tag_len()), (32, 16, 16));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentEncryption {
    /// AES-128 in CBC mode, and HMAC with SHA-256.
    Aes128CbcHmacSha256,
    /// AES-192 in CBC mode, and HMAC with SHA-384.
    Aes192CbcHmacSha384,
    /// AES-256 in CBC mode, and HMAC with SHA-512.
    Aes256CbcHmacSha512,
    /// AES-128 in GCM.
    Aes128Gcm,
    /// AES-192 in GCM.
    Aes192Gcm,
    /// AES-256 in GCM.
    Aes256Gcm,
}

impl ContentEncryption {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Aes128CbcHmacSha256,
        Self::Aes192CbcHmacSha384,
        Self::Aes256CbcHmacSha512,
        Self::Aes128Gcm,
        Self::Aes192Gcm,
        Self::Aes256Gcm,
    ];

    /// The length of the key in bytes. CBC with HMAC has a key for each of the two.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CbcHmacSha256 | Self::Aes256Gcm => 32,
            Self::Aes192CbcHmacSha384 => 48,
            Self::Aes256CbcHmacSha512 => 64,
            Self::Aes128Gcm => 16,
            Self::Aes192Gcm => 24,
        }
    }

    /// The length of the initialization vector in bytes.
    #[must_use]
    pub const fn iv_len(self) -> usize {
        match self {
            Self::Aes128CbcHmacSha256 | Self::Aes192CbcHmacSha384 | Self::Aes256CbcHmacSha512 => 16,
            Self::Aes128Gcm | Self::Aes192Gcm | Self::Aes256Gcm => 12,
        }
    }

    /// The length of the authentication tag in bytes.
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Aes128CbcHmacSha256 | Self::Aes128Gcm | Self::Aes192Gcm | Self::Aes256Gcm => 16,
            Self::Aes192CbcHmacSha384 => 24,
            Self::Aes256CbcHmacSha512 => 32,
        }
    }
}

/// A key for a content. It encrypts one content, so a caller draws a new one for each.
pub trait ContentKey: Send + Sync {
    /// Encrypts a plaintext. Returns the ciphertext and its tag, or `None` if the initialization vector has the wrong
    /// length or the plaintext is too long. The additional data are authenticated and not encrypted. The caller draws the
    /// initialization vector at random, once for each content.
    fn encrypt(&self, iv: &[u8], additional: &[u8], plaintext: &[u8]) -> Option<(Vec<u8>, Vec<u8>)>;

    /// Decrypts a ciphertext. Returns `None` if it, its tag or its additional data were changed, whatever was changed:
    /// nothing may tell a wrong padding from a wrong tag.
    fn decrypt(
        &self,
        iv: &[u8],
        additional: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>>;
}

/// An RSA key that decrypts keys.
pub trait DecryptingKey: Send + Sync {
    /// Decrypts a key. Returns `None` if the ciphertext is not one for this key. A caller goes on with a random key then, so
    /// that nobody learns whether the padding was right (RFC 7516 section 11.5).
    fn decrypt(&self, oaep: Oaep, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// An RSA key that encrypts keys.
pub trait EncryptingKey: Send + Sync {
    /// Encrypts a key. Returns `None` if it is too long for the RSA key.
    fn encrypt(&self, oaep: Oaep, key: &[u8]) -> Option<Vec<u8>>;
}

/// A private key that agrees on secrets (ECDH), as often as it is asked.
pub trait AgreeingKey: Send + Sync {
    /// Returns the shared secret: the x coordinate of the common point (RFC 7518 section 4.6). `None` if the public key is
    /// no point of the curve, or if the secret is zero.
    ///
    /// The public key is an uncompressed point of a NIST curve (SEC 1 section 2.3.3), or the 32 bytes of X25519.
    fn agree(&self, public: &[u8]) -> Option<Zeroizing<Vec<u8>>>;

    /// Returns the public half, as [`agree`](Self::agree) takes it.
    fn public(&self) -> Vec<u8>;
}

/// A key that wraps keys (AES Key Wrap, RFC 3394).
pub trait WrappingKey: Send + Sync {
    /// Wraps a key. Returns `None` if its length is not a multiple of 8 bytes, or less than 16.
    fn wrap(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Unwraps a key. Returns `None` if it was not wrapped with this key.
    fn unwrap(&self, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}
