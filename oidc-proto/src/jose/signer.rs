//! [`RingSigner`]: a private key or a secret in memory, which signs with ring.

use super::{
    algorithm::Algorithm,
    keys::{Jwk, KeyError},
    sign::{Sign, SignError},
};
use crate::{
    backend::{PrivateKey, PublicHalf, RsaNumbers, Scheme},
    base::{
        base64url,
        json::{Extra, Members},
        secret::Secret,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;
use zeroize::Zeroizing;

/// A private key or a secret in memory. It signs with [ring](https://docs.rs/ring).
///
/// ```
/// use oidc_proto::jose::{Algorithm, RingSigner, Sign, sign_compact};
///
/// // The private key of RFC 8037 appendix A.1.
/// let jwk = br#"{"kty": "OKP", "crv": "Ed25519",
///     "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let signer = RingSigner::from_jwk(jwk, Some(Algorithm::EdDSA))?;
///
/// let token = sign_compact(&signer, Default::default(), b"Example of Ed25519 signing")?;
/// assert!(token.starts_with("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."));
/// # Ok::<(), oidc_proto::jose::SignError>(())
/// ```
pub struct RingSigner {
    algorithm: Algorithm,
    kid: Option<String>,
    key: PrivateKey,
}

impl RingSigner {
    /// Reads a private key in PKCS#8 DER (RFC 5958). `kid` is the name of the key.
    ///
    /// # Errors
    /// The key is damaged, too weak, or not for the algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8], kid: Option<&str>) -> Result<Self, SignError> {
        if algorithm.is_symmetric() {
            return Err(SignError::AlgorithmMismatch);
        }
        let key = PrivateKey::from_pkcs8(algorithm.scheme(), der).ok_or(SignError::KeyRejected)?;
        Ok(Self { algorithm, kid: kid.map(str::to_owned), key })
    }

    /// Reads a private key in PKCS#8 PEM (RFC 7468 section 10): exactly one `PRIVATE KEY` block.
    ///
    /// # Errors
    /// The text is not such a block, or [`Self::from_pkcs8`] fails.
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &str, kid: Option<&str>) -> Result<Self, SignError> {
        let body = pem
            .trim()
            .strip_prefix("-----BEGIN PRIVATE KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"))
            .ok_or(SignError::Pem)?;
        // The full capacity from the start: growing would leave copies in memory that are not wiped.
        let mut text = Zeroizing::new(String::with_capacity(body.len()));
        text.extend(body.split_ascii_whitespace());
        let der = Zeroizing::new(STANDARD.decode(text.as_bytes()).map_err(|_| SignError::Pem)?);
        Self::from_pkcs8(algorithm, &der, kid)
    }

    /// Reads a private key or a secret as a JWK (RFC 7517, RFC 7518 section 6).
    ///
    /// The algorithm is the `alg` of the JWK or the given algorithm. If there are both, they must be the same;
    /// `EdDSA` and `Ed25519` count as the same. An RSA key needs `p`, `q`, `dp`, `dq` and `qi`.
    ///
    /// # Errors
    /// The JWK cannot be used, its halves do not belong together, or no algorithm fits.
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
            return Err(SignError::Jwk(KeyError::NotForSignatures));
        }
        let type_is = |kty, crv: Option<&str>| {
            if jwk.kty == kty && jwk.crv.as_deref() == crv {
                Ok(())
            } else {
                Err(SignError::AlgorithmMismatch)
            }
        };
        let scheme = algorithm.scheme();
        let key = match scheme {
            Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => {
                type_is("RSA", None)?;
                let (d, p, q) = (private("d")?, private("p")?, private("q")?);
                let (d_p, d_q, q_inv) = (private("dp")?, private("dq")?, private("qi")?);
                let numbers = RsaNumbers {
                    n: &decode("n", jwk.n.as_deref())?,
                    e: &decode("e", jwk.e.as_deref())?,
                    d: &decode("d", text(&d))?,
                    p: &decode("p", text(&p))?,
                    q: &decode("q", text(&q))?,
                    d_p: &decode("dp", text(&d_p))?,
                    d_q: &decode("dq", text(&d_q))?,
                    q_inv: &decode("qi", text(&q_inv))?,
                };
                PrivateKey::rsa(scheme, &numbers).ok_or(SignError::KeyRejected)?
            }
            Scheme::P256 | Scheme::P384 => {
                type_is("EC", Some(if scheme == Scheme::P256 { "P-256" } else { "P-384" }))?;
                let d = decode("d", text(&private("d")?))?;
                let (x, y) = (decode("x", jwk.x.as_deref())?, decode("y", jwk.y.as_deref())?);
                PrivateKey::ec(scheme, &d, &x, &y).ok_or(SignError::KeyRejected)?
            }
            Scheme::Ed25519 => {
                type_is("OKP", Some("Ed25519"))?;
                let (d, x) = (decode("d", text(&private("d")?))?, decode("x", jwk.x.as_deref())?);
                PrivateKey::ed25519(&d, &x).ok_or(SignError::KeyRejected)?
            }
            Scheme::Hmac(hash) => {
                type_is("oct", None)?;
                let secret = decode("k", jwk.k.as_ref().map(Secret::expose))?;
                PrivateKey::secret(hash, &secret).ok_or(SignError::SecretTooShort)?
            }
        };
        Ok(Self { algorithm, kid: jwk.kid, key })
    }

    /// Uses a shared secret, such as a `client_secret`. Its UTF-8 bytes are the key.
    ///
    /// # Errors
    /// The algorithm is not HMAC, or its hash is longer than the secret.
    pub fn from_secret(algorithm: Algorithm, secret: &Secret, kid: Option<&str>) -> Result<Self, SignError> {
        if !algorithm.is_symmetric() {
            return Err(SignError::AlgorithmMismatch);
        }
        let key = PrivateKey::secret(algorithm.hash(), secret.expose().as_bytes());
        let key = key.ok_or(SignError::SecretTooShort)?;
        Ok(Self { algorithm, kid: kid.map(str::to_owned), key })
    }
}

/// Returns the algorithm of a private JWK, and checks it against the requested algorithm.
fn algorithm_of(jwk: &Jwk, asked: Option<Algorithm>) -> Result<Algorithm, SignError> {
    let Some(named) = jwk.alg.as_deref() else { return asked.ok_or(SignError::MissingAlgorithm) };
    let named = Algorithm::from_name(named).ok_or(SignError::Jwk(KeyError::UnknownAlgorithm))?;
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
    let text = text.ok_or(SignError::Jwk(KeyError::MissingMember(name)))?;
    base64url::decode(text).map(Zeroizing::new).ok_or(SignError::Jwk(KeyError::Base64(name)))
}

impl Sign for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.key.sign(message).ok_or(SignError::Failed)
    }

    fn public_jwk(&self) -> Option<Jwk> {
        let encode = |bytes: Vec<u8>| base64url::encode(&bytes);
        let (kty, members) = match self.key.public()? {
            PublicHalf::Rsa { n, e } => ("RSA", vec![("n", encode(n)), ("e", encode(e))]),
            PublicHalf::Point { x, y } => {
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                ("EC", vec![("crv", curve.to_owned()), ("x", encode(x)), ("y", encode(y))])
            }
            PublicHalf::Ed25519(x) => ("OKP", vec![("crv", "Ed25519".to_owned()), ("x", encode(x))]),
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

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;
