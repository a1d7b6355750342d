//! [`Web`]: pages at URLs, whole sites at hosts, and the log of every request: a network in memory for a flow that visits
//! several servers.

use crate::{
    drive::{Clock, drive_with},
    world::Site,
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use oidc_proto::{
    Error, Timestamp,
    flow::{Flow, Step, Terms},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// What a URL answers.
///
/// ```
/// use oidc_testkit::web::Page;
///
/// let busy = Page::status(503).header("retry-after", "30");
/// let slow = Page::json(&serde_json::json!({"resource": "https://api.example"})).after(60);
/// # let _ = (busy, slow);
/// ```
#[derive(Clone, Debug)]
pub struct Page {
    /// The number of seconds until the whole response is there.
    seconds: u64,
    /// `None` if no response ever comes.
    response: Option<Response<Vec<u8>>>,
}

impl Page {
    /// A page with this status, media type and body. It has no `Content-Type` if the media type is empty.
    ///
    /// # Panics
    /// If no status or no media type is like this.
    #[must_use]
    pub fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status of three digits");
        let page = Self { seconds: 0, response: Some(response) };
        if media_type.is_empty() { page } else { page.header("content-type", media_type) }
    }

    /// A document: status 200, and JSON.
    #[must_use]
    pub fn json(document: &Value) -> Self {
        Self::new(200, "application/json", document.to_string())
    }

    /// A page of a web application: status 200, and HTML.
    #[must_use]
    pub fn html() -> Self {
        Self::new(200, "text/html; charset=utf-8", "<!doctype html><title>Welcome</title>")
    }

    /// A response with this status and a short page.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(status, "text/html; charset=utf-8", "<!doctype html><title>Sorry</title>")
    }

    /// A redirect to this URL.
    #[must_use]
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::status(status).header("location", to)
    }

    /// No response, however long one waits.
    #[must_use]
    pub const fn lost() -> Self {
        Self { seconds: 0, response: None }
    }

    /// The same page, with one more header.
    ///
    /// # Panics
    /// If no header is like this.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(response) = &mut self.response {
            let name = HeaderName::try_from(name).expect("the name of a header");
            response.headers_mut().append(name, HeaderValue::from_str(value).expect("the value of a header"));
        }
        self
    }

    /// The same page, with white space behind it, so that its body has this many bytes. White space behind JSON leaves it
    /// JSON.
    #[must_use]
    pub fn padded(mut self, bytes: usize) -> Self {
        if let Some(response) = &mut self.response {
            let length = response.body().len().max(bytes);
            response.body_mut().resize(length, b' ');
        }
        self
    }

    /// The same page, which is whole only after this many seconds. A client whose time is up before gets no response.
    #[must_use]
    pub const fn after(mut self, seconds: u64) -> Self {
        self.seconds = seconds;
        self
    }
}

/// One request, as an observer of the network sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Visit {
    /// The request.
    pub request: Request<Vec<u8>>,
    /// The terms of the request.
    pub terms: Terms,
    /// The status of the response, if one came.
    pub status: Option<u16>,
    /// The number of bytes of the body that the client has read.
    pub bytes: usize,
}

impl Visit {
    /// The URL of the request.
    #[must_use]
    pub fn url(&self) -> String {
        self.request.uri().to_string()
    }
}

type Answering = Box<dyn FnMut(&Request<Vec<u8>>, Timestamp) -> Page + Send>;

/// Pages and sites in memory, and the log of the requests for them. Everything else is 404.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::ResourceDiscovery};
/// use oidc_testkit::{Clock, Seed, Timestamp, web::{Page, Web}};
/// use serde_json::json;
///
/// let mut web = Web::new();
/// let place = "https://api.example/.well-known/oauth-protected-resource";
/// web.put(place, Page::json(&json!({"resource": "https://api.example"})));
///
/// let mut clock = Clock::new(Timestamp(1_800_000_000), Seed::new(1));
/// let call = ResourceDiscovery::start("https://api.example", &UrlPolicy::default())?;
/// let found = web.drive(call, &mut clock)?.expect("a response came");
/// assert_eq!(found.resource, "https://api.example");
/// assert_eq!(web.urls(), [place]);
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Default)]
pub struct Web {
    pages: BTreeMap<String, Answering>,
    /// By host, with its port.
    sites: BTreeMap<String, Answering>,
    visits: Vec<Visit>,
}

impl Web {
    /// A network without a page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a page at this URL, which must be as a request has it.
    pub fn put(&mut self, url: &str, page: Page) {
        self.on(url, move |_, _| page.clone());
    }

    /// Has a function answer at this URL.
    pub fn on(
        &mut self,
        url: &str,
        answer: impl FnMut(&Request<Vec<u8>>, Timestamp) -> Page + Send + 'static,
    ) {
        self.pages.insert(url.to_owned(), Box::new(answer));
    }

    /// Puts a site, such as a [`TestProvider`](crate::TestProvider), at the host of this URL. The pages at this host come
    /// first.
    ///
    /// # Panics
    /// If the URL has no host.
    pub fn site(&mut self, url: &str, mut site: impl Site + 'static) {
        self.host(url, move |request, now| Page { seconds: 0, response: Some(site.handle(request, now)) });
    }

    /// Has a function answer everything at the host of this URL. The pages at this host come first.
    ///
    /// # Panics
    /// If the URL has no host.
    pub fn host(
        &mut self,
        url: &str,
        answer: impl FnMut(&Request<Vec<u8>>, Timestamp) -> Page + Send + 'static,
    ) {
        let uri: http::Uri = url.parse().expect("a URL");
        let host = uri.authority().expect("a URL with a host").to_string();
        self.sites.insert(host, Box::new(answer));
    }

    /// Sends a request, and returns what comes within the terms: a body is cut off one byte after the largest.
    pub fn send(
        &mut self,
        request: &Request<Vec<u8>>,
        terms: &Terms,
        now: Timestamp,
    ) -> Option<Response<Vec<u8>>> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let page = match self.pages.get_mut(&request.uri().to_string()).or_else(|| self.sites.get_mut(&host))
        {
            Some(answer) => answer(request, now),
            None => Page::status(404),
        };
        let in_time = page.seconds < terms.timeout.as_secs();
        let response = page.response.filter(|_| in_time).map(|mut response| {
            response.body_mut().truncate(terms.max_body.saturating_add(1));
            response
        });
        self.visits.push(Visit {
            request: request.clone(),
            terms: *terms,
            status: response.as_ref().map(|response| response.status().as_u16()),
            bytes: response.as_ref().map_or(0, |response| response.body().len()),
        });
        response
    }

    /// Runs a flow to its end. The result is `None` if the flow gave up because no response came.
    ///
    /// # Errors
    /// The error that ended the flow.
    ///
    /// # Panics
    /// If the flow does not end.
    pub fn drive<F: Flow>(
        &mut self,
        step: impl Into<Step<F>>,
        clock: &mut Clock,
    ) -> Result<Option<F::Output>, Error> {
        drive_with(step, clock, |request, terms, now| self.send(request, terms, now))
    }

    /// Every request so far.
    #[must_use]
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// The URL of every request so far.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.visits.iter().map(Visit::url).collect()
    }

    /// The number of bytes that the client has read so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.visits.iter().map(|visit| visit.bytes).sum()
    }

    /// Forgets the requests so far.
    pub fn forget(&mut self) {
        self.visits.clear();
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pages, sites): (Vec<_>, Vec<_>) = (self.pages.keys().collect(), self.sites.keys().collect());
        f.debug_struct("Web").field("pages", &pages).field("sites", &sites).finish_non_exhaustive()
    }
}

/// A `WWW-Authenticate` header for each of these challenges, as a response to a request without a token has it.
///
/// # Panics
/// If a challenge is no value of a header.
#[must_use]
pub fn challenged(challenges: &[&str]) -> http::HeaderMap {
    let value = |text: &&str| HeaderValue::from_str(text).expect("the value of a header");
    challenges.iter().map(|text| (header::WWW_AUTHENTICATE, value(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Seed, TestProvider};
    use oidc_proto::{UrlPolicy, flow::Discovery};

    fn clock() -> Clock {
        Clock::new(Timestamp(1_800_000_000), Seed::new(1))
    }

    fn ask(web: &mut Web, url: &str, max_body: usize) -> Option<(u16, usize)> {
        let mut terms = Terms::new(oidc_proto::flow::Endpoint::Discovery);
        terms.max_body = max_body;
        let request = Request::get(url).body(Vec::new()).unwrap();
        let response = web.send(&request, &terms, Timestamp(1_800_000_000))?;
        Some((response.status().as_u16(), response.body().len()))
    }

    #[test]
    fn a_page_is_at_its_url_and_nothing_is_anywhere_else() {
        let mut web = Web::new();
        web.put("https://a.example/x", Page::json(&serde_json::json!({})));
        assert_eq!(ask(&mut web, "https://a.example/x", 9), Some((200, 2)));
        for other in ["https://a.example/x?", "https://a.example/x/", "https://b.example/x"] {
            assert_eq!(ask(&mut web, other, 0), Some((404, 1)), "{other}");
        }
        assert_eq!((web.urls().len(), web.bytes()), (4, 5));
        web.forget();
        assert_eq!(web.visits().len(), 0);
    }

    #[test]
    fn a_site_answers_at_its_host_but_where_a_page_is() {
        let mut web = Web::new();
        web.site("https://op.example", TestProvider::new("https://op.example"));
        let ask = || Discovery::start("https://op.example", &UrlPolicy::default()).unwrap();
        assert!(web.drive(ask(), &mut clock()).unwrap().is_some());
        web.put("https://op.example/.well-known/openid-configuration", Page::lost());
        assert!(web.drive(ask(), &mut clock()).unwrap().is_none());
        assert_eq!(web.visits()[1].status, None);
    }

    #[test]
    fn a_slow_page_comes_within_the_time_of_the_terms_or_not_at_all() {
        let mut web = Web::new();
        for (seconds, came) in [(0, true), (9, true), (10, false), (3600, false)] {
            web.put("https://a.example/", Page::html().after(seconds));
            assert_eq!(ask(&mut web, "https://a.example/", 99).is_some(), came, "{seconds} s");
        }
        web.put("https://a.example/", Page::html().padded(1000));
        assert_eq!(ask(&mut web, "https://a.example/", 99), Some((200, 100)), "one byte more than the most");
    }
}
