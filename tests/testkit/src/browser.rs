//! [`Browser`]: plays the user's browser against a [`TestProvider`].

use crate::provider::TestProvider;
use http::{Request, StatusCode, header};
use oidc_proto::base::Timestamp;
use std::fmt;
use url::Url;

/// A browser that follows redirects. It never fills in a form: the provider's user consents at once.
///
/// ```
/// use oidc_proto::message::AuthorizationRequest;
/// use oidc_testkit::{Browser, Party};
///
/// let mut party = Party::new();
/// let (url, _pending) = party.authorize(&AuthorizationRequest::default())?;
/// let landing = Browser::new().visit(&mut party.provider, &url, party.clock.now());
/// assert!(landing.url().starts_with("https://app.example/callback?"));
/// assert!(landing.parameter("code").is_some());
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Browser {
    visited: usize,
}

/// The place where a visit ended.
#[derive(Clone, PartialEq, Eq)]
pub enum Landing {
    /// The provider sent the browser back to the client. This is the whole redirect URI, with the response
    /// in it.
    Callback(String),
    /// The provider showed a page: its status and its body.
    Page(StatusCode, String),
}

impl Browser {
    /// A browser that has visited nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of requests that this browser has sent to the provider.
    #[must_use]
    pub fn visited(&self) -> usize {
        self.visited
    }

    /// Opens a URL of the provider and follows redirects until one leaves the authorization endpoint. After
    /// ten redirects it gives up with a page of status 508.
    ///
    /// # Panics
    /// If no request can be sent to the URL.
    pub fn visit(&mut self, provider: &mut TestProvider, url: impl AsRef<str>, now: Timestamp) -> Landing {
        let mut url = url.as_ref().to_owned();
        for _ in 0..10 {
            self.visited += 1;
            let request = Request::get(&url)
                .header(header::ACCEPT, "text/html")
                .body(Vec::new())
                .expect("the browser was given a URL");
            let response = provider.handle(&request, now);
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            match location {
                Some(to) if response.status().is_redirection() => {
                    if !is_of(provider, to) {
                        return Landing::Callback(to.to_owned());
                    }
                    url = to.to_owned();
                }
                _ => {
                    let body = String::from_utf8_lossy(response.body()).into_owned();
                    return Landing::Page(response.status(), body);
                }
            }
        }
        Landing::Page(StatusCode::LOOP_DETECTED, "too many redirects".to_owned())
    }
}

impl Landing {
    /// The URL of the callback.
    ///
    /// # Panics
    /// If the visit ended on a page.
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> &str {
        match self {
            Self::Callback(url) => url,
            Self::Page(status, body) => panic!("the visit ended on a page: {status}: {body}"),
        }
    }

    /// The query of the callback, encoded as it is in the URL.
    ///
    /// # Panics
    /// If the visit ended on a page.
    #[must_use]
    #[track_caller]
    pub fn query(&self) -> &str {
        let url = self.url().split('#').next().unwrap_or_default();
        url.split_once('?').map_or("", |(_, query)| query)
    }

    /// The value of a parameter of the callback, decoded.
    ///
    /// # Panics
    /// If the visit ended on a page.
    #[must_use]
    #[track_caller]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query().as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

/// Shows where the visit ended, without the code.
impl fmt::Debug for Landing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callback(url) => {
                let end = url.find(['?', '#']).unwrap_or(url.len());
                write!(f, "Callback({}..)", url.get(..end).unwrap_or_default())
            }
            Self::Page(status, _) => write!(f, "Page({status})"),
        }
    }
}

/// Whether a URL is the provider's authorization endpoint.
fn is_of(provider: &TestProvider, url: &str) -> bool {
    let ours = Url::parse(&provider.url(crate::EndpointName::Authorize));
    match (Url::parse(url), ours) {
        (Ok(url), Ok(ours)) => url.origin() == ours.origin() && url.path() == ours.path(),
        _ => false,
    }
}
