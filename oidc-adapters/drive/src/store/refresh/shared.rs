//! [`SharedRefreshes`]: the settings of refreshes that several nodes share.

use super::policy::{EXCHANGE, LostLease, MIN_LEASE, Policy, UNROTATED_KEPT, milliseconds};
use crate::store::traits::Store;
use oidc_proto::flow::SealingKeys;
use std::{fmt, sync::Arc, time::Duration};

/// The store in which nodes share their refreshes, and how. With it, a handle sends a refresh token only while it has a
/// lease on it, and takes the new tokens of another node if that was first. `docs/refresh.md` explains the protocol.
///
/// What is stored is sealed with the [keys](SealingKeys) of your program, which all nodes need. The refresh token is not
/// in it, only a hash.
///
/// ```
/// use oidc_drive::{
///     blocking::{Io, Provider},
///     http,
///     oidc_proto::flow::{Request, SealingKeys, Terms},
///     store::{MemoryStore, SharedRefreshes},
/// };
/// use std::time::Duration;
///
/// let keys = SealingKeys::new(1, &[42; 32]); // 32 random bytes, the same on all nodes
/// let shared = SharedRefreshes::new(MemoryStore::new(), keys).keep_for(Duration::from_secs(300));
///
/// # let io = Io::new(|_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network"));
/// let provider = Provider::builder("https://op.example", io)
///     .client_id("my-client")
///     .shared_refreshes(shared)
///     .build()?;
/// # drop(provider);
/// # Ok::<(), oidc_drive::ProviderError>(())
/// ```
#[derive(Clone)]
#[must_use = "it has no effect until a handle has it"]
pub struct SharedRefreshes {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: SealingKeys,
    pub(crate) policy: Policy,
}

impl SharedRefreshes {
    /// Shares refreshes in this store, sealed with these keys.
    pub fn new(store: impl Store + 'static, keys: SealingKeys) -> Self {
        Self { store: Arc::new(store), keys, policy: Policy::new() }
    }

    /// Sets how long a node has the right to send a refresh token; the default is
    /// [`DEFAULT_LEASE`](crate::store::DEFAULT_LEASE), and the shortest is [`MIN_LEASE`]. If a node crashes meanwhile, nobody
    /// can refresh this login until its lease ends. A node that stands still for longer than its lease may lose its
    /// tokens.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.policy.lease = milliseconds(lease.max(MIN_LEASE));
        self
    }

    /// Sets how long a caller waits for another node; the default is
    /// [`DEFAULT_PATIENCE`](crate::store::DEFAULT_PATIENCE).
    pub const fn patience(mut self, patience: Duration) -> Self {
        let milliseconds = patience.as_millis();
        self.policy.patience =
            if milliseconds > u32::MAX as u128 { u32::MAX as u64 } else { milliseconds as u64 };
        self
    }

    /// Sets how long new tokens are kept for other nodes; the default is [`DEFAULT_KEPT`](crate::store::DEFAULT_KEPT). For so
    /// long, a caller with the spent refresh token gets the new tokens, such as a browser that never saw the response
    /// with its new session. The shortest time is a minute: whoever waits already must find them.
    pub fn keep_for(mut self, time: Duration) -> Self {
        self.policy.kept = milliseconds(time.max(UNROTATED_KEPT));
        self
    }

    /// Sets what the next node does if it is unknown whether a token was sent; the default is
    /// [`LostLease::TryAgain`].
    pub const fn lost_lease(mut self, lost: LostLease) -> Self {
        self.policy.lost = lost;
        self
    }
}

// A request arrives while its lease lives.
const _: () = assert!(MIN_LEASE.as_secs() > EXCHANGE.as_secs());

impl fmt::Debug for SharedRefreshes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRefreshes").field("policy", &self.policy).finish_non_exhaustive()
    }
}
