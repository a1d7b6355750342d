//! [`SharedReplays`]: messages that are used once among all nodes.

use super::{error::StoreError, traits::Store};
use oidc_proto::{
    Timestamp,
    sender::{ReplayAnswer, ReplayKey},
};
use std::{fmt, sync::Arc, time::Duration};

/// How far the clocks of two nodes may differ. A message is remembered for so long after its end.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// A memory of used messages that all nodes share: DPoP proofs, client assertions, logout tokens. It is to many nodes what
/// a [`ReplayWindow`](oidc_proto::sender::ReplayWindow) is to one. It does not divide its room among senders: the store
/// must have enough, and must not drop values before their end.
///
/// ```
/// use oidc_drive::{
///     oidc_proto::{Timestamp, sender::{ReplayAnswer, ReplayKey}},
///     store::{MemoryStore, SharedReplays},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), oidc_drive::store::StoreError> {
/// let replays = SharedReplays::new(MemoryStore::new());
/// let token = ReplayKey::new("logout_token", "https://op.example", &["bWJq"], Timestamp(1_800_000_120));
/// let now = Timestamp(1_800_000_000);
/// assert_eq!(replays.first_use(token, now).await?, ReplayAnswer::First);
/// assert_eq!(replays.first_use(token, now).await?, ReplayAnswer::Replayed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedReplays(Arc<dyn Store>);

impl SharedReplays {
    /// Remembers used messages in this store.
    #[must_use]
    pub fn new(store: impl Store + 'static) -> Self {
        Self(Arc::new(store))
    }

    /// Remembers the use of a message, and returns whether it is the first. Never
    /// [`Unknown`](ReplayAnswer::Unknown).
    ///
    /// # Errors
    /// The store has no answer. Refuse the message then, as for [`Unknown`](ReplayAnswer::Unknown).
    pub async fn first_use(&self, message: ReplayKey, now: Timestamp) -> Result<ReplayAnswer, StoreError> {
        let lifetime = now.until(message.until).saturating_add(CLOCKS_DIFFER);
        let key = format!("used:{}", message.to_text());
        let there = self.0.compare_and_set(&key, None, Some((b"1", lifetime))).await?;
        Ok(if there.is_none() { ReplayAnswer::First } else { ReplayAnswer::Replayed })
    }
}

impl fmt::Debug for SharedReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedReplays").finish_non_exhaustive()
    }
}
