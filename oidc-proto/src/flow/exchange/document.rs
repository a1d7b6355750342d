//! [`Get`]: one request for a public document, and the checks of its response.
//!
//! ```text
//! Getting ──any response──▶ Done(Document)
//! ```
//! The meaning of a status depends on the document, so every response becomes a [`Document`].

use crate::{
    base::{
        endpoint_url::EndpointUrl,
        freshness::Freshness,
        header::{media_type_is, media_type_is_json, retry_after},
        moment::{Moment, Timestamp},
        visible::{shown, without_query},
    },
    flow::contract::{
        Call, Endpoint, Error, Flow, Request, Response, ResponseError, ResponseRule, Step, Terms, Unavailable,
    },
    message::first_words_of_json,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::convert::Infallible;

/// A GET of a document.
#[derive(Debug)]
#[non_exhaustive]
pub struct Get;

/// The request is in flight.
#[derive(Debug)]
pub struct Getting {
    endpoint: Endpoint,
    /// The URLs that were asked for the document, the one in flight last, without their queries.
    urls: Vec<String>,
    /// Whether the document may be of any media type.
    of_any_type: bool,
}

/// The response, whether or not it has a document.
#[derive(Debug)]
pub struct Document {
    endpoint: Endpoint,
    /// The URLs that were asked for the document, without their queries.
    pub(in crate::flow) urls: Vec<String>,
    pub(in crate::flow) status: StatusCode,
    of_any_type: bool,
    headers: HeaderMap,
    body: Vec<u8>,
    /// The time at which the response came.
    pub(in crate::flow) now: Timestamp,
}

impl Get {
    /// Asks for a document. `of_any_type` says whether its media type counts.
    pub(in crate::flow) fn start(
        endpoint: Endpoint,
        url: &EndpointUrl,
        accept: &'static str,
        of_any_type: bool,
    ) -> Call<Self> {
        Self::after(Vec::new(), endpoint, url, (accept, of_any_type))
    }

    /// Asks at one more place, after these had no document.
    pub(in crate::flow) fn after(
        mut urls: Vec<String>,
        endpoint: Endpoint,
        url: &EndpointUrl,
        (accept, of_any_type): (&'static str, bool),
    ) -> Call<Self> {
        urls.push(shown(&without_query(url.as_str())));
        Call::new(Terms::new(endpoint), get(url, accept), Getting { endpoint, urls, of_any_type })
    }
}

impl Getting {
    /// Returns the response as a document.
    pub(in crate::flow) fn received(self, response: &Response<'_>, now: Timestamp) -> Document {
        let Self { endpoint, urls, of_any_type } = self;
        let (status, headers) = (response.status(), response.headers().clone());
        Document { endpoint, urls, status, of_any_type, headers, body: response.body().to_vec(), now }
    }

    /// Adds the URLs that were asked to the error of a response that no flow may look at.
    pub(in crate::flow) fn refused(&self, error: Error) -> Error {
        at(error, &self.urls)
    }

    /// Lets the document be of any media type.
    pub(in crate::flow) const fn of_any_type(mut self) -> Self {
        self.accept_any_type();
        self
    }

    /// Lets the document be of any media type.
    pub(in crate::flow) const fn accept_any_type(&mut self) {
        self.of_any_type = true;
    }
}

impl Flow for Get {
    type Awaiting = Getting;
    type Paused = Infallible;
    type Output = Document;

    fn on_response(state: Getting, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(state.received(response, moment.now())))
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }

    fn on_refused(state: Getting, error: Error, _: Moment) -> Result<Step<Self>, Error> {
        Err(state.refused(error))
    }
}

/// The media types that an error may name. It repeats no other text of the response.
const OTHER_TYPES: [&str; 18] = [
    "text/html",
    "text/plain",
    "text/json",
    "text/javascript",
    "text/xml",
    "text/css",
    "application/octet-stream",
    "binary/octet-stream",
    "application/json",
    "application/jwk-set+json",
    "application/jwk+json",
    "application/jose+json",
    "application/problem+json",
    "application/javascript",
    "application/x-json",
    "application/jwt",
    "application/xml",
    "application/xhtml+xml",
];

/// Adds the URLs that were asked to the error.
fn at(mut error: Error, urls: &[String]) -> Error {
    if let Error::Response(broken) = &mut error {
        broken.urls = urls.to_vec();
    }
    error
}

impl Document {
    /// Returns how long the response stays fresh, by its headers.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness::of_response(&self.headers, self.now)
    }

    /// Returns the body, if the status is 200 and the media type is one of these. The error names the first of them.
    pub(in crate::flow) fn json(&self, media_types: &[&'static str]) -> Result<&[u8], Error> {
        check_status(self.endpoint, self.status, &self.headers, self.now)
            .map_err(|error| self.telling(at(error, &self.urls)))?;
        match (media_types, self.of_any_type || media_type_is(&self.headers, media_types)) {
            (_, true) => Ok(&self.body),
            ([first, ..], false) => Err(self.broken(ResponseRule::MediaType(first))),
            ([], false) => Err(self.broken(ResponseRule::MediaType("application/json"))),
        }
    }

    /// Returns the body, if the status is 200 and the media type is `application/json` or `application/…+json`.
    pub(in crate::flow) fn json_of_any_kind(&self) -> Result<&[u8], Error> {
        match (self.status, media_type_is_json(&self.headers)) {
            (StatusCode::OK, true) => Ok(&self.body),
            _ => self.json(&["application/json"]),
        }
    }

    /// Adds the words that a 4xx has in JSON. Nothing else of a response is repeated: it may be of any server.
    fn telling(&self, mut error: Error) -> Error {
        if let Error::Response(broken) = &mut error
            && self.status.is_client_error()
        {
            broken.told = first_words_of_json(&self.body);
        }
        error
    }

    /// Whether the response has a body that says of itself that it is JSON. If its media type does not count, it is JSON
    /// if it reads as JSON.
    pub(in crate::flow) fn is_json(&self) -> bool {
        media_type_is(&self.headers, &["application/json"])
            || self.of_any_type && serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
    }

    /// Returns the error of a document that breaks this rule.
    pub(in crate::flow) fn broken(&self, rule: ResponseRule) -> Error {
        self.response_error(rule).into()
    }

    /// Returns the same error, as a flow that may go on keeps it.
    pub(in crate::flow) fn response_error(&self, rule: ResponseRule) -> ResponseError {
        let is_of_type = matches!(rule, ResponseRule::MediaType(_));
        let mut error = ResponseError::new(self.endpoint, self.status, rule);
        error.urls.clone_from(&self.urls);
        if is_of_type {
            error.media_type = other_type(&self.headers);
        }
        error
    }
}

/// Returns the media type of a response, if it is one that an error may name.
pub(in crate::flow) fn other_type(headers: &HeaderMap) -> Option<&'static str> {
    OTHER_TYPES.into_iter().find(|name| media_type_is(headers, &[name]))
}

/// Returns the request for a document. Nothing in it identifies the client.
pub(in crate::flow) fn get(url: &EndpointUrl, accept: &'static str) -> Request {
    let mut request = Request::default();
    *request.method_mut() = Method::GET;
    *request.uri_mut() = url.uri();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(accept));
    request
}

/// Checks the status of a document. 200 is a document, 429 and 5xx are a busy server, and every other status breaks the
/// specification.
pub(in crate::flow) fn check_status(
    endpoint: Endpoint,
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(), Error> {
    match status.as_u16() {
        200 => Ok(()),
        429 | 500..=599 => {
            let retry_after = retry_after(headers, now);
            Err(Error::Unavailable(Unavailable::new(endpoint, status, retry_after)))
        }
        _ => Err(ResponseError::new(endpoint, status, ResponseRule::Status).into()),
    }
}
