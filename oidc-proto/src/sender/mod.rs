//! Room `sender`: what the sender of a token proves (RFC 9449, RFC 8705).

mod proof;

pub use proof::dpop_nonce;
pub(crate) use proof::{DPOP, Prover};
