//! From a login to the values that its refreshes must repeat.

use super::{grant::PreviousLogin, login::Authenticated};

/// Keeps the DPoP key of the login, too: the refresh token of a public client is bound to it (RFC 9449 section 5), and is
/// then not sent with another key.
impl From<&Authenticated> for PreviousLogin {
    fn from(user: &Authenticated) -> Self {
        Self::from(&user.id_token).bound(user.dpop_jkt.clone())
    }
}
