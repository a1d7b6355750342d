//! [`Revocations`]: sessions and users that have been logged out, for all nodes.

use super::{
    error::StoreError,
    traits::{Store, name},
};
use oidc_proto::{Timestamp, token::EndedSessions};
use std::{fmt, sync::Arc, time::Duration};

/// How often another node may be faster.
const MAX_TRIES: u8 = 8;

/// A session at a provider, or a user with all sessions.
///
/// ```
/// use oidc_drive::{oidc_proto::token::LogoutToken, store::{Revocations, Revoked, StoreError}};
/// use std::time::Duration;
///
/// /// Keeps what a logout token of the provider ends, as long as a session can live.
/// async fn logged_out(token: &LogoutToken, revocations: &Revocations) -> Result<(), StoreError> {
///     revocations.revoke(Revoked::from(&token.ends), token.iat, Duration::from_secs(86_400)).await
/// }
/// # drop(logged_out);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoked<'t> {
    /// The session with this `sid`.
    Session {
        /// The issuer.
        iss: &'t str,
        /// The `sid` of the ID token.
        sid: &'t str,
    },
    /// All sessions of this user that began before.
    Subject {
        /// The issuer.
        iss: &'t str,
        /// The `sub` of the ID token.
        sub: &'t str,
    },
}

/// What a logout that comes from the provider ends: a session by its `sid`, or else all of the user.
impl<'t> From<&'t EndedSessions> for Revoked<'t> {
    fn from(ended: &'t EndedSessions) -> Self {
        let iss = ended.iss();
        match (ended.sid(), ended.sub()) {
            (Some(sid), _) => Self::Session { iss, sid },
            // There is one of the two, and no user has an empty name.
            (None, sub) => Self::Subject { iss, sub: sub.unwrap_or_default() },
        }
    }
}

impl Revoked<'_> {
    fn key(self) -> String {
        match self {
            Self::Session { iss, sid } => name("revoked_session", iss, &[sid]),
            Self::Subject { iss, sub } => name("revoked_subject", iss, &[sub]),
        }
    }
}

impl fmt::Debug for Revoked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session { .. } => "Session(..)",
            Self::Subject { .. } => "Subject(..)",
        })
    }
}

/// Sessions and users that have been logged out, in a store that all nodes share.
///
/// ```
/// use oidc_drive::{oidc_proto::Timestamp, store::{MemoryStore, Revocations, Revoked}};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), oidc_drive::store::StoreError> {
/// let revocations = Revocations::new(MemoryStore::new());
/// let alice = Revoked::Subject { iss: "https://op.example", sub: "alice" };
/// // Keep it as long as a session can live.
/// revocations.revoke(alice, Timestamp(1_800_000_000), Duration::from_secs(86_400)).await?;
///
/// assert!(revocations.is_revoked(&[alice], Timestamp(1_799_999_000)).await?);
/// assert!(!revocations.is_revoked(&[alice], Timestamp(1_800_000_001)).await?, "she has logged in again");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Revocations(Arc<dyn Store>);

impl Revocations {
    /// Keeps revocations in this store.
    #[must_use]
    pub fn new(store: impl Store + 'static) -> Self {
        Self(Arc::new(store))
    }

    /// Keeps that a session or a user was logged out at this time. `lifetime` is how long a session can live. An earlier
    /// time never replaces a later one.
    ///
    /// # Errors
    /// The store has no answer, and the sessions may go on.
    pub async fn revoke(
        &self,
        what: Revoked<'_>,
        at: Timestamp,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        let (key, new) = (what.key(), at.0.to_be_bytes());
        let mut there = self.0.get(&key).await?.value;
        for _ in 0..MAX_TRIES {
            let known = there.as_deref().map(time).transpose()?;
            let kept = known.map_or(at, |known| known.max(at)).0.to_be_bytes();
            match self.0.compare_and_set(&key, there.as_deref(), Some((&kept, lifetime))).await? {
                None => return Ok(()),
                Some(found) => there = found.value,
            }
        }
        // Others write all the time. The last one counts, and each of them revokes.
        self.0.put(&key, &new, lifetime).await
    }

    /// Returns when a session or a user was logged out; `None` if not, as far as is known.
    ///
    /// # Errors
    /// The store has no answer.
    pub async fn revoked_at(&self, what: Revoked<'_>) -> Result<Option<Timestamp>, StoreError> {
        self.0.get(&what.key()).await?.value.as_deref().map(time).transpose()
    }

    /// Whether one of these was logged out. A session counts whenever it began, and a user counts for the sessions that
    /// `began` at that time or before.
    ///
    /// # Errors
    /// The store has no answer. Whether to go on without it is for the program to decide.
    pub async fn is_revoked(&self, any: &[Revoked<'_>], began: Timestamp) -> Result<bool, StoreError> {
        for what in any {
            let Some(at) = self.revoked_at(*what).await? else { continue };
            if matches!(what, Revoked::Session { .. }) || began <= at {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn time(value: &[u8]) -> Result<Timestamp, StoreError> {
    let bytes = value.try_into().map_err(|_| StoreError::Value)?;
    Ok(Timestamp(i64::from_be_bytes(bytes)))
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}
