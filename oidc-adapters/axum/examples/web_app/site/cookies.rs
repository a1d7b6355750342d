//! What the site remembers of a user, sealed in the user's own browser: the logins of all tabs, where
//! each of them wanted to go, and the session.

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
    flow::{Custom, MAX_OPEN_LOGINS, OpenLogins, PendingAuthorization, Seal, SealError, SealingKeys},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const LOGINS: &str = "logins";
const NEXT: &str = "next";
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

/// Where each login wanted to go, by its `state`; the oldest first.
type Wanted = Vec<(String, String)>;

/// Reads and writes the cookies. One that does not open (changed, cut off, sealed with a key that has been
/// dropped) is no cookie.
pub(crate) struct Cookies {
    keys: SealingKeys,
    clock: Arc<dyn Clock>,
    origin: String,
}

impl Cookies {
    /// Cookies for the site at this origin, `https://app.example` say.
    pub(crate) fn new(origin: &str, keys: SealingKeys, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock, origin: origin.to_owned() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Who is there, if somebody has logged in and not too long ago.
    pub(crate) fn session(&self, jar: &CookieJar) -> Option<Session> {
        let Custom(session) = self.open::<Custom<Session>>(jar, SESSION)?;
        (self.now() < session.expires).then_some(session)
    }

    /// The user is who this session says.
    pub(crate) fn log_in(&self, jar: CookieJar, session: &Session) -> Result<CookieJar, Trouble> {
        Ok(jar.add(self.seal(SESSION, &Custom(session.clone()))?))
    }

    /// Nobody is there any more.
    pub(crate) fn log_out(&self, jar: CookieJar) -> CookieJar {
        jar.remove(self.cookie(SESSION, String::new()))
    }

    /// Keeps a login that has begun, and where it leads to.
    pub(crate) fn remember(
        &self,
        jar: CookieJar,
        pending: PendingAuthorization,
        next: &str,
    ) -> Result<CookieJar, Trouble> {
        let mut wanted = self.wanted(&jar);
        wanted.push((pending.state().to_owned(), next.to_owned()));
        let too_many = wanted.len().saturating_sub(MAX_OPEN_LOGINS);
        wanted.drain(..too_many);
        let mut open: OpenLogins = self.open(&jar, LOGINS).unwrap_or_default();
        // Of too many tabs the oldest gives way; it will be told so at its callback.
        let _oldest = open.add(pending, self.now());
        Ok(jar.add(self.seal(LOGINS, &open)?).add(self.seal(NEXT, &Custom(wanted))?))
    }

    /// Takes out the login that a callback with this `state` answers.
    pub(crate) fn take(
        &self,
        jar: CookieJar,
        state: &str,
    ) -> Result<(CookieJar, Option<PendingAuthorization>), Trouble> {
        let mut open: OpenLogins = self.open(&jar, LOGINS).unwrap_or_default();
        let Some(pending) = open.take(state) else { return Ok((jar, None)) };
        let jar = if open.is_empty() {
            jar.remove(self.cookie(LOGINS, String::new()))
        } else {
            jar.add(self.seal(LOGINS, &open)?)
        };
        Ok((jar, Some(pending)))
    }

    /// Where the login with this `state` wanted to go. Still known when the login has ended, for callbacks
    /// that come twice.
    pub(crate) fn next(&self, jar: &CookieJar, state: &str) -> Option<String> {
        let found = self.wanted(jar).into_iter().find(|(of, _)| of == state);
        found.and_then(|(_, next)| next::local(&next))
    }

    fn wanted(&self, jar: &CookieJar) -> Wanted {
        self.open::<Custom<Wanted>>(jar, NEXT).map_or_else(Vec::new, |Custom(wanted)| wanted)
    }

    fn open<S: Seal>(&self, jar: &CookieJar, name: &str) -> Option<S> {
        self.keys.open(jar.get(&self.name(name))?.value(), &self.audience(name)).ok()
    }

    fn seal<S: Seal>(&self, name: &str, state: &S) -> Result<Cookie<'static>, SealError> {
        let sealed = self.keys.seal(state, &self.audience(name), self.clock.moment())?;
        Ok(self.cookie(name, sealed))
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

    /// A browser takes a `__Host-` cookie from this host alone, over https (RFC 6265bis section 4.1.3.2).
    fn name(&self, name: &str) -> String {
        if self.is_https() { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }
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
