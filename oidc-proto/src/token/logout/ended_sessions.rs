//! [`EndedSessions`]: which sessions of a user a logout ends (Back-Channel Logout 1.0 section 2.7, Front-Channel Logout
//! 1.0 section 2).

use std::fmt;

/// Which sessions a logout at the provider ends here: the one with a `sid`, or all of a user. `Debug` shows no `sid`,
/// because whoever knows one can log its user out by the front channel.
///
/// `oidc_drive::store::Revoked` can be made from it.
///
/// ```
/// use oidc_proto::token::{EndedSessions, IdToken};
///
/// /// Whether a session ends that began with this ID token.
/// fn ends(logout: &EndedSessions, login: &IdToken) -> bool {
///     logout.include(&login.iss, &login.sub, login.sid.as_deref())
/// }
/// # let _ = ends;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EndedSessions {
    iss: String,
    which: Which,
}

#[derive(Clone, PartialEq, Eq)]
enum Which {
    Session { sid: String, sub: Option<String> },
    OfUser { sub: String },
}

impl EndedSessions {
    pub(crate) fn session(iss: &str, sid: &str, sub: Option<&str>) -> Self {
        let which = Which::Session { sid: sid.to_owned(), sub: sub.map(str::to_owned) };
        Self { iss: iss.to_owned(), which }
    }

    pub(crate) fn of_user(iss: &str, sub: &str) -> Self {
        Self { iss: iss.to_owned(), which: Which::OfUser { sub: sub.to_owned() } }
    }

    /// Returns the issuer: sessions that began with an ID token of another one go on.
    #[must_use]
    pub fn iss(&self) -> &str {
        &self.iss
    }

    /// Returns the `sid` of the session that ends. `None` if all sessions of the user end.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        match &self.which {
            Which::Session { sid, .. } => Some(sid),
            Which::OfUser { .. } => None,
        }
    }

    /// Returns the user. `None` if the logout names a session alone.
    #[must_use]
    pub fn sub(&self) -> Option<&str> {
        match &self.which {
            Which::Session { sub, .. } => sub.as_deref(),
            Which::OfUser { sub } => Some(sub),
        }
    }

    /// Returns what ends if the provider means the user wherever it names one, and the session only otherwise: some
    /// providers name one `sid` although they have logged the user out everywhere (Keycloak did until 2026).
    #[must_use]
    pub fn by_user(&self) -> Self {
        match self.sub() {
            Some(sub) => Self::of_user(&self.iss, sub),
            None => self.clone(),
        }
    }

    /// Whether a session ends that began with an ID token with these claims. A session without a `sid` ends only by its
    /// user.
    #[must_use]
    pub fn include(&self, iss: &str, sub: &str, sid: Option<&str>) -> bool {
        let same = match &self.which {
            Which::Session { sid: ended, sub: of } => {
                sid == Some(ended) && of.as_deref().is_none_or(|of| of == sub)
            }
            Which::OfUser { sub: of } => of == sub,
        };
        iss == self.iss && same
    }
}

impl fmt::Debug for EndedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("EndedSessions");
        shown.field("iss", &self.iss).field("sub", &self.sub()).field("by_sid", &self.sid().is_some());
        shown.finish()
    }
}
