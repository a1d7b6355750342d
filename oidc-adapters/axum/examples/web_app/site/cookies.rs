//! The cookies of a user, sealed in the user's own browser: each pending login with the page to show after it, and the
//! session.
//!
//! Each login has a cookie of its own. If all logins shared one cookie, a login would be lost when two begin at the
//! same time, as when a browser reopens all its tabs: both responses would start from the same cookie, and the later
//! one would overwrite the other.

use super::{Trouble, next};
use axum::{
    extract::Request,
    http::{HeaderValue, header},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use oidc_drive::Clock;
use oidc_proto::{
    Timestamp,
    flow::{AppState, MAX_OPEN_LOGINS, MAX_SEALED, PendingAuthorization, Seal, SealError, SealingKeys},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::Url;

const LOGIN: &str = "login-";
/// The number of characters of a login's `state` that are in the name of its cookie.
const OF_STATE: usize = 16;
const SESSION: &str = "session";

/// The user who has logged in. Anybody with a copy of the cookie is that user until it expires. A site that must
/// be able to end a session from elsewhere keeps its sessions in a store, and only their names in the cookie.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) issuer: String,
    /// The user's identifier at this issuer. The two together identify a user.
    pub(crate) sub: String,
    /// The name to show. It identifies nobody.
    pub(crate) name: Option<String>,
    pub(crate) expires: Timestamp,
}

/// Reads and writes the cookies. A cookie that does not open (changed, cut off, or sealed with a key that has been
/// dropped) counts as absent.
pub(crate) struct Cookies {
    keys: SealingKeys,
    clock: Arc<dyn Clock>,
    origin: String,
    /// The start of every name. A browser accepts a `__Host-` cookie only from this host, over https (RFC 6265bis
    /// section 4.1.3.2). Without https, the ports of a host share their cookies, so the port is the prefix.
    prefix: String,
}

impl Cookies {
    /// Makes the cookies of the site at this origin, such as `https://app.example`.
    pub(crate) fn new(origin: &str, keys: SealingKeys, clock: Arc<dyn Clock>) -> Self {
        let port = Url::parse(origin).ok().and_then(|url| url.port_or_known_default()).unwrap_or_default();
        let is_https = origin.starts_with("https:");
        let prefix = if is_https { "__Host-".to_owned() } else { format!("{port}-") };
        Self { keys, clock, origin: origin.to_owned(), prefix }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the session, if there is one that has not expired.
    pub(crate) fn session(&self, jar: &CookieJar) -> Option<Session> {
        let AppState(session) =
            self.open::<AppState<Session>>(jar.get(&self.name(SESSION))?.value(), SESSION)?;
        (self.now() < session.expires).then_some(session)
    }

    /// Adds this session to the cookies.
    pub(crate) fn log_in(&self, jar: CookieJar, session: &Session) -> Result<CookieJar, Trouble> {
        let sealed = self.seal(SESSION, &AppState(session.clone()))?;
        Ok(jar.add(self.cookie(SESSION, sealed)))
    }

    /// Removes the session from the cookies.
    pub(crate) fn log_out(&self, jar: CookieJar) -> CookieJar {
        jar.remove(self.cookie(SESSION, String::new()))
    }

    /// Adds a pending login to the cookies, with the page to show after it.
    pub(crate) fn remember(
        &self,
        jar: CookieJar,
        pending: &PendingAuthorization,
        next: &str,
    ) -> Result<CookieJar, Trouble> {
        let name = login(pending.state());
        let next = self.seal(&name, &AppState(next.to_owned()))?;
        let begun = format!("{}.{next}", self.seal(&name, pending)?);
        if begun.len() > MAX_SEALED {
            return Err(SealError::TooLarge { bytes: begun.len() }.into());
        }
        Ok(self.make_room(jar).add(self.cookie(&name, begun)))
    }

    /// Makes room for one more login. If there are too many, logins that have ended (or do not open) are removed
    /// first, and then the oldest. The tab of a removed login gets a page about it at its callback.
    fn make_room(&self, mut jar: CookieJar) -> CookieJar {
        let ours = jar.iter().filter_map(|cookie| cookie.name().strip_prefix(&self.prefix));
        let logins = ours.filter(|name| name.starts_with(LOGIN)).map(|name| {
            let since = self.begun(&jar, name).map(|pending| pending.created());
            (since, name.to_owned())
        });
        let mut logins: Vec<_> = logins.collect();
        logins.sort();
        let too_many = (logins.len() + 1).saturating_sub(MAX_OPEN_LOGINS);
        for (_, name) in logins.drain(..too_many) {
            jar = jar.remove(self.cookie(&name, String::new()));
        }
        jar
    }

    /// Removes and returns the login that a callback with this `state` answers. The page to show after it stays, for a
    /// second callback.
    pub(crate) fn take(&self, jar: CookieJar, state: &str) -> (CookieJar, Option<PendingAuthorization>) {
        let name = login(state);
        let Some(pending) = self.begun(&jar, &name).filter(|pending| pending.state() == state) else {
            return (jar, None);
        };
        let ended = self.parts(&jar, &name).map(|(_, next)| format!(".{next}")).unwrap_or_default();
        (jar.add(self.cookie(&name, ended)), Some(pending))
    }

    /// Returns the page to show after the login with this `state`.
    pub(crate) fn next(&self, jar: &CookieJar, state: &str) -> Option<String> {
        let name = login(state);
        let AppState(next) = self.open::<AppState<String>>(self.parts(jar, &name)?.1, &name)?;
        next::local(&next)
    }

    /// Returns the login in this cookie, if it has not ended.
    fn begun(&self, jar: &CookieJar, name: &str) -> Option<PendingAuthorization> {
        self.open(self.parts(jar, name)?.0, name)
    }

    /// Returns the two parts of a login's cookie: `sealed login.sealed next`, and `.sealed next` once it has ended.
    fn parts<'a>(&self, jar: &'a CookieJar, name: &str) -> Option<(&'a str, &'a str)> {
        jar.get(&self.name(name))?.value().split_once('.')
    }

    fn open<S: Seal>(&self, sealed: &str, name: &str) -> Option<S> {
        self.keys.open(sealed, &self.audience(name)).ok()
    }

    fn seal<S: Seal>(&self, name: &str, state: &S) -> Result<String, SealError> {
        self.keys.seal(state, &self.audience(name), self.clock.moment())
    }

    /// Returns the audience of a sealed state: it opens only in its own cookie of its own site.
    fn audience(&self, name: &str) -> String {
        format!("{name} at {}", self.origin)
    }

    /// Makes a cookie. It is `Lax`, because the callback comes from another site.
    fn cookie(&self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build((self.name(name), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_https())
            .build()
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }
}

/// Returns the name of a login's cookie.
fn login(state: &str) -> String {
    format!("{LOGIN}{}", state.get(..OF_STATE).unwrap_or(state))
}

/// Keeps only the cookies of a request that are text. Another application of this host or domain may have set a cookie
/// with arbitrary bytes, and a browser sends it in one header with ours, which must stay readable.
pub(crate) async fn readable(mut request: Request) -> Request {
    let headers = request.headers_mut();
    let pairs =
        headers.get_all(header::COOKIE).iter().flat_map(|cookies| cookies.as_bytes().split(|b| *b == b';'));
    let text = pairs.filter(|pair| pair.is_ascii()).filter_map(|pair| HeaderValue::from_bytes(pair).ok());
    let text: Vec<_> = text.collect();
    headers.remove(header::COOKIE);
    text.into_iter().for_each(|pair| _ = headers.append(header::COOKIE, pair));
    request
}
