//! [`RingSigner`]: a private key or a secret in memory, which signs with ring.

use super::{
    super::{
        algorithm::Algorithm,
        keys::Jwk,
        sign::{Sign, SignError},
    },
    private_key::{algorithm_of, decode, public_jwk, read_jwk, read_pem, type_is},
};
use crate::{
    backend::{PrivateKey, PrivateMaterial, Scheme},
    base::secret::Secret,
};
use std::fmt;

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
        has(algorithm)?;
        let key = PrivateKey::read(algorithm.scheme(), &PrivateMaterial::Pkcs8(der));
        Ok(Self { algorithm, kid: kid.map(str::to_owned), key: key.ok_or(SignError::KeyRejected)? })
    }

    /// Reads a private key in PKCS#8 PEM (RFC 7468 section 10): exactly one `PRIVATE KEY` block.
    ///
    /// # Errors
    /// The text is not such a block, or [`Self::from_pkcs8`] fails.
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &str, kid: Option<&str>) -> Result<Self, SignError> {
        Self::from_pkcs8(algorithm, &read_pem(pem)?, kid)
    }

    /// Reads a private key or a secret as a JWK (RFC 7517, RFC 7518 section 6).
    ///
    /// The algorithm is the `alg` of the JWK or the given algorithm. If there are both, they must be the same;
    /// `EdDSA` and `Ed25519` count as the same. An RSA key needs `p`, `q`, `dp`, `dq` and `qi`.
    ///
    /// # Errors
    /// The JWK cannot be used, its halves do not belong together, or no algorithm fits.
    pub fn from_jwk(jwk: &[u8], algorithm: Option<Algorithm>) -> Result<Self, SignError> {
        let parsed = Jwk::parse(jwk).map_err(SignError::Json)?;
        let named = algorithm_of(&parsed, algorithm)?;
        has(named)?;
        if let Scheme::Hmac(hash) = named.scheme() {
            type_is(&parsed, "oct", None)?;
            let secret = decode("k", parsed.k.as_ref().map(Secret::expose))?;
            let key = PrivateKey::secret(hash, &secret).ok_or(SignError::SecretTooShort)?;
            return Ok(Self { algorithm: named, kid: parsed.kid, key });
        }
        let read = read_jwk(jwk, algorithm, PrivateKey::read)?;
        Ok(Self { algorithm: read.algorithm, kid: read.kid, key: read.key })
    }

    /// Uses a shared secret, such as a `client_secret`. Its UTF-8 bytes are the key.
    ///
    /// # Errors
    /// The algorithm is not HMAC, or its hash is longer than the secret.
    pub fn from_secret(algorithm: Algorithm, secret: &Secret, kid: Option<&str>) -> Result<Self, SignError> {
        let hash = algorithm.hash().filter(|_| algorithm.is_symmetric());
        let hash = hash.ok_or(SignError::AlgorithmMismatch)?;
        let key = PrivateKey::secret(hash, secret.expose().as_bytes());
        let key = key.ok_or(SignError::SecretTooShort)?;
        Ok(Self { algorithm, kid: kid.map(str::to_owned), key })
    }
}

/// Whether ring signs with the algorithm.
fn has(algorithm: Algorithm) -> Result<(), SignError> {
    if Algorithm::RING.contains(&algorithm) { Ok(()) } else { Err(SignError::NeedsBackend(algorithm)) }
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
        public_jwk(self.algorithm, self.kid.as_deref(), &self.key.public()?)
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
