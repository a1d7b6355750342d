//! [`Sign`]: whatever holds a private key at hand.

use super::{
    algorithm::Algorithm,
    keys::{Jwk, KeyError},
};
use crate::base::json::JsonError;
use crate::base::sentence::{debug_is_sentence, predicate};

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
///
/// Reading a private key returns it, and every flow in which the client signs.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
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
    #[error("the private JWK {}", predicate(.0))]
    Json(JsonError),
    /// The JWK is unusable.
    #[error("the private JWK {}", predicate(.0))]
    Jwk(KeyError),
    /// Neither the JWK nor the caller says which algorithm.
    #[error("the private JWK has no `alg`, and the caller names no algorithm either")]
    MissingAlgorithm,
    /// The algorithm does not fit the key.
    #[error("the algorithm does not fit the private key")]
    AlgorithmMismatch,
    /// The secret is shorter than the hash of the algorithm (RFC 7518 section 3.2).
    #[error("the secret is shorter than the hash of the algorithm")]
    SecretTooShort,
    /// The header brings `alg`, `kid`, `crit` or `b64`, which are not for the caller to set.
    #[error("the header to be signed must not have `{0}`, which the library sets itself")]
    Header(&'static str),
    /// The key could not be reached or did not sign.
    #[error("the private key could not be reached or did not sign")]
    Failed,
}

debug_is_sentence!(SignError);
