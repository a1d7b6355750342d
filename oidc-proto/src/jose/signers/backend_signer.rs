//! [`BackendSigner`]: a private key in memory, which signs with a [`Backend`].

use super::{
    super::{
        algorithm::Algorithm,
        keys::Jwk,
        sign::{Sign, SignError},
    },
    private_key::{public_jwk, read_jwk, read_pem},
};
use crate::backend::{Backend, PrivateMaterial, SigningKey};
use std::fmt;

/// A private key in memory. It signs with a [`Backend`], and so with ES512 and ML-DSA, which ring does not have.
///
/// A crate with a backend has a signer of its own over this one, such as `AwsLcSigner` of `oidc-aws-lc`. ring signs with
/// [`RingSigner`](crate::jose::RingSigner), also with shared secrets.
///
/// ```
/// use oidc_proto::backend::{Backend, PrivateMaterial, PublicHalf, Scheme, SigningKey};
/// use oidc_proto::jose::{Algorithm, BackendSigner, Sign};
///
/// /// A backend with Ed25519. A real one would sign.
/// struct Mine;
/// struct MyKey(Vec<u8>);
///
/// impl Backend for Mine {
///     fn signing_key(&self, scheme: Scheme, material: &PrivateMaterial<'_>) -> Option<Box<dyn SigningKey>> {
///         match (scheme, material) {
///             (Scheme::Ed25519, PrivateMaterial::Seed { public, .. }) => Some(Box::new(MyKey(public.to_vec()))),
///             _ => None,
///         }
///     }
/// }
///
/// impl SigningKey for MyKey {
///     fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
///         Some(message.to_vec())
///     }
///     fn public(&self) -> PublicHalf {
///         PublicHalf::Ed25519(self.0.clone())
///     }
/// }
///
/// let jwk = br#"{"kty": "OKP", "crv": "Ed25519", "kid": "1",
///     "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let signer = BackendSigner::from_jwk(&Mine, jwk, Some(Algorithm::EdDSA))?;
/// assert_eq!(signer.key_id(), Some("1"));
/// # Ok::<(), oidc_proto::jose::SignError>(())
/// ```
pub struct BackendSigner {
    algorithm: Algorithm,
    kid: Option<String>,
    key: Box<dyn SigningKey>,
}

impl BackendSigner {
    /// Reads a private key in PKCS#8 DER (RFC 5958). `kid` is the name of the key.
    ///
    /// # Errors
    /// The key is damaged, too weak, or not for the algorithm, or the backend does not have the algorithm.
    pub fn from_pkcs8(
        backend: &dyn Backend,
        algorithm: Algorithm,
        der: &[u8],
        kid: Option<&str>,
    ) -> Result<Self, SignError> {
        if algorithm.is_symmetric() {
            return Err(SignError::AlgorithmMismatch);
        }
        let key = backend.signing_key(algorithm.scheme(), &PrivateMaterial::Pkcs8(der));
        Ok(Self { algorithm, kid: kid.map(str::to_owned), key: key.ok_or(SignError::KeyRejected)? })
    }

    /// Reads a private key in PKCS#8 PEM (RFC 7468 section 10): exactly one `PRIVATE KEY` block.
    ///
    /// # Errors
    /// The text is not such a block, or [`Self::from_pkcs8`] fails.
    pub fn from_pkcs8_pem(
        backend: &dyn Backend,
        algorithm: Algorithm,
        pem: &str,
        kid: Option<&str>,
    ) -> Result<Self, SignError> {
        Self::from_pkcs8(backend, algorithm, &read_pem(pem)?, kid)
    }

    /// Reads a private key as a JWK (RFC 7517, RFC 7518 section 6, RFC 9964 section 2).
    ///
    /// The algorithm is the `alg` of the JWK or the given algorithm. If there are both, they must be the same;
    /// `EdDSA` and `Ed25519` count as the same. An RSA key needs `p`, `q`, `dp`, `dq` and `qi`. The `priv` of an ML-DSA
    /// key is its seed of 32 bytes.
    ///
    /// # Errors
    /// The JWK cannot be used, its halves do not belong together, or no algorithm of the backend fits.
    pub fn from_jwk(
        backend: &dyn Backend,
        jwk: &[u8],
        algorithm: Option<Algorithm>,
    ) -> Result<Self, SignError> {
        let read = read_jwk(jwk, algorithm, |scheme, material| backend.signing_key(scheme, material))?;
        Ok(Self { algorithm: read.algorithm, kid: read.kid, key: read.key })
    }
}

impl Sign for BackendSigner {
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
        public_jwk(self.algorithm, self.kid.as_deref(), &self.key.public())
    }
}

impl fmt::Debug for BackendSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendSigner")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
