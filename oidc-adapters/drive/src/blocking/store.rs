//! [`SavedLogins`], [`SharedReplays`] and [`Revocations`] for threads. Their store must be ready at once, such as a
//! blocking one, one in memory, or one over files.

use crate::{
    drive::block_on,
    store::{self, Revoked, Store, StoreError},
};
use oidc_proto::{
    Moment, Timestamp,
    flow::{Seal, SealingKeys},
    sender::{ReplayAnswer, ReplayKey},
};
use std::time::Duration;

/// Logins that have begun, in a store that all nodes share. See [`store::SavedLogins`].
///
/// ```
/// use oidc_drive::{
///     blocking::store::SavedLogins, moment, oidc_proto::flow::{AppState, SealingKeys}, store::MemoryStore,
/// };
///
/// let logins = SavedLogins::new(MemoryStore::new(), SealingKeys::new(1, &[42; 32])); // 32 random bytes
/// logins.put("state", &AppState(7), moment())?;
/// assert_eq!(logins.take::<AppState<i32>>("state")?.map(|AppState(number)| number), Some(7));
/// assert!(logins.take::<AppState<i32>>("state")?.is_none());
/// # Ok::<(), oidc_drive::store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SavedLogins(store::SavedLogins);

impl SavedLogins {
    /// Keeps logins in this store, sealed with these keys.
    #[must_use]
    pub fn new(store: impl Store + 'static, keys: SealingKeys) -> Self {
        Self(store::SavedLogins::new(store, keys))
    }

    /// Keeps a login under its `state`.
    ///
    /// # Errors
    /// The store has no answer. Do not send the user away then.
    pub fn put<S: Seal>(&self, state: &str, login: &S, moment: Moment) -> Result<(), StoreError> {
        block_on(self.0.put(state, login, moment))
    }

    /// Removes the login with this `state`, and returns it. `None` if there is none, or if it has been taken.
    ///
    /// # Errors
    /// The store has no answer. The login may be gone then.
    pub fn take<S: Seal>(&self, state: &str) -> Result<Option<S>, StoreError> {
        block_on(self.0.take(state))
    }
}

/// A memory of used messages that all nodes share. See [`store::SharedReplays`].
///
/// ```
/// use oidc_drive::{
///     blocking::store::SharedReplays,
///     oidc_proto::{Timestamp, sender::{ReplayAnswer, ReplayKey}},
///     store::MemoryStore,
/// };
///
/// let replays = SharedReplays::new(MemoryStore::new());
/// let token = ReplayKey::new("logout_token", "https://op.example", &["bWJq"], Timestamp(1_800_000_120));
/// assert_eq!(replays.first_use(token, Timestamp(1_800_000_000))?, ReplayAnswer::First);
/// # Ok::<(), oidc_drive::store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedReplays(store::SharedReplays);

impl SharedReplays {
    /// Remembers used messages in this store.
    #[must_use]
    pub fn new(store: impl Store + 'static) -> Self {
        Self(store::SharedReplays::new(store))
    }

    /// Remembers the use of a message, and returns whether it is the first.
    ///
    /// # Errors
    /// The store has no answer. Refuse the message then.
    pub fn first_use(&self, message: ReplayKey, now: Timestamp) -> Result<ReplayAnswer, StoreError> {
        block_on(self.0.first_use(message, now))
    }
}

/// Sessions and users that have been logged out, in a store that all nodes share. See [`store::Revocations`].
///
/// ```
/// use oidc_drive::{
///     blocking::store::Revocations, oidc_proto::Timestamp, store::{MemoryStore, Revoked},
/// };
/// use std::time::Duration;
///
/// let revocations = Revocations::new(MemoryStore::new());
/// let session = Revoked::Session { iss: "https://op.example", sid: "08a5019c" };
/// revocations.revoke(session, Timestamp(1_800_000_000), Duration::from_secs(86_400))?;
/// assert!(revocations.is_revoked(&[session], Timestamp(1_799_999_000))?);
/// # Ok::<(), oidc_drive::store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Revocations(store::Revocations);

impl Revocations {
    /// Keeps revocations in this store.
    #[must_use]
    pub fn new(store: impl Store + 'static) -> Self {
        Self(store::Revocations::new(store))
    }

    /// Keeps that a session or a user was logged out at this time.
    ///
    /// # Errors
    /// The store has no answer, and the sessions may go on.
    pub fn revoke(&self, what: Revoked<'_>, at: Timestamp, lifetime: Duration) -> Result<(), StoreError> {
        block_on(self.0.revoke(what, at, lifetime))
    }

    /// Returns when a session or a user was logged out; `None` if not, as far as is known.
    ///
    /// # Errors
    /// The store has no answer.
    pub fn revoked_at(&self, what: Revoked<'_>) -> Result<Option<Timestamp>, StoreError> {
        block_on(self.0.revoked_at(what))
    }

    /// Whether one of these was logged out.
    ///
    /// # Errors
    /// The store has no answer. Whether to go on without it is for the program to decide.
    pub fn is_revoked(&self, any: &[Revoked<'_>], began: Timestamp) -> Result<bool, StoreError> {
        block_on(self.0.is_revoked(any, began))
    }
}
