//! [`Session`]: the DPoP key of a session (RFC 9449), and the service tokens that are bound to it.

use super::core::ClientTokens;
use oidc_proto::flow::DpopKey;

/// The key of a session, and the service tokens that are bound to it.
pub(crate) struct Session {
    pub(super) key: DpopKey,
    pub(super) tokens: ClientTokens,
}
