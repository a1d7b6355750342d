//! [`SingleFlight`]: lets callers wait while one of them, the leader, renews a value. A
//! [`Renewal`](oidc_proto::renew::Renewal) makes all decisions; this module only waits.
//!
//! **No lock is held during anything slow.** The lock is held while the renewal decides and while a waker is stored. It
//! is never held during I/O, or while code of a caller runs.
//!
//! **No wake-up is lost.** A caller reads the decision and its version under one lock. A leader that settles increments
//! the version before it wakes anybody.

mod error;
mod get;
mod leading;
mod parked;
mod single_flights;
mod state;
mod waiting;

pub use error::NotAvailableError;
pub use single_flights::SingleFlights;
pub use state::SingleFlight;
