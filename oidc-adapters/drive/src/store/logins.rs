//! [`SavedLogins`]: logins that have begun, each of which one node takes once.

use super::{
    error::StoreError,
    traits::{Store, name},
};
use oidc_proto::{
    Moment,
    flow::{PENDING_LIFETIME, Seal, SealError, SealingKeys},
};
use std::{fmt, str, sync::Arc};

/// Logins that have begun, in a store that all nodes share. A login is taken once: of two callbacks at two nodes, one gets
/// it, so its code is sent once.
///
/// A login is sealed, and kept for [`PENDING_LIFETIME`] under a hash of its `state`. Bind the `state` to the browser all
/// the same, with a cookie: a login that anybody may end is open to login CSRF (RFC 6749 section 10.12).
///
/// ```
/// use oidc_drive::{
///     moment,
///     oidc_proto::{flow::{PendingAuthorization, SealingKeys}, message::AuthorizationRequest},
///     store::{MemoryStore, SavedLogins},
/// };
/// use oidc_testkit::Party;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let party = Party::new(); // a provider without a network, and a client of it
/// let logins = SavedLogins::new(MemoryStore::new(), SealingKeys::new(1, &[42; 32])); // 32 random bytes
///
/// let (_url, pending) = party.client.authorize(&AuthorizationRequest::new(["email"]), moment())?;
/// logins.put(pending.state(), &pending, moment()).await?;
///
/// // The callback, at any node:
/// let state = pending.state();
/// assert_eq!(logins.take::<PendingAuthorization>(state).await?.as_ref(), Some(&pending));
/// assert_eq!(logins.take::<PendingAuthorization>(state).await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SavedLogins {
    store: Arc<dyn Store>,
    keys: SealingKeys,
}

impl SavedLogins {
    /// Keeps logins in this store, sealed with these keys.
    #[must_use]
    pub fn new(store: impl Store + 'static, keys: SealingKeys) -> Self {
        Self { store: Arc::new(store), keys }
    }

    /// Keeps a login under its `state`: a [`PendingAuthorization`](oidc_proto::flow::PendingAuthorization), or another
    /// saved state that waits for its callback.
    ///
    /// # Errors
    /// The store has no answer. Do not send the user away then.
    pub async fn put<S: Seal>(&self, state: &str, login: &S, moment: Moment) -> Result<(), StoreError> {
        let key = key(state);
        let sealed = self.keys.seal_stored(login, &key, moment)?;
        self.store.put(&key, sealed.as_bytes(), PENDING_LIFETIME).await
    }

    /// Removes the login with this `state`, and returns it. `None` if there is none, or if it has been taken.
    ///
    /// # Errors
    /// The store has no answer. The login may be gone then.
    pub async fn take<S: Seal>(&self, state: &str) -> Result<Option<S>, StoreError> {
        let key = key(state);
        let Some(sealed) = self.store.take(&key).await? else { return Ok(None) };
        let sealed = str::from_utf8(&sealed).map_err(|_| SealError::NotSealed)?;
        Ok(Some(self.keys.open_stored(sealed, &key)?))
    }
}

fn key(state: &str) -> String {
    name("login", "", &[state])
}

impl fmt::Debug for SavedLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedLogins").finish_non_exhaustive()
    }
}
