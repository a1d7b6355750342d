//! [`LogoutToken`]: the claims of a verified logout token (Back-Channel Logout 1.0 section 2.4).

use super::EndedSessions;
use crate::base::moment::Timestamp;
use std::fmt;

/// The claims of a verified logout token. `Debug` shows neither its identifier nor a `sid`.
///
/// Accept each token once: see [`replay_key`](Self::replay_key).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutToken {
    /// Which sessions end.
    pub ends: EndedSessions,
    /// The client that the token is for.
    pub client_id: String,
    /// The identifier of the token.
    pub jti: String,
    /// When the token was issued. A user who has logged in later stays logged in.
    pub iat: Timestamp,
    /// When the token expires.
    pub exp: Option<Timestamp>,
    /// The last second in which the verifier could accept the token: remember `jti` until then.
    pub usable_until: Timestamp,
}

impl fmt::Debug for LogoutToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutToken")
            .field("ends", &self.ends)
            .field("client_id", &self.client_id)
            .field("iat", &self.iat)
            .field("exp", &self.exp)
            .finish_non_exhaustive()
    }
}
