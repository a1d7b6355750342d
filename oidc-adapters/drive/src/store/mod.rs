//! What the nodes of a program share, through a [`Store`]. Without a store, each handle keeps it in its own memory.
//!
//! * [`SharedRefreshes`]: a refresh token is sent once among all nodes, and all get the new tokens.
//! * [`SavedLogins`]: a login that has begun is ended once.
//! * [`SharedReplays`]: a DPoP proof, a client assertion or a logout token is used once.
//! * [`Revocations`]: sessions and users that have been logged out.
//!
//! `oidc-redis` has a store over Redis. [`MemoryStore`] is one for a single process. `FileStore` (feature `file`) is one
//! over a directory, for the processes of one user on one machine. [`Store`] is a trait with four methods, for every
//! other one.

mod error;
#[cfg(feature = "file")]
mod file;
mod logins;
mod memory;
mod refresh;
mod replays;
mod revocations;
mod traits;

pub use error::StoreError;
#[cfg(feature = "file")]
pub use file::{FileStore, MAX_FILE_VALUE, MAX_FILES};
pub use logins::SavedLogins;
pub use memory::{MAX_VALUES, MemoryStore};
pub use refresh::{
    DEFAULT_KEPT, DEFAULT_LEASE, DEFAULT_PATIENCE, LostLease, MIN_LEASE, SharedRefreshError, SharedRefreshes,
};
pub use replays::SharedReplays;
pub use revocations::{Revocations, Revoked};
pub use traits::{Found, Store, StoreFuture};

pub(crate) use refresh::{Action, Answer, End, Input, REQUEST, Renewing};
pub(crate) use traits::name;
