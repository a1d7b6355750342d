//! Room `sender`: what the sender of a token proves: that it holds a key (RFC 9449) or a certificate
//! (RFC 8705), and that nobody has sent the same before.
//!
//! A client makes proofs with the key of its settings; a server checks them with a [`DpopVerifier`] and
//! asks a [`ReplayWindow`] whether it has seen them before.
//!
//! # Bounds
//!
//! | what | constant or setting |
//! |---|---|
//! | DPoP proof, its `jti` | [`MAX_PROOF`], [`MAX_JTI`] bytes |
//! | proofs remembered | [`ReplayWindow::with_capacity`], by default [`DEFAULT_REPLAY_ENTRIES`] |

mod certificate;
mod nonce;
mod nonces;
mod proof;
mod replay;
mod target;
#[cfg(test)]
pub(crate) mod testdata;
mod verify;

pub use certificate::CertificateThumbprint;
pub use nonce::{DEFAULT_NONCE_SLOT, NonceKeys};
pub use nonces::{DpopNonces, MAX_NONCE, MAX_NONCE_ORIGINS};
pub(crate) use proof::{DPOP, Proven, Prover};
pub use proof::{Proof, dpop_nonce};
pub use replay::{DEFAULT_REPLAY_ENTRIES, ReplayAnswer, ReplayKey, ReplayWindow};
pub(crate) use verify::UncheckedProof;
pub use verify::{DEFAULT_PROOF_AGE, DpopProof, DpopVerifier, MAX_JTI, MAX_PROOF, ProofError};
