//! [`Browser`]: plays the user's browser against a [`TestProvider`].

use crate::provider::TestProvider;
use http::{Request, StatusCode, header};
use oidc_proto::base::Timestamp;
use std::fmt;
use url::Url;

/// A browser whose user clicks nothing: the provider's user consents at once.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    visited: usize,
}

/// Where a visit ended.
#[derive(Clone, PartialEq, Eq)]
pub enum Landing {
    /// Sent back to the client: the whole redirect URI with the response in it.
    Callback(String),
    /// A page of the provider: status and body.
    Page(StatusCode, String),
}

impl Browser {
    /// A fresh browser.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many pages of the provider it has asked for.
    #[must_use]
    pub fn visited(&self) -> usize {
        self.visited
    }

    /// Opens a URL of the provider and follows redirects until one leads elsewhere.
    ///
    /// # Panics
    /// If the URL is not one that a request can be sent to.
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

    /// The query of the callback, as it stands in the URL.
    ///
    /// # Panics
    /// If the visit ended on a page.
    #[must_use]
    #[track_caller]
    pub fn query(&self) -> &str {
        let url = self.url().split('#').next().unwrap_or_default();
        url.split_once('?').map_or("", |(_, query)| query)
    }

    /// A parameter of the callback.
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

/// Shows where, but not the code.
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

/// Whether a URL is one of the provider's pages.
fn is_of(provider: &TestProvider, url: &str) -> bool {
    let ours = Url::parse(&provider.url(crate::EndpointName::Authorize));
    match (Url::parse(url), ours) {
        (Ok(url), Ok(ours)) => url.origin() == ours.origin() && url.path() == ours.path(),
        _ => false,
    }
}
