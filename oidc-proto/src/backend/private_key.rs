//! [`PrivateKey`]: private keys and secrets that sign.
//!
//! No other file of this library draws randomness. ring accepts no source but that of the operating system, and it
//! draws from it when it reads an ECDSA key and when it makes an ECDSA or a PSS signature.

use super::{
    digest::Hash,
    public_key::hmac_key,
    scheme::Scheme,
    signing::{PrivateMaterial, PublicHalf, RsaNumbers},
};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::{
        self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
    },
};

/// A private key or a secret in memory, for one signature scheme.
pub(crate) enum PrivateKey {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
    Secret(Box<hmac::Key>),
}

fn encoding(scheme: Scheme) -> Option<&'static dyn RsaEncoding> {
    Some(match scheme {
        Scheme::RsaPkcs1(Hash::Sha256) => &signature::RSA_PKCS1_SHA256,
        Scheme::RsaPkcs1(Hash::Sha384) => &signature::RSA_PKCS1_SHA384,
        Scheme::RsaPkcs1(Hash::Sha512) => &signature::RSA_PKCS1_SHA512,
        Scheme::RsaPss(Hash::Sha256) => &signature::RSA_PSS_SHA256,
        Scheme::RsaPss(Hash::Sha384) => &signature::RSA_PSS_SHA384,
        Scheme::RsaPss(Hash::Sha512) => &signature::RSA_PSS_SHA512,
        Scheme::P256
        | Scheme::P384
        | Scheme::P521
        | Scheme::Ed25519
        | Scheme::Hmac(_)
        | Scheme::MlDsa44
        | Scheme::MlDsa65
        | Scheme::MlDsa87 => return None,
    })
}

const fn curve(scheme: Scheme) -> Option<&'static EcdsaSigningAlgorithm> {
    match scheme {
        Scheme::P256 => Some(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Scheme::P384 => Some(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        Scheme::RsaPkcs1(_)
        | Scheme::RsaPss(_)
        | Scheme::P521
        | Scheme::Ed25519
        | Scheme::Hmac(_)
        | Scheme::MlDsa44
        | Scheme::MlDsa65
        | Scheme::MlDsa87 => None,
    }
}

impl PrivateKey {
    /// Reads a key. Returns `None` if the key is damaged, too weak, or not for the scheme, or if its halves do not belong
    /// together.
    pub(crate) fn read(scheme: Scheme, material: &PrivateMaterial<'_>) -> Option<Self> {
        match *material {
            PrivateMaterial::Pkcs8(der) => Self::from_pkcs8(scheme, der),
            PrivateMaterial::Rsa(numbers) => Self::rsa(scheme, &numbers),
            PrivateMaterial::Point { d, x, y } => Self::ec(scheme, d, x, y),
            PrivateMaterial::Seed { seed, public } if scheme == Scheme::Ed25519 => {
                Self::ed25519(seed, public)
            }
            PrivateMaterial::Seed { .. } => None,
        }
    }

    fn from_pkcs8(scheme: Scheme, der: &[u8]) -> Option<Self> {
        match scheme {
            Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => {
                Some(Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).ok()?), encoding(scheme)?))
            }
            Scheme::P256 | Scheme::P384 => {
                let key = EcdsaKeyPair::from_pkcs8(curve(scheme)?, der, &SystemRandom::new());
                Some(Self::Ec(Box::new(key.ok()?)))
            }
            // OpenSSL writes no public key into the file. ring checks the public key if there is one.
            Scheme::Ed25519 => {
                Some(Self::Ed25519(Box::new(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?)))
            }
            Scheme::P521 | Scheme::Hmac(_) | Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => None,
        }
    }

    /// Builds an RSA key from its numbers. Returns `None` if they do not belong together, or if the scheme is not RSA.
    fn rsa(scheme: Scheme, numbers: &RsaNumbers<'_>) -> Option<Self> {
        let RsaNumbers { n, e, d, p, q, d_p, d_q, q_inv } = *numbers;
        let public_key = PublicKeyComponents { n, e };
        let components = KeyPairComponents { public_key, d, p, q, dP: d_p, dQ: d_q, qInv: q_inv };
        Some(Self::Rsa(Box::new(RsaKeyPair::from_components(&components).ok()?), encoding(scheme)?))
    }

    /// Builds a key on P-256 or P-384. Returns `None` if its halves do not belong together, or if the scheme is
    /// neither.
    fn ec(scheme: Scheme, d: &[u8], x: &[u8], y: &[u8]) -> Option<Self> {
        let point = [&[4], x, y].concat();
        let rng = SystemRandom::new();
        let key = EcdsaKeyPair::from_private_key_and_public_key(curve(scheme)?, d, &point, &rng);
        Some(Self::Ec(Box::new(key.ok()?)))
    }

    /// Builds a key on Ed25519. Returns `None` if its halves do not belong together.
    fn ed25519(seed: &[u8], x: &[u8]) -> Option<Self> {
        let key = Ed25519KeyPair::from_seed_and_public_key(seed, x).ok()?;
        Some(Self::Ed25519(Box::new(key)))
    }

    /// Builds an HMAC key. Returns `None` if the secret is shorter than the hash.
    pub(crate) fn secret(hash: Hash, secret: &[u8]) -> Option<Self> {
        Some(Self::Secret(Box::new(hmac_key(hash, secret)?)))
    }

    /// Signs a message. Returns `None` if the operating system has no randomness. An ECDSA signature is the
    /// concatenation of its two numbers.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(*encoding, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ec(key) => Some(key.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec()),
            Self::Ed25519(key) => Some(key.sign(message).as_ref().to_vec()),
            Self::Secret(key) => Some(hmac::sign(key, message).as_ref().to_vec()),
        }
    }

    /// Returns the public half, or `None` for a secret.
    pub(crate) fn public(&self) -> Option<PublicHalf> {
        match self {
            Self::Rsa(key, _) => {
                let PublicKeyComponents { n, e } = key.public().into();
                Some(PublicHalf::Rsa { n, e })
            }
            Self::Ec(key) => {
                let (_, point) = key.public_key().as_ref().split_first()?;
                let (x, y) = point.split_at_checked(point.len() / 2)?;
                Some(PublicHalf::Point { x: x.to_vec(), y: y.to_vec() })
            }
            Self::Ed25519(key) => Some(PublicHalf::Ed25519(key.public_key().as_ref().to_vec())),
            Self::Secret(_) => None,
        }
    }
}
