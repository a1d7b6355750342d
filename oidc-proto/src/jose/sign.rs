//! [`Sign`]: a private key that signs at once.

use super::{
    algorithm::Algorithm,
    keys::{Jwk, KeyError},
};
use crate::base::json::JsonError;
use crate::base::sentence::{Remedy, debug_is_sentence, predicate};

/// A private key or a secret that signs at once. [`RingSigner`](super::RingSigner) implements it for keys in memory.
///
/// An implementation must not block: flows call it inside a transition. A key in an HSM or a key management service
/// signs between two transitions instead: see [`ToSign`](super::ToSign).
///
/// ```
/// use oidc_proto::jose::{Algorithm, AlgorithmSet, Jwk, KeySet, RingSigner, Scratch, Sign, SignError};
/// use oidc_proto::jose::{sign_compact, verify_compact};
///
/// /// A key of another library would be here. This one adds a name to a key in memory.
/// struct Renamed(RingSigner);
///
/// impl Sign for Renamed {
///     fn algorithm(&self) -> Algorithm {
///         self.0.algorithm()
///     }
///     fn key_id(&self) -> Option<&str> {
///         Some("2026-01")
///     }
///     fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
///         self.0.sign(message)
///     }
///     fn public_jwk(&self) -> Option<Jwk> {
///         let mut jwk = self.0.public_jwk()?;
///         jwk.kid = self.key_id().map(str::to_owned);
///         Some(jwk)
///     }
/// }
///
/// // The private key of RFC 8037 appendix A.1.
/// let jwk = br#"{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
///     "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let signer = Renamed(RingSigner::from_jwk(jwk, None)?);
///
/// let token = sign_compact(&signer, Default::default(), b"hello")?;
/// let keys = KeySet::from_jwks(signer.public_jwk())?;
/// let mut scratch = Scratch::new();
/// let jws = verify_compact(&token, &keys, AlgorithmSet::ASYMMETRIC, &mut scratch)?;
/// assert_eq!(jws.header().kid(), Some("2026-01"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Sign: Send + Sync {
    /// The algorithm that [`Self::sign`] uses.
    fn algorithm(&self) -> Algorithm;

    /// The name of the key, for the `kid` of a header. A key may have no name.
    fn key_id(&self) -> Option<&str>;

    /// Signs a message. An ECDSA signature is the concatenation of its two numbers, not DER (RFC 7518 section 3.4).
    ///
    /// # Errors
    /// The key is not available or does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;

    /// Returns the public half of the key, for publishing, or `None` for a secret.
    fn public_jwk(&self) -> Option<Jwk>;
}

/// The reason why a text is not signed, or why a private key cannot be used.
///
/// Reading a private key returns it, and every flow in which the client signs.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key is damaged, its halves do not belong together, it is not PKCS#8, it has the wrong type for the
    /// algorithm, or it is an RSA key that does not have 2048 to 4096 bits (of a backend: as many as it takes).
    #[error("the private key is damaged, too weak, or not a PKCS#8 key for this algorithm")]
    KeyRejected,
    /// The text is not exactly one `PRIVATE KEY` block of PEM.
    #[error("the PEM text is not one `PRIVATE KEY` block (`openssl pkcs8 -topk8 -nocrypt` makes one)")]
    Pem,
    /// The JWK is not acceptable JSON, or a member has the wrong type.
    #[error("the private JWK {}", predicate(.0))]
    Json(JsonError),
    /// The JWK cannot be used, for this reason.
    #[error("the private JWK {}", predicate(.0))]
    Jwk(KeyError),
    /// Neither the JWK nor the caller names an algorithm.
    #[error("the private JWK has no `alg`, and the caller names no algorithm either")]
    MissingAlgorithm,
    /// The algorithm does not fit the key.
    #[error("the algorithm does not fit the private key")]
    AlgorithmMismatch,
    /// The secret is shorter than the hash of the algorithm (RFC 7518 section 3.2).
    #[error("the secret is shorter than the hash of the algorithm")]
    SecretTooShort,
    /// ring does not sign with the algorithm. A [`BackendSigner`](super::BackendSigner) may.
    #[error("ring does not sign with {0} (the AwsLcSigner of the crate oidc-aws-lc does)")]
    NeedsBackend(Algorithm),
    /// The caller's header has `alg`, `kid`, `crit` or `b64`, which a caller must not set.
    #[error("the header to be signed must not have `{0}`, which the library sets itself")]
    Header(&'static str),
    /// The key was not available or did not sign.
    #[error("the private key could not be reached or did not sign")]
    Failed,
}

debug_is_sentence!(SignError);

impl SignError {
    /// Returns [`FixConfiguration`](Remedy::FixConfiguration); but [`TryLater`](Remedy::TryLater) if a key that is kept
    /// elsewhere did not sign.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        if matches!(self, Self::Failed) { Remedy::TryLater { after: None } } else { Remedy::FixConfiguration }
    }
}
