//! [`Backend`]: another crypto crate than ring, for signatures of tokens.

use super::{
    encryption::{
        AgreeingKey, ContentEncryption, ContentKey, Curve, DecryptingKey, EncryptingKey, WrappingKey,
    },
    scheme::Scheme,
    signing::{PrivateMaterial, SigningKey},
};

/// A crypto crate that verifies the signatures of tokens in place of ring, and that may do what ring does not.
///
/// It is a value, which a key set is read with: [`KeySetReader::backend`](crate::jose::KeySetReader::backend). There is
/// no default for the whole process, and no Cargo feature. Each method makes a verifying key of the numbers of a key,
/// once, when the key is read. If it returns `None`, ring verifies with the key, so nothing is left to fail when a token
/// comes. ring has no P-521 and no ML-DSA: such a key is set aside then. The default of each method is `None`.
///
/// All checks of this library run before, whatever the backend: the length, the exponent and the origin of an RSA key,
/// whether a point is on its curve, and which algorithms the key may be used with. Secrets, digests and DPoP proofs stay
/// with ring. A key of a proof is used once, so parsing it in advance gains nothing.
///
/// A backend decides which signatures are valid. One that accepts a wrong signature lets forged tokens pass. Run the
/// JOSE files of Project Wycheproof through yours.
///
/// ```
/// use oidc_proto::{backend::{Backend, Scheme, VerifyingKey}, jose::KeySetReader};
/// use ring::signature::{ED25519, UnparsedPublicKey};
/// use std::sync::Arc;
///
/// /// A backend for Ed25519 alone. This one is ring again.
/// struct Mine;
///
/// struct MyKey([u8; 32]);
///
/// impl Backend for Mine {
///     fn ed25519(&self, point: &[u8; 32]) -> Option<Box<dyn VerifyingKey>> {
///         Some(Box::new(MyKey(*point)))
///     }
/// }
///
/// impl VerifyingKey for MyKey {
///     fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
///         scheme == Scheme::Ed25519 && UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
///     }
/// }
///
/// let reader = KeySetReader::new().backend(Arc::new(Mine));
/// let keys = reader.parse(br#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// assert_eq!(keys.keys().count(), 1);
/// # Ok::<(), oidc_proto::jose::KeySetError>(())
/// ```
pub trait Backend: Send + Sync {
    /// Parses an RSA key: its modulus and its exponent, big-endian, without leading zero bytes. The modulus has 2048 to
    /// 8192 bits, the exponent at most 33. The key may be used with these schemes alone.
    fn rsa(&self, n: &[u8], e: &[u8], schemes: &[Scheme]) -> Option<Box<dyn VerifyingKey>> {
        let _ = (n, e, schemes);
        None
    }

    /// Parses a point of P-256, uncompressed (SEC 1 section 2.3.3).
    fn p256(&self, point: &[u8; 65]) -> Option<Box<dyn VerifyingKey>> {
        let _ = point;
        None
    }

    /// Parses a point of P-384, uncompressed (SEC 1 section 2.3.3).
    fn p384(&self, point: &[u8; 97]) -> Option<Box<dyn VerifyingKey>> {
        let _ = point;
        None
    }

    /// Parses a point of Ed25519 (RFC 8032 section 5.1.2). It is not of small order. It may be no point at all; no
    /// signature is then valid.
    fn ed25519(&self, point: &[u8; 32]) -> Option<Box<dyn VerifyingKey>> {
        let _ = point;
        None
    }

    /// Parses a point of P-521, uncompressed (SEC 1 section 2.3.3), for ES512.
    fn p521(&self, point: &[u8; 133]) -> Option<Box<dyn VerifyingKey>> {
        let _ = point;
        None
    }

    /// Parses a public key of ML-DSA (FIPS 204 section 5.3). It has the length that the scheme needs. Signatures have an
    /// empty context.
    fn ml_dsa(&self, scheme: Scheme, key: &[u8]) -> Option<Box<dyn VerifyingKey>> {
        let _ = (scheme, key);
        None
    }

    /// Parses a private key for this scheme, for a [`BackendSigner`](crate::jose::BackendSigner). Returns `None` also if
    /// the key is damaged, too weak or not for the scheme, or if its halves do not belong together.
    fn signing_key(&self, scheme: Scheme, material: &PrivateMaterial<'_>) -> Option<Box<dyn SigningKey>> {
        let _ = (scheme, material);
        None
    }

    /// Parses an RSA key that decrypts keys. Returns `None` also if the key is damaged or too weak.
    fn decrypting_key(&self, material: &PrivateMaterial<'_>) -> Option<Box<dyn DecryptingKey>> {
        let _ = material;
        None
    }

    /// Parses the modulus and the exponent of an RSA key that encrypts keys, as those of [`rsa`](Self::rsa).
    fn encrypting_key(&self, n: &[u8], e: &[u8]) -> Option<Box<dyn EncryptingKey>> {
        let _ = (n, e);
        None
    }

    /// Parses a private key for ECDH: a number of the length of the coordinates, or the 32 bytes of X25519. Returns `None`
    /// also if it is none.
    fn agreeing_key(&self, curve: Curve, private: &[u8]) -> Option<Box<dyn AgreeingKey>> {
        let _ = (curve, private);
        None
    }

    /// Draws a private key for ECDH, for a message of one's own.
    fn ephemeral_key(&self, curve: Curve) -> Option<Box<dyn AgreeingKey>> {
        let _ = curve;
        None
    }

    /// Parses a key of AES Key Wrap, of 16, 24 or 32 bytes. Returns `None` also for other lengths.
    fn wrapping_key(&self, key: &[u8]) -> Option<Box<dyn WrappingKey>> {
        let _ = key;
        None
    }

    /// Parses a key for a content. Returns `None` also if it has the wrong length.
    fn content_key(&self, encryption: ContentEncryption, key: &[u8]) -> Option<Box<dyn ContentKey>> {
        let _ = (encryption, key);
        None
    }
}

/// A key that a [`Backend`] has parsed.
pub trait VerifyingKey: Send + Sync {
    /// Whether the signature is valid for the message. Always `false` if the scheme is not for this key. An ECDSA
    /// signature is the concatenation of its two numbers, each as long as the prime of the curve (RFC 7518 section 3.4).
    fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool;
}
