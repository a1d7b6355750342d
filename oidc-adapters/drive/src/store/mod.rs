//! What the nodes of a program share, through a [`Store`]. Without a store, each handle keeps it in its own memory.
//!
//! * [`SharedRefreshes`]: a refresh token is sent once among all nodes, and all get the new tokens.
//! * [`SavedLogins`]: a login that has begun is ended once.
//! * [`SharedReplays`]: a DPoP proof, a client assertion or a logout token is used once.
//! * [`Revocations`]: sessions and users that have been logged out.
//!
//! `oidc-redis` has a store over Redis. [`MemoryStore`] is one for a single process. [`Store`] is a trait with four
//! methods, for every other one.

mod error;
#[cfg(test)]
mod explored_tests;
mod logins;
mod memory;
mod policy;
mod record;
mod refresh_error;
mod renewing;
mod replays;
mod revocations;
mod shared;
mod traits;

pub use error::StoreError;
pub use logins::SavedLogins;
pub use memory::{MAX_VALUES, MemoryStore};
pub use policy::{DEFAULT_KEPT, DEFAULT_LEASE, DEFAULT_PATIENCE, LostLease, MIN_LEASE};
pub use refresh_error::SharedRefreshError;
pub use replays::SharedReplays;
pub use revocations::{Revocations, Revoked};
pub use shared::SharedRefreshes;
pub use traits::{Found, Store, StoreFuture};

#[cfg(test)]
pub(crate) use policy::Policy;
pub(crate) use renewing::{Action, Answer, End, Input, Renewing};
pub(crate) use traits::name;
