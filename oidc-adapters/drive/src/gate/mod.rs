//! [`Gate`]: what stands before an API, on any HTTP stack and any runtime. Written once; every
//! middleware only translates.
//!
//! ```text
//! inspect ─▶ keys at hand (no lock) ─▶ judge ─▶ answer            nothing is awaited: `try_check`
//!    │            │ none, or due             └ NewerKeys ─▶ one forced renewal ─▶ judge again
//!    │            └▶ renewal in the background; the request waits for it if it must: `check`, `go_on`
//!    └ opaque ─▶ what the issuer said, cached ─▶ judge
//! ```
//!
//! **Whose fault is it?** 401 says that another token would help. So it is never said of our own
//! outage: if keys cannot be had, or newer ones could lead to another verdict and the provider does
//! not answer, the answer is 503 with `Retry-After`. An unknown `kid` is 401 only if our keys are no
//! older than the policy's cooldown.
//!
//! **A refusal is handed on, not found again.** To verify a signature is dear, and anybody can send a wrong one.
//! What was found with some keys is [kept](Undecided) while newer ones are asked for, and is judged again only
//! with those. A request is inspected once, however often it has to wait.
//!
//! **No lock across anything slow.** The locks here are of the replay window, of the two caches, of the seats
//! at the keys and of [`SingleFlight`](crate::SingleFlight): each is held for one call that computes, never while something is awaited.

mod asked;
mod builder;
mod decide;
mod introspect;

pub use asked::MAX_INTROSPECTIONS;
pub use builder::{GateBuilder, GateError};
pub use decide::{Gate, Undecided, error_body};
pub use introspect::INTROSPECTION;

pub use crate::{io::Io, issuer::KeySource};
