//! What the site remembers of a user, sealed in the user's own browser: each login that has begun, with where
//! it wanted to go, and the session.
//!
//! Each login has a cookie of its own. In one for all of them, a login would be lost where two begin at once,
//! as when a browser opens all its tabs again: both answers would be made of the same cookie, and the later
//! one would stand.

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
/// So much of a login's `state` is the name of its cookie.
const OF_STATE: usize = 16;
const SESSION: &str = "session";

/// Who has logged in. Whoever has a copy of the cookie is that user until it expires: a site that must
/// be able to end sessions of others keeps them in a store, and their names in the cookie.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) issuer: String,
    /// The user's name at this issuer: the two together are what to know users by.
    pub(crate) sub: String,
    /// For the eye alone.
    pub(crate) name: Option<String>,
    pub(crate) expires: Timestamp,
}

/// Reads and writes the cookies. One that does not open (changed, cut off, sealed with a key that has been
/// dropped) is no cookie.
pub(crate) struct Cookies {
    keys: SealingKeys,
    clock: Arc<dyn Clock>,
    origin: String,
    /// What every name begins with. A browser takes a `__Host-` cookie from this host alone, over https
    /// (RFC 6265bis section 4.1.3.2). Without https, the ports of a host share their cookies.
    prefix: String,
}

impl Cookies {
    /// Cookies for the site at this origin, `https://app.example` say.
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

    /// Who is there, if somebody has logged in and not too long ago.
    pub(crate) fn session(&self, jar: &CookieJar) -> Option<Session> {
        let AppState(session) =
            self.open::<AppState<Session>>(jar.get(&self.name(SESSION))?.value(), SESSION)?;
        (self.now() < session.expires).then_some(session)
    }

    /// The user is who this session says.
    pub(crate) fn log_in(&self, jar: CookieJar, session: &Session) -> Result<CookieJar, Trouble> {
        let sealed = self.seal(SESSION, &AppState(session.clone()))?;
        Ok(jar.add(self.cookie(SESSION, sealed)))
    }

    /// Nobody is there any more.
    pub(crate) fn log_out(&self, jar: CookieJar) -> CookieJar {
        jar.remove(self.cookie(SESSION, String::new()))
    }

    /// Keeps a login that has begun, and where it leads to.
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

    /// For one more login: of too many, those that have ended (or do not open) give way first, and then the
    /// oldest, whose tab will be told so at its callback.
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

    /// Takes out the login that a callback with this `state` answers. Where it wanted to go stays, for callbacks
    /// that come twice.
    pub(crate) fn take(&self, jar: CookieJar, state: &str) -> (CookieJar, Option<PendingAuthorization>) {
        let name = login(state);
        let Some(pending) = self.begun(&jar, &name).filter(|pending| pending.state() == state) else {
            return (jar, None);
        };
        let ended = self.parts(&jar, &name).map(|(_, next)| format!(".{next}")).unwrap_or_default();
        (jar.add(self.cookie(&name, ended)), Some(pending))
    }

    /// Where the login with this `state` wanted to go.
    pub(crate) fn next(&self, jar: &CookieJar, state: &str) -> Option<String> {
        let name = login(state);
        let AppState(next) = self.open::<AppState<String>>(self.parts(jar, &name)?.1, &name)?;
        next::local(&next)
    }

    /// The login in this cookie, if it has not ended.
    fn begun(&self, jar: &CookieJar, name: &str) -> Option<PendingAuthorization> {
        self.open(self.parts(jar, name)?.0, name)
    }

    /// The cookie of a login: `sealed login.sealed next`, and `.sealed next` once it has ended.
    fn parts<'a>(&self, jar: &'a CookieJar, name: &str) -> Option<(&'a str, &'a str)> {
        jar.get(&self.name(name))?.value().split_once('.')
    }

    fn open<S: Seal>(&self, sealed: &str, name: &str) -> Option<S> {
        self.keys.open(sealed, &self.audience(name)).ok()
    }

    fn seal<S: Seal>(&self, name: &str, state: &S) -> Result<String, SealError> {
        self.keys.seal(state, &self.audience(name), self.clock.moment())
    }

    /// A sealed state counts in its own cookie of its own site, and nowhere else.
    fn audience(&self, name: &str) -> String {
        format!("{name} at {}", self.origin)
    }

    /// `Lax`, because the callback comes from another site.
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

/// The name of a login's cookie.
fn login(state: &str) -> String {
    format!("{LOGIN}{}", state.get(..OF_STATE).unwrap_or(state))
}

/// Only the cookies that are text. Other applications of this host or domain may have set one of any bytes,
/// and a browser sends it in one header with ours, which must be read all the same.
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
