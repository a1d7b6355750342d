//! Room `sender`: proves that the sender of a token is its owner.
//!
//! Anybody who steals a bearer token can use it. A *sender-constrained* token is bound to a key, and only the holder of
//! that key can use it. There are two ways to show the key:
//!
//! * **DPoP** (RFC 9449): the client signs a small JWT, the *proof*, for each request, and sends it in the header
//!   `DPoP`. A server checks it with a [`DpopVerifier`]. It also asks a [`ReplayWindow`] whether the proof is new: a
//!   thief could send a stolen proof again.
//! * **Mutual TLS** (RFC 8705): the client shows a certificate in the TLS handshake. A server compares its
//!   [`CertificateThumbprint`] with the token.
//!
//! A [`ResourceServer`](crate::resource::ResourceServer) does all of this for an API: see
//! [`accept_dpop`](crate::resource::ResourceServerBuilder::accept_dpop) and
//! [`accept_certificate_bound`](crate::resource::ResourceServerBuilder::accept_certificate_bound). A
//! [`Client`](crate::flow::Client) makes its own proofs: see
//! [`Client::with_dpop_key`](crate::flow::Client::with_dpop_key) for a key of each session, and
//! [`ClientBuilder::dpop_key`](crate::flow::ClientBuilder::dpop_key) for one of the client.
//!
//! ```
//! use oidc_proto::{Timestamp, sender::{ReplayAnswer, ReplayKey, ReplayWindow}};
//!
//! let now = Timestamp(1_800_000_000);
//! let mut window = ReplayWindow::new();
//! // `DpopProof::replay_key` gives the key of a proof; this one is made by hand:
//! let key = ReplayKey::new("dpop", "thumbprint of the client's key", &["identifier of the proof"], now.plus(90));
//! assert_eq!(window.first_use(key, now), ReplayAnswer::First);
//! assert_eq!(window.first_use(key, now.plus(1)), ReplayAnswer::Replayed);
//! ```
//!
//! # Bounds
//!
//! | what | constant or setting |
//! |---|---|
//! | DPoP proof, its `jti` | [`MAX_PROOF`], [`MAX_JTI`] bytes |
//! | remembered proofs | [`ReplayWindow::with_capacity`], by default [`DEFAULT_REPLAY_ENTRIES`] |

mod attestation;
mod certificate;
mod claims;
mod nonce;
mod nonces;
mod proof;
mod replay;
mod target;
#[cfg(test)]
pub(crate) mod testdata;
mod verify;

pub(crate) use attestation::{ATTESTATION, ATTESTATION_POP, challenge_text, pop_to_sign};
pub use attestation::{
    AttestationChallenges, AttestationError, AttestationPop, ClientAttestation, MAX_ATTESTATION,
    attestation_challenge,
};
pub use certificate::CertificateThumbprint;
pub use nonce::{DEFAULT_NONCE_SLOT, NonceKeys};
pub(crate) use nonces::origin_of;
pub use nonces::{DpopNonces, MAX_NONCE_ORIGINS};
pub(crate) use proof::{DPOP, Proven, Prover};
pub use proof::{MAX_NONCE, Proof, dpop_nonce};
pub use replay::{DEFAULT_REPLAY_ENTRIES, ReplayAnswer, ReplayKey, ReplayWindow};
pub(crate) use target::normalize as normal_target;
pub(crate) use verify::UncheckedProof;
pub use verify::{DEFAULT_PROOF_AGE, DpopProof, DpopVerifier, MAX_JTI, MAX_PROOF, ProofError};
