//! [`Learned`]: what a flow learned on its way.

use crate::{base::moment::Timestamp, jose::KeySet};
use std::sync::Arc;

/// What a flow learned on its way: it cannot reach your caches, so it gives it to you. By the time it does,
/// they may hold something newer, so it says how old it is:
/// [`Renewal::learn`](crate::renew::Renewal::learn) wants to know.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Learned {
    /// Keys that were fetched because those at hand did not vouch for a token.
    pub keys: Option<Arc<KeySet>>,
    /// When the flow has asked for these keys. They are no newer than that, however long the flow went on.
    pub keys_asked_at: Option<Timestamp>,
}
