//! A refresh that several nodes share: its protocol as a value, the record in the store, and the settings.

mod error;
#[cfg(test)]
mod explored_tests;
mod policy;
mod record;
mod renewing;
mod shared;

pub use error::SharedRefreshError;
pub(crate) use policy::REQUEST;
pub use policy::{DEFAULT_KEPT, DEFAULT_LEASE, DEFAULT_PATIENCE, LostLease, MIN_LEASE};
pub use shared::SharedRefreshes;

pub(crate) use renewing::{Action, Answer, End, Input, Renewing};
