//! [`AttestationError`]: the reason why a client cannot authenticate with its attestation.

use crate::{base::sentence::debug_is_sentence, jose::AlgorithmSet};
use std::fmt;

/// The reason why a client cannot authenticate with its attestation
/// (draft-ietf-oauth-attestation-based-client-auth-10). Nothing was sent.
///
/// [`ClientAttestation::parse`](super::ClientAttestation::parse) returns it, and
/// [`ConfigError::Attestation`](crate::flow::ConfigError::Attestation) has it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestationError {
    /// The text is no signed JWT in the compact serialization.
    #[error("the client attestation is not a signed JWT")]
    Malformed,
    /// The text is longer than [`MAX_ATTESTATION`](super::MAX_ATTESTATION).
    #[error("the client attestation is longer than 8192 bytes, and too long for a header")]
    TooLong,
    /// The header `typ` is another one.
    #[error("the `typ` of the client attestation is not `oauth-client-attestation+jwt`")]
    Type,
    /// A member of the header or of the claims is missing, or of another type.
    #[error("the client attestation has no usable `{0}`")]
    Missing(&'static str),
    /// The `jwk` in `cnf` is no public key.
    #[error("the `jwk` in the `cnf` of the client attestation is not a public key")]
    Key,
    /// The attestation is for another client.
    #[error("the `sub` of the client attestation is another client than `client_id`")]
    Subject,
    /// The attestation is bound to another key than that of the client.
    #[error(
        "the client attestation is bound to another key (`cnf`) than that of `ClientBuilder::attestation_key` or `attestation_public_key`"
    )]
    OtherKey,
    /// The attestation has expired.
    #[error(
        "the client attestation has expired: get another from the attester, and call `Client::with_attestation`"
    )]
    Expired,
    /// The provider does not list the algorithm with which the attester signs.
    #[error(
        "the provider's `client_attestation_signing_alg_values_supported` has no algorithm of the client attestation: it has {}",
        Names(.offered)
    )]
    Algorithm {
        /// The algorithms that the provider lists and this library knows.
        offered: AlgorithmSet,
    },
    /// The provider does not list the algorithm of the key of the client.
    #[error(
        "the key of the client signs with {}, and the provider's `client_attestation_pop_signing_alg_values_supported` has {}",
        Names(.usable), Names(.offered)
    )]
    PopAlgorithm {
        /// The algorithms that the provider lists and this library knows.
        offered: AlgorithmSet,
        /// The algorithm of the key.
        usable: AlgorithmSet,
    },
    /// No provider could verify what this key signs.
    #[error("the key of the client attestation is a shared secret, or has no public half")]
    NoPublicKey,
    /// The client authenticates with an attestation, and has no key for it.
    #[error(
        "the client authenticates with `attest_jwt_client_auth`, and has no key for it: call `ClientBuilder::attestation_key`, or `attestation_public_key` if the key is elsewhere"
    )]
    NoKey,
    /// The client has no attestation.
    #[error(
        "the client authenticates with `attest_jwt_client_auth`, and has no attestation: call `ClientBuilder::attestation` or `Client::with_attestation`"
    )]
    NoAttestation,
    /// The key is elsewhere, and the attempt has no proof of possession.
    #[error(
        "the key of the client attestation is elsewhere, and no proof of possession was signed for this request: begin with `Attempt::with_attestation_pop`"
    )]
    NoPop,
    /// The client authenticates in another way.
    #[error(
        "the client does not authenticate with `attest_jwt_client_auth`: check `ClientBuilder::authentication`"
    )]
    Unwanted,
}

debug_is_sentence!(AttestationError);

impl AttestationError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "config_attestation_expired",
            Self::Algorithm { .. } | Self::PopAlgorithm { .. } => "config_attestation_algorithm",
            Self::NoKey | Self::NoPublicKey | Self::NoAttestation | Self::NoPop | Self::Unwanted => {
                "config_attestation_missing"
            }
            Self::Malformed
            | Self::TooLong
            | Self::Type
            | Self::Missing(_)
            | Self::Key
            | Self::Subject
            | Self::OtherKey => "config_attestation",
        }
    }
}

/// The names of algorithms, for a sentence.
struct Names<'n>(&'n AlgorithmSet);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|algorithm| algorithm.name()).collect();
        f.write_str(if names.is_empty() { "none that this library knows" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}
