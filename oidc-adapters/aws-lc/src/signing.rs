//! Private keys that sign.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING,
        ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use oidc_proto::backend::{Hash, PrivateMaterial, PublicHalf, RsaNumbers, Scheme, SigningKey};

/// Reads a private key. Returns `None` if it is damaged, too weak or not for the scheme, if its halves do not belong
/// together, or if the scheme is HMAC.
#[allow(clippy::wildcard_enum_match_arm, reason = "HMAC stays with ring, and a new scheme is not ours")]
pub(crate) fn key(scheme: Scheme, material: &PrivateMaterial<'_>) -> Option<Box<dyn SigningKey>> {
    match scheme {
        Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => {
            Some(Box::new(RsaKey { key: rsa(material)?, encoding: encoding(scheme)? }))
        }
        Scheme::P256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, 32, material),
        Scheme::P384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, 48, material),
        Scheme::P521 => ecdsa(&ECDSA_P521_SHA512_FIXED_SIGNING, 66, material),
        Scheme::Ed25519 => ed25519(material),
        Scheme::MlDsa44 => ml_dsa(&ML_DSA_44_SIGNING, material),
        Scheme::MlDsa65 => ml_dsa(&ML_DSA_65_SIGNING, material),
        Scheme::MlDsa87 => ml_dsa(&ML_DSA_87_SIGNING, material),
        _ => None,
    }
}

struct RsaKey {
    key: RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
}

#[allow(clippy::wildcard_enum_match_arm, reason = "no other scheme is for RSA")]
fn encoding(scheme: Scheme) -> Option<&'static dyn RsaEncoding> {
    Some(match scheme {
        Scheme::RsaPkcs1(Hash::Sha256) => &RSA_PKCS1_SHA256,
        Scheme::RsaPkcs1(Hash::Sha384) => &RSA_PKCS1_SHA384,
        Scheme::RsaPkcs1(Hash::Sha512) => &RSA_PKCS1_SHA512,
        Scheme::RsaPss(Hash::Sha256) => &RSA_PSS_SHA256,
        Scheme::RsaPss(Hash::Sha384) => &RSA_PSS_SHA384,
        Scheme::RsaPss(Hash::Sha512) => &RSA_PSS_SHA512,
        _ => return None,
    })
}

#[allow(clippy::wildcard_enum_match_arm, reason = "no other material is of RSA")]
pub(crate) fn rsa(material: &PrivateMaterial<'_>) -> Option<RsaKeyPair> {
    match *material {
        PrivateMaterial::Pkcs8(der) => RsaKeyPair::from_pkcs8(der).ok(),
        PrivateMaterial::Rsa(RsaNumbers { n, e, d, p, q, d_p, d_q, q_inv, .. }) => {
            let public_key = PublicKeyComponents { n, e };
            let numbers = KeyPairComponents { public_key, d, p, q, dP: d_p, dQ: d_q, qInv: q_inv };
            RsaKeyPair::from_components(&numbers).ok()
        }
        _ => None,
    }
}

impl SigningKey for RsaKey {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(self.encoding, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(signature)
    }

    fn public(&self) -> PublicHalf {
        let (n, e) = numbers(self.key.public_key().as_ref()).unwrap_or_default();
        PublicHalf::Rsa { n, e }
    }
}

/// Reads the DER of an `RSAPublicKey` (RFC 8017 appendix A.1.1), which AWS-LC has written: a sequence of two numbers.
fn numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, _) = content(0x30, der)?;
    let (n, rest) = content(0x02, sequence)?;
    let (e, _) = content(0x02, rest)?;
    let unsigned = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
    Some((unsigned(n), unsigned(e)))
}

/// Returns the content of the first element, which has this tag, and what comes after it.
fn content(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der.strip_prefix(&[tag])? {
        [short @ ..=0x7f, rest @ ..] => (usize::from(*short), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

struct EcdsaKey(EcdsaKeyPair);

#[allow(clippy::wildcard_enum_match_arm, reason = "no other material is of a NIST curve")]
fn ecdsa(
    algorithm: &'static EcdsaSigningAlgorithm,
    length: usize,
    material: &PrivateMaterial<'_>,
) -> Option<Box<dyn SigningKey>> {
    let key = match *material {
        PrivateMaterial::Pkcs8(der) => EcdsaKeyPair::from_pkcs8(algorithm, der).ok()?,
        // RFC 7518 section 6.2.2.1: the private number has the length of the coordinates.
        PrivateMaterial::Point { d, x, y } if [d, x, y].iter().all(|part| part.len() == length) => {
            let point = [&[4], x, y].concat();
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, d, &point).ok()?
        }
        _ => return None,
    };
    Some(Box::new(EcdsaKey(key)))
}

impl SigningKey for EcdsaKey {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec())
    }

    fn public(&self) -> PublicHalf {
        let point = self.0.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at_checked(point.len() / 2).unwrap_or_default();
        PublicHalf::Point { x: x.to_vec(), y: y.to_vec() }
    }
}

struct EdKey(Ed25519KeyPair);

#[allow(clippy::wildcard_enum_match_arm, reason = "no other material is of Ed25519")]
fn ed25519(material: &PrivateMaterial<'_>) -> Option<Box<dyn SigningKey>> {
    let key = match *material {
        // OpenSSL writes no public key into the file. It is checked if there is one.
        PrivateMaterial::Pkcs8(der) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?,
        PrivateMaterial::Seed { seed, public } => {
            Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()?
        }
        _ => return None,
    };
    Some(Box::new(EdKey(key)))
}

impl SigningKey for EdKey {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.try_sign(message).ok()?.as_ref().to_vec())
    }

    fn public(&self) -> PublicHalf {
        PublicHalf::Ed25519(self.0.public_key().as_ref().to_vec())
    }
}

struct MlDsaKey(PqdsaKeyPair);

#[allow(clippy::wildcard_enum_match_arm, reason = "no other material is of ML-DSA")]
fn ml_dsa(
    algorithm: &'static PqdsaSigningAlgorithm,
    material: &PrivateMaterial<'_>,
) -> Option<Box<dyn SigningKey>> {
    let key = match *material {
        PrivateMaterial::Pkcs8(der) => PqdsaKeyPair::from_pkcs8(algorithm, der).ok()?,
        PrivateMaterial::Seed { seed, public } => {
            let key = PqdsaKeyPair::from_seed(algorithm, seed).ok()?;
            (key.public_key().as_ref() == public).then_some(key)?
        }
        _ => return None,
    };
    Some(Box::new(MlDsaKey(key)))
}

impl SigningKey for MlDsaKey {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.algorithm().signature_len()];
        let length = self.0.sign(message, &mut signature).ok()?;
        (length == signature.len()).then_some(signature)
    }

    fn public(&self) -> PublicHalf {
        PublicHalf::MlDsa(self.0.public_key().as_ref().to_vec())
    }
}
