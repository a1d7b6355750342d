//! [`Learned`]: the keys that a flow fetched on its way.

use crate::{base::moment::Timestamp, jose::KeySet};
use std::sync::Arc;

/// The keys that a flow fetched on its way. The flow cannot reach your cache, so it returns them.
///
/// Meanwhile the cache may have newer keys. So this value has the time of the request, which
/// [`Renewal::learn`](crate::renew::Renewal::learn) needs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Learned {
    /// The keys, if the flow fetched any because the keys at hand did not verify a token.
    pub keys: Option<Arc<KeySet>>,
    /// The time at which the flow asked for these keys. They are no newer than that, however long the flow took.
    pub keys_asked_at: Option<Timestamp>,
}
