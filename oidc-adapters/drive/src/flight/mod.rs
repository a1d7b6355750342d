//! [`SingleFlight`]: parks callers while one of them renews. All decisions are those of
//! [`Renewal`](oidc_proto::renew::Renewal); this room only waits.
//!
//! **No lock across anything slow.** The lock is held while the renewal decides and while a waker is
//! put down: never across I/O, never while code of the caller runs.
//!
//! **No lost wake-up.** What to do and the version it was decided in are read under one lock, and
//! whoever settles counts the version up before waking anybody.

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
