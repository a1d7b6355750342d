//! [`Gate`]: protects an API, on any HTTP server and any runtime. A middleware only translates requests and answers.
//!
//! ```text
//! inspect ─▶ keys in memory (no lock) ─▶ judge ─▶ answer          nothing is awaited: `try_check`
//!    │            │ none, or due             └ NewerKeys ─▶ one forced renewal ─▶ judge again
//!    │            └▶ renewal in the background; the request waits for it if it must: `check`, `go_on`
//!    └ opaque ─▶ introspection response, cached ─▶ judge
//! ```
//!
//! **Whose fault is it?** 401 says that another token would help, so an outage of this API or of the provider is
//! never a 401. If no keys are available, or newer keys could change the verdict and the provider does not answer,
//! the answer is 503 with `Retry-After`. An unknown `kid` is 401 only if the keys in memory are no older than the
//! policy's cooldown.
//!
//! **A refusal is kept, not computed again.** To verify a signature is expensive, and anybody can send a wrong one.
//! The refusal by the old keys is [kept](Undecided) while newer keys are fetched, and the token is judged again only
//! with the newer keys. A request is inspected once, however often it has to wait.
//!
//! **No lock is held during anything slow.** There are locks for the replay window, for the two caches, for the seats
//! at the keys, and in [`SingleFlight`](crate::SingleFlight). Each is held for one call that computes, and never
//! while something is awaited.

mod asked;
mod builder;
mod decide;
mod introspect;

pub use asked::MAX_INTROSPECTIONS;
pub use builder::{GateBuilder, GateError};
pub use decide::{Gate, Undecided, error_body};
pub use introspect::INTROSPECTION;

pub use crate::{io::Io, issuer::KeySource};
