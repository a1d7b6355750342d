//! Room `resource`: what a protected resource does with a request (RFC 6750, 9068, 9449, 8705, 7662,
//! 9470, 9728).
//!
//! ```text
//! inspect ─▶ Inspected ─ keys of its issuer ─▶ judge ─▶ Verdict ─┬▶ Accepted(Access) ─ require ─▶ Ok
//!    │          └ opaque ─ introspection ─▶ judge_introspected    ├▶ Once(Proven) ─ first_use ─▶ Access
//!    ▼                                                            ├▶ NewerKeys ─ fetch, judge again
//!  Denied ◀───────────────────────────────────────────────────────┴▶ Denied ─ status, headers
//! ```
//!
//! Every step is pure: keys, the time, the answer of an introspection endpoint and that of a replay
//! window come in as values. Whatever refuses a request ends in one type, [`Denied`], and there is
//! one place, [`Denied::headers`], where it becomes the challenge that the specifications name.

mod access;
mod binding;
mod challenge;
mod credentials;
mod dpop;
mod introspection;
mod judge;
mod nonce;
mod replay;
mod requirement;
mod server;
mod target;
#[cfg(test)]
mod testdata;
mod verdict;

pub use access::Access;
pub use binding::CertificateThumbprint;
pub use challenge::{Denied, Reason};
pub use credentials::{BadRequest, CredentialPolicy, Credentials, MAX_CREDENTIALS, Scheme};
pub use dpop::{DEFAULT_PROOF_AGE, DpopProof, DpopVerifier, MAX_JTI, MAX_PROOF, ProofError};
pub use introspection::IntrospectionClaims;
pub use judge::{Inspected, RequestView};
pub use nonce::{DEFAULT_NONCE_SLOT, NonceKeys};
pub use replay::{DEFAULT_REPLAY_ENTRIES, ReplayKey, ReplayWindow, Use};
pub use requirement::Requirement;
pub use server::{
    MAX_ISSUER, MAX_ISSUERS, ResourceServer, ResourceServerBuilder, SettingError, TrustedIssuer,
};
pub use verdict::{Outcome, Proven, Record, Verdict};
