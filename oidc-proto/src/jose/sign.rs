//! [`Sign`]: whatever holds a private key, [`RingSigner`] for keys in memory, and the compact
//! serialization of what they sign (RFC 7515 section 5.1).
//!
//! The one file of this library that draws randomness of its own: ring makes ECDSA and PSS
//! signatures with no other source than the operating system's.

use super::{algorithm::Algorithm, backend, jwk::Jwk, key::Unusable, to_sign::ToSign};
use crate::base::{
    base64url,
    json::{Extra, JsonError, Members},
    secret::Secret,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::{self, KeyPairComponents, PublicKeyComponents},
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair},
};
use std::fmt;
use zeroize::Zeroizing;

/// A private key or a secret at hand, which signs at once: it must not wait.
///
/// A key in an HSM or a key management service signs between two transitions of a flow instead: see
/// [`ToSign`](super::ToSign).
pub trait Sign: Send + Sync {
    /// The algorithm of [`Self::sign`].
    fn algorithm(&self) -> Algorithm;

    /// The name of the key, for the `kid` of a header.
    fn key_id(&self) -> Option<&str>;

    /// Signs. ECDSA signatures are the two numbers side by side (RFC 7518 section 3.4).
    ///
    /// # Errors
    /// The key cannot be reached or will not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;

    /// The public half, for publishing; `None` of a secret.
    fn public_jwk(&self) -> Option<Jwk>;
}

/// Why something is not signed, or a key cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// Not PKCS#8, damaged, of another type than the algorithm needs, or an RSA key that is not of
    /// 2048 to 4096 bits.
    #[error("the private key is damaged, too weak, or not a PKCS#8 key for this algorithm")]
    KeyRejected,
    /// Not one block `PRIVATE KEY` of PEM.
    #[error("the PEM text is not one `PRIVATE KEY` block (`openssl pkcs8 -topk8 -nodes` makes one)")]
    Pem,
    /// The JWK is not acceptable JSON, or a member has the wrong type.
    #[error("the private JWK {0}")]
    Json(JsonError),
    /// The JWK is unusable.
    #[error("the private JWK {0}")]
    Jwk(Unusable),
    /// Neither the JWK nor the caller says which algorithm.
    #[error("neither the private JWK nor the caller says which algorithm it is for")]
    MissingAlgorithm,
    /// The algorithm does not fit the key.
    #[error("the algorithm does not fit the key")]
    AlgorithmMismatch,
    /// The secret is shorter than the hash of the algorithm (RFC 7518 section 3.2).
    #[error("the secret is shorter than the hash of the algorithm")]
    SecretTooShort,
    /// The header brings `alg`, `kid`, `crit` or `b64`, which are not for the caller to set.
    #[error("the header must not bring `{0}`")]
    Header(&'static str),
    /// The key could not be reached or did not sign.
    #[error("signing failed")]
    Failed,
}

/// A private key or secret in memory.
pub struct RingSigner {
    algorithm: Algorithm,
    kid: Option<String>,
    key: PrivateKey,
}

enum PrivateKey {
    Rsa(Box<RsaKeyPair>, &'static dyn signature::RsaEncoding),
    Ec(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
    Secret(Box<hmac::Key>),
}

/// What an algorithm needs to sign with.
enum Needs {
    Rsa(&'static dyn signature::RsaEncoding),
    Ec(&'static signature::EcdsaSigningAlgorithm, &'static str),
    Ed25519,
    Secret,
}

const fn needs(algorithm: Algorithm) -> Needs {
    match algorithm {
        Algorithm::RS256 => Needs::Rsa(&signature::RSA_PKCS1_SHA256),
        Algorithm::RS384 => Needs::Rsa(&signature::RSA_PKCS1_SHA384),
        Algorithm::RS512 => Needs::Rsa(&signature::RSA_PKCS1_SHA512),
        Algorithm::PS256 => Needs::Rsa(&signature::RSA_PSS_SHA256),
        Algorithm::PS384 => Needs::Rsa(&signature::RSA_PSS_SHA384),
        Algorithm::PS512 => Needs::Rsa(&signature::RSA_PSS_SHA512),
        Algorithm::ES256 => Needs::Ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        Algorithm::ES384 => Needs::Ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
        Algorithm::EdDSA | Algorithm::Ed25519 => Needs::Ed25519,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => Needs::Secret,
    }
}

impl RingSigner {
    /// A private key in PKCS#8 (RFC 5958).
    ///
    /// # Errors
    /// The key is damaged, too weak, or not one for the algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8], kid: Option<&str>) -> Result<Self, SignError> {
        let key = match needs(algorithm) {
            Needs::Rsa(encoding) => {
                RsaKeyPair::from_pkcs8(der).map(|key| PrivateKey::Rsa(Box::new(key), encoding))
            }
            Needs::Ec(curve, _) => EcdsaKeyPair::from_pkcs8(curve, der, &SystemRandom::new())
                .map(|key| PrivateKey::Ec(Box::new(key))),
            // OpenSSL writes no public key beside the private one.
            Needs::Ed25519 => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(|key| PrivateKey::Ed25519(Box::new(key)))
            }
            Needs::Secret => return Err(SignError::AlgorithmMismatch),
        };
        let key = key.map_err(|_| SignError::KeyRejected)?;
        Ok(Self { algorithm, kid: kid.map(str::to_owned), key })
    }

    /// A private key in PKCS#8 in PEM (RFC 7468 section 10): one block `PRIVATE KEY`.
    ///
    /// # Errors
    /// Not such a block, or as [`Self::from_pkcs8`].
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &str, kid: Option<&str>) -> Result<Self, SignError> {
        let body = pem
            .trim()
            .strip_prefix("-----BEGIN PRIVATE KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"))
            .ok_or(SignError::Pem)?;
        // Room for all of it from the start: growing would leave copies behind that nobody wipes.
        let mut text = Zeroizing::new(String::with_capacity(body.len()));
        text.extend(body.split_ascii_whitespace());
        let der = Zeroizing::new(STANDARD.decode(text.as_bytes()).map_err(|_| SignError::Pem)?);
        Self::from_pkcs8(algorithm, &der, kid)
    }

    /// A private key as a JWK (RFC 7517, RFC 7518 section 6): for its `alg`, or for the algorithm
    /// given, or for both if they are the same. RSA keys need `p`, `q`, `dp`, `dq`, `qi`.
    ///
    /// # Errors
    /// The JWK is unusable, its halves do not belong together, or no algorithm fits.
    pub fn from_jwk(jwk: &[u8], algorithm: Option<Algorithm>) -> Result<Self, SignError> {
        let members = Members::parse(jwk).map_err(SignError::Json)?.rest();
        let mut private = Members::new(members.clone());
        let mut private =
            |name| private.string(name).map(|text| text.map(Zeroizing::new)).map_err(SignError::Json);
        let jwk = Jwk::from_members(members).map_err(SignError::Json)?;
        let algorithm = algorithm_of(&jwk, algorithm)?;
        if jwk.public_key_use.as_deref().is_some_and(|purpose| purpose != "sig")
            || jwk.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "sign"))
        {
            return Err(SignError::Jwk(Unusable::NotForSignatures));
        }
        let type_is = |kty, crv: Option<&str>| {
            if jwk.kty == kty && jwk.crv.as_deref() == crv {
                Ok(())
            } else {
                Err(SignError::AlgorithmMismatch)
            }
        };
        let key = match needs(algorithm) {
            Needs::Rsa(encoding) => {
                type_is("RSA", None)?;
                let (d, p, q) = (private("d")?, private("p")?, private("q")?);
                let (d_p, d_q, q_inv) = (private("dp")?, private("dq")?, private("qi")?);
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents {
                        n: decode("n", jwk.n.as_deref())?,
                        e: decode("e", jwk.e.as_deref())?,
                    },
                    d: decode("d", text(&d))?,
                    p: decode("p", text(&p))?,
                    q: decode("q", text(&q))?,
                    dP: decode("dp", text(&d_p))?,
                    dQ: decode("dq", text(&d_q))?,
                    qInv: decode("qi", text(&q_inv))?,
                };
                let key = RsaKeyPair::from_components(&components).map_err(|_| SignError::KeyRejected)?;
                PrivateKey::Rsa(Box::new(key), encoding)
            }
            Needs::Ec(curve, name) => {
                type_is("EC", Some(name))?;
                let d = decode("d", text(&private("d")?))?;
                let (x, y) = (decode("x", jwk.x.as_deref())?, decode("y", jwk.y.as_deref())?);
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                let key =
                    EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &point, &SystemRandom::new())
                        .map_err(|_| SignError::KeyRejected)?;
                PrivateKey::Ec(Box::new(key))
            }
            Needs::Ed25519 => {
                type_is("OKP", Some("Ed25519"))?;
                let (d, x) = (decode("d", text(&private("d")?))?, decode("x", jwk.x.as_deref())?);
                let key =
                    Ed25519KeyPair::from_seed_and_public_key(&d, &x).map_err(|_| SignError::KeyRejected)?;
                PrivateKey::Ed25519(Box::new(key))
            }
            Needs::Secret => {
                type_is("oct", None)?;
                let secret = decode("k", jwk.k.as_ref().map(Secret::expose))?;
                PrivateKey::Secret(Box::new(
                    backend::hmac_key(algorithm, &secret).ok_or(SignError::SecretTooShort)?,
                ))
            }
        };
        Ok(Self { algorithm, kid: jwk.kid, key })
    }

    /// A shared secret, such as a `client_secret`, whose UTF-8 bytes are the key.
    ///
    /// # Errors
    /// The algorithm is not HMAC, or its hash is longer than the secret.
    pub fn from_secret(algorithm: Algorithm, secret: &Secret, kid: Option<&str>) -> Result<Self, SignError> {
        if !algorithm.is_symmetric() {
            return Err(SignError::AlgorithmMismatch);
        }
        let key =
            backend::hmac_key(algorithm, secret.expose().as_bytes()).ok_or(SignError::SecretTooShort)?;
        Ok(Self { algorithm, kid: kid.map(str::to_owned), key: PrivateKey::Secret(Box::new(key)) })
    }
}

/// The algorithm of a private JWK, held against the one asked for.
fn algorithm_of(jwk: &Jwk, asked: Option<Algorithm>) -> Result<Algorithm, SignError> {
    let Some(named) = jwk.alg.as_deref() else { return asked.ok_or(SignError::MissingAlgorithm) };
    let named = Algorithm::from_name(named).ok_or(SignError::Jwk(Unusable::UnknownAlgorithm))?;
    let twins = |algorithm| matches!(algorithm, Algorithm::EdDSA | Algorithm::Ed25519);
    match asked {
        None => Ok(named),
        Some(asked) if asked == named || twins(asked) && twins(named) => Ok(asked),
        Some(_) => Err(SignError::AlgorithmMismatch),
    }
}

fn text(member: &Option<Zeroizing<String>>) -> Option<&str> {
    member.as_ref().map(|text| text.as_str())
}

fn decode(name: &'static str, text: Option<&str>) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let text = text.ok_or(SignError::Jwk(Unusable::MissingMember(name)))?;
    base64url::decode(text).map(Zeroizing::new).ok_or(SignError::Jwk(Unusable::Base64(name)))
}

impl Sign for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.key {
            PrivateKey::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(*encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| SignError::Failed)?;
                Ok(signature)
            }
            PrivateKey::Ec(key) => {
                let signature = key.sign(&SystemRandom::new(), message).map_err(|_| SignError::Failed)?;
                Ok(signature.as_ref().to_vec())
            }
            PrivateKey::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
            PrivateKey::Secret(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }

    fn public_jwk(&self) -> Option<Jwk> {
        let (kty, members) = match &self.key {
            PrivateKey::Rsa(key, _) => {
                let public: rsa::PublicKeyComponents<Vec<u8>> = key.public().into();
                ("RSA", vec![("n", base64url::encode(&public.n)), ("e", base64url::encode(&public.e))])
            }
            PrivateKey::Ec(key) => {
                let (_, point) = key.public_key().as_ref().split_first()?;
                let (x, y) = point.split_at_checked(point.len() / 2)?;
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                ("EC", vec![("crv", curve.to_owned()), ("x", x), ("y", y)])
            }
            PrivateKey::Ed25519(key) => {
                let x = base64url::encode(key.public_key().as_ref());
                ("OKP", vec![("crv", "Ed25519".to_owned()), ("x", x)])
            }
            PrivateKey::Secret(_) => return None,
        };
        let mut jwk = Extra::new();
        let fixed = [("kty", kty), ("use", "sig"), ("alg", self.algorithm.name())];
        jwk.extend(fixed.map(|(name, value)| (name.to_owned(), value.into())));
        jwk.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        jwk.extend(self.kid.iter().map(|kid| ("kid".to_owned(), kid.clone().into())));
        Jwk::from_members(jwk).ok()
    }
}

impl fmt::Debug for RingSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingSigner")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// Signs a payload: the compact serialization. `header` holds members such as `typ`; `alg` and `kid`
/// are those of the signer.
///
/// # Errors
/// The signer fails, or `header` brings a member that is not for the caller to set.
pub fn sign_compact(signer: &dyn Sign, header: Extra, payload: &[u8]) -> Result<String, SignError> {
    if let Some(name) = ["alg", "kid", "crit", "b64"].into_iter().find(|name| header.contains_key(*name)) {
        return Err(SignError::Header(name));
    }
    ToSign::new(header, payload, signer.algorithm(), signer.key_id()).sign(signer)
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
