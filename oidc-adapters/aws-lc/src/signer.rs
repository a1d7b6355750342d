//! [`AwsLcSigner`]: a private key in memory, which signs with AWS-LC.

use crate::AwsLc;
use oidc_proto::jose::{Algorithm, BackendSigner, Jwk, Sign, SignError};

/// A private key in memory. It signs with AWS-LC.
///
/// A client takes it as it takes a [`RingSigner`](oidc_proto::jose::RingSigner): for assertions, request objects and
/// DPoP proofs. A shared secret (HMAC) stays with `RingSigner`.
///
/// ```
/// use oidc_aws_lc::{AwsLcSigner, oidc_proto::jose::{Algorithm, Sign, SignError, sign_compact}};
///
/// // The private key of RFC 7515 appendix A.4.
/// let jwk = br#"{"kty": "EC", "crv": "P-521",
///     "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
///     "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
///     "d": "AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"}"#;
/// let signer = AwsLcSigner::from_jwk(jwk, Some(Algorithm::ES512))?;
/// let token = sign_compact(&signer, Default::default(), b"Payload")?;
/// assert!(token.starts_with("eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."));
/// # Ok::<(), SignError>(())
/// ```
#[derive(Debug)]
pub struct AwsLcSigner(BackendSigner);

impl AwsLcSigner {
    /// Reads a private key in PKCS#8 DER (RFC 5958, for ML-DSA RFC 9881). `kid` is the name of the key.
    ///
    /// # Errors
    /// The key is damaged, too weak, or not for the algorithm, or the algorithm is HMAC.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8], kid: Option<&str>) -> Result<Self, SignError> {
        BackendSigner::from_pkcs8(&AwsLc, algorithm, der, kid).map(Self)
    }

    /// Reads a private key in PKCS#8 PEM (RFC 7468 section 10): exactly one `PRIVATE KEY` block.
    ///
    /// # Errors
    /// The text is not such a block, or [`Self::from_pkcs8`] fails.
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &str, kid: Option<&str>) -> Result<Self, SignError> {
        BackendSigner::from_pkcs8_pem(&AwsLc, algorithm, pem, kid).map(Self)
    }

    /// Reads a private key as a JWK (RFC 7517, RFC 7518 section 6, RFC 9964 section 2), as
    /// [`BackendSigner::from_jwk`] does.
    ///
    /// # Errors
    /// The JWK cannot be used, its halves do not belong together, or no algorithm fits.
    pub fn from_jwk(jwk: &[u8], algorithm: Option<Algorithm>) -> Result<Self, SignError> {
        BackendSigner::from_jwk(&AwsLc, jwk, algorithm).map(Self)
    }
}

impl Sign for AwsLcSigner {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.0.key_id()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.0.sign(message)
    }

    fn public_jwk(&self) -> Option<Jwk> {
        self.0.public_jwk()
    }
}
