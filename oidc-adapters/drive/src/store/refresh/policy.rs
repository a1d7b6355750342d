//! [`LostLease`] and [`Policy`]: what a node does about a refresh that another node began, and how long things take.

use oidc_proto::flow::TIMEOUT;
use std::time::Duration;

/// What the next node does if a node took the lease of a refresh token, and its lease ended without an outcome. That
/// node may have crashed before it sent the token, or after it. Nobody knows whether the provider has spent the token.
///
/// ```
/// use oidc_drive::store::LostLease;
///
/// // Nobody is logged out unless the provider says so.
/// assert_eq!(LostLease::default(), LostLease::TryAgain);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LostLease {
    /// Sends the token again when the lease has ended. If it was not sent before, or if the provider accepts a token
    /// again for a short time, the session goes on. Otherwise the provider refuses, and may revoke all tokens of this
    /// login: the new tokens are lost with the node that crashed, so the session was over in any case. The refusal is
    /// then [`SharedRefreshError::RefusedAfterLoss`](crate::store::SharedRefreshError::RefusedAfterLoss).
    ///
    /// There is one case in which this ends a session that could have gone on. The first node did not crash, but stood
    /// still for longer than its lease, with the new tokens in its memory.
    #[default]
    TryAgain,
    /// Never sends such a token again: the user logs in again
    /// ([`SharedRefreshError::MaybeSpent`](crate::store::SharedRefreshError::MaybeSpent)), even if the token was not sent. For a
    /// provider that takes a second use for theft, and then does more than end this session, such as locking the account.
    LogInAgain,
}

/// The longest time from the decision to send a refresh token until it has reached the provider: two requests, because
/// a provider may ask for another DPoP nonce, and five seconds for clocks that do not run at the same speed.
pub(crate) const EXCHANGE: Duration = TIMEOUT.saturating_mul(2).saturating_add(Duration::from_secs(5));

/// How much of the lease must be left when a request is sent for which credentials were read under the lease: one request,
/// and five seconds for clocks that do not run at the same speed.
pub(crate) const REQUEST: Duration = TIMEOUT.saturating_add(Duration::from_secs(5));

/// The shortest lease.
pub const MIN_LEASE: Duration = Duration::from_secs(30);
/// The default lease.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(60);
/// The default time for which a caller waits for another node.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(20);
/// The default time for which new tokens are kept for other nodes.
pub const DEFAULT_KEPT: Duration = Duration::from_secs(600);

/// How often a caller that waits for another node looks.
const POLL: Duration = Duration::from_millis(200);
/// How long it is kept that a token may be spent. Some refresh tokens live that long.
const LOST_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long the outcome is kept if the refresh token was not replaced. Only callers that wait already need it.
pub(crate) const UNROTATED_KEPT: Duration = Duration::from_secs(60);

/// The times of the protocol, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Policy {
    pub(crate) lease: u64,
    /// How much of the lease must be left when the token is sent.
    pub(crate) exchange: u64,
    /// How often another caller may be faster in one call.
    pub(crate) tries: u8,
    pub(crate) patience: u64,
    pub(crate) poll: u64,
    pub(crate) kept: u64,
    pub(crate) unrotated_kept: u64,
    pub(crate) lost_kept: u64,
    pub(crate) lost: LostLease,
}

impl Policy {
    pub(crate) fn new() -> Self {
        Self {
            lease: milliseconds(DEFAULT_LEASE),
            exchange: milliseconds(EXCHANGE),
            tries: 8,
            patience: milliseconds(DEFAULT_PATIENCE),
            poll: milliseconds(POLL),
            kept: milliseconds(DEFAULT_KEPT),
            unrotated_kept: milliseconds(UNROTATED_KEPT),
            lost_kept: milliseconds(LOST_KEPT),
            lost: LostLease::default(),
        }
    }
}

/// Converts a duration to whole milliseconds. Saturates.
pub(crate) fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
