//! The site: a home page for everyone, pages for users who have logged in, and the pages that log them in and out.
//!
//! ```text
//! /private ─▶ /login?next=/private ─▶ the provider … the user is away … ─▶ /callback ─▶ /private
//! ```
//!
//! The server stores nothing: the state of a user is sealed in the user's own browser. So any number
//! of nodes with the same sealing keys can serve the same users.

mod cookies;
mod failure;
pub(crate) mod next;
mod pages;

pub(crate) use cookies::Cookies;
pub(crate) use failure::{Failure, Trouble};

use axum::{
    Router,
    extract::{OriginalUri, RawQuery, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    middleware::{map_request, map_response},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::CookieJar;
use cookies::Session;
use oidc_proto::{
    Error, Secret, Timestamp, UrlPolicy,
    flow::{Authenticated, PendingAuthorization},
    message::AuthorizationResponse,
};
use std::sync::Arc;
use url::{Url, form_urlencoded};

/// How long a user stays logged in, in seconds.
pub(crate) const SESSION_LIFETIME: i64 = 8 * 3600;

/// The number of characters of a name that the session keeps. Names can be long, and a cookie cannot.
const MAX_NAME: usize = 100;

/// Allows no content from other sites, no inline content, no frames, and no forms to other sites.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Begins and ends a login. The two examples implement it in different ways.
pub(crate) trait Logins: Send + Sync + 'static {
    /// Begins a login. Returns the URL to send the user to, and the state to keep until the user returns.
    fn begin(&self) -> impl Future<Output = Result<(Url, PendingAuthorization), Trouble>> + Send;

    /// Ends a login. Returns the user who came back with this response.
    fn end(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> impl Future<Output = Result<Authenticated, Trouble>> + Send;
}

/// The provider where users log in, and the registration of the site there.
pub(crate) struct Registered {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) secret: Option<Secret>,
    pub(crate) redirect_uri: String,
}

impl Registered {
    /// Returns a policy that allows plain http on this machine, if the issuer is on this machine.
    pub(crate) fn url_policy(&self) -> UrlPolicy {
        let is_local = Url::parse(&self.issuer).is_ok_and(|issuer| is_this_machine(&issuer));
        if is_local { UrlPolicy::default().with_loopback() } else { UrlPolicy::default() }
    }
}

/// Returns the origin of the site's address as users see it: https, or plain http on this machine.
pub(crate) fn public_origin(url: &str) -> Result<String, String> {
    let parsed = Url::parse(url).map_err(|error| error.to_string())?;
    let origin = parsed.origin().ascii_serialization();
    let is_local = is_this_machine(&parsed);
    if parsed.as_str() != format!("{origin}/") {
        return Err("give a scheme and a host alone, such as https://app.example".to_owned());
    }
    match parsed.scheme() {
        "https" => Ok(origin),
        "http" if is_local => Ok(origin),
        _ => Err("users and their cookies must come by https, unless it is this machine".to_owned()),
    }
}

fn is_this_machine(url: &Url) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].contains(&url.host_str().unwrap_or_default())
}

/// Everything that the pages need.
pub(crate) struct Site<L> {
    pub(crate) logins: L,
    pub(crate) cookies: Cookies,
    /// Takes lines for the operator of the site.
    pub(crate) log: Box<dyn Fn(&str) + Send + Sync>,
}

impl<L> Site<L> {
    fn fails(&self, trouble: &Trouble, next: &str) -> Response {
        trouble.report().iter().for_each(|line| (self.log)(line));
        trouble.page(next)
    }
}

type Of<L> = State<Arc<Site<L>>>;

/// Returns the site as a service.
pub(crate) fn router<L: Logins>(site: Site<L>) -> Router {
    Router::new()
        .route("/", get(home::<L>))
        .route("/private", get(private::<L>))
        .route("/private/letters", get(letters::<L>))
        .route("/login", get(login::<L>))
        .route("/callback", get(callback::<L>))
        .route("/logout", post(logout::<L>))
        .route("/style.css", get(pages::style))
        .route("/back.js", get(pages::back))
        .fallback(async || Failure::NotFound.page("/"))
        .method_not_allowed_fallback(async || Failure::Method.page("/"))
        .layer(map_response(with_headers))
        .layer(map_request(cookies::readable))
        .with_state(Arc::new(site))
}

/// The home page, for everyone.
async fn home<L: Logins>(State(site): Of<L>, jar: CookieJar) -> Response {
    pages::home(site.cookies.session(&jar).as_ref()).into_response()
}

/// The user's page, for users who have logged in.
async fn private<L: Logins>(State(site): Of<L>, OriginalUri(uri): OriginalUri, jar: CookieJar) -> Response {
    match site.cookies.session(&jar) {
        Some(session) => pages::private(&session, site.cookies.now()).into_response(),
        None => to_login(&uri),
    }
}

async fn letters<L: Logins>(State(site): Of<L>, OriginalUri(uri): OriginalUri, jar: CookieJar) -> Response {
    match site.cookies.session(&jar) {
        Some(session) => pages::letters(&session).into_response(),
        None => to_login(&uri),
    }
}

fn to_login(uri: &Uri) -> Response {
    let here = uri.path_and_query().map_or("/", |here| here.as_str());
    Redirect::to(&login_for(here)).into_response()
}

/// Returns the link that logs the user in and then leads to a page of this site.
fn login_for(next: &str) -> String {
    format!("/login?{}", form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish())
}

/// Begins a login. `next` is the page to show after it.
async fn login<L: Logins>(State(site): Of<L>, RawQuery(query): RawQuery, jar: CookieJar) -> Response {
    let query = query.unwrap_or_default();
    let wanted = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    let next = wanted.and_then(|(_, next)| next::local(&next)).unwrap_or("/".to_owned());
    if site.cookies.session(&jar).is_some() {
        return Redirect::to(&next).into_response();
    }
    let begun = match site.logins.begin().await {
        Ok((url, pending)) => site.cookies.remember(jar, &pending, &next).map(|jar| (url, jar)),
        Err(trouble) => Err(trouble),
    };
    match begun {
        Ok((url, jar)) => (jar, Redirect::to(url.as_str())).into_response(),
        Err(trouble) => site.fails(&trouble, &next),
    }
}

/// Ends a login. The provider sends the user back to here.
async fn callback<L: Logins>(State(site): Of<L>, RawQuery(query): RawQuery, jar: CookieJar) -> Response {
    let response = match AuthorizationResponse::from_query(&query.unwrap_or_default()) {
        Ok(response) => response,
        Err(form) => return site.fails(&Trouble::Protocol(Error::from(form)), "/"),
    };
    let state = response.state.clone().unwrap_or_default();
    let next = site.cookies.next(&jar, &state).unwrap_or("/".to_owned());
    let (jar, pending) = match site.cookies.take(jar, &state) {
        (jar, Some(pending)) => (jar, pending),
        // A callback that comes again (a reload, or the back button) has already done its work.
        (jar, None) if site.cookies.session(&jar).is_some() => {
            return Redirect::to(&next).into_response();
        }
        (_, None) => return Failure::Unknown.page(&next),
    };
    let user = match site.logins.end(pending, response).await {
        Ok(user) => user,
        Err(trouble) => return (jar, site.fails(&trouble, &next)).into_response(),
    };
    match site.cookies.log_in(jar.clone(), &session(&user, site.cookies.now())) {
        Ok(jar) => (jar, Redirect::to(&next)).into_response(),
        Err(trouble) => (jar, site.fails(&trouble, &next)).into_response(),
    }
}

/// Returns the session of a user: the values that the site needs.
fn session(user: &Authenticated, now: Timestamp) -> Session {
    Session {
        issuer: user.id_token.iss.clone(),
        sub: user.id_token.sub.clone(),
        name: user.name().map(|name| name.chars().take(MAX_NAME).collect()),
        expires: now.plus(SESSION_LIFETIME),
    }
}

/// Logs the user out. It takes only a POST from this site, so no image and no other site can log a user out.
async fn logout<L: Logins>(State(site): Of<L>, headers: HeaderMap, jar: CookieJar) -> Response {
    if !is_from_here(&headers, site.cookies.origin()) {
        return Failure::Forged.page("/");
    }
    (site.cookies.log_out(jar), Redirect::to("/")).into_response()
}

/// Whether a request comes from this site. Browsers report the origin of a request in `Sec-Fetch-Site` (Fetch
/// Metadata), and older browsers in `Origin`.
fn is_from_here(headers: &HeaderMap, origin: &str) -> bool {
    match (headers.get("sec-fetch-site"), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(from)) => from == origin,
        (None, None) => false,
    }
}

/// Adds the headers of every response, unless the response has set them itself.
async fn with_headers(OriginalUri(uri): OriginalUri, mut response: Response) -> Response {
    // The URL of a callback contains a code, and must not reach another site.
    let referrer = if uri.path() == "/callback" { "no-referrer" } else { "same-origin" };
    let always = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, referrer),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in always {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
