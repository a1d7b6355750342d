//! The provider's record of its requests, and its judgement of them.

use super::{EndpointName, params::Params};
use http::{HeaderMap, Method, Request, header};
use oidc_proto::base::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// An act of a client that a specification forbids, or that this provider does not tolerate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The time of the request.
    pub at: Timestamp,
    /// The endpoint that got the request.
    pub endpoint: EndpointName,
    /// A description of the act, without any secret.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (at {})", self.endpoint, self.what, self.at.0)
    }
}

/// A request as it arrived. Its parts are public for assertions; `Debug` shows no header field and no body.
#[derive(Clone)]
pub struct Seen {
    /// The time at which it arrived.
    pub at: Timestamp,
    /// The endpoint that it was routed to.
    pub endpoint: EndpointName,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query, if there was one.
    pub query: Option<String>,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    pub(crate) fn new(at: Timestamp, endpoint: EndpointName, request: &Request<Vec<u8>>) -> Self {
        Self {
            at,
            endpoint,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            headers: request.headers().clone(),
            body: request.body().clone(),
        }
    }

    /// The parameters of the body.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        Params::parse(&self.body).into_pairs()
    }

    /// The parameters of the query.
    #[must_use]
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        Params::parse(self.query.as_deref().unwrap_or_default().as_bytes()).into_pairs()
    }

    /// The value of the parameter of this name, from the body or else from the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.form().into_iter().chain(self.query_pairs());
        pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The value of a header field, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seen({} {} [{}] at {})", self.method, self.path, self.endpoint, self.at.0)
    }
}

/// The findings, and all values that must be sent only once.
#[derive(Default)]
pub(crate) struct Audit {
    pub(crate) findings: Vec<Finding>,
    allowed: BTreeSet<(EndpointName, String)>,
    once: BTreeMap<&'static str, BTreeSet<String>>,
    now: Option<(Timestamp, EndpointName)>,
}

impl Audit {
    pub(crate) fn begin(&mut self, at: Timestamp, endpoint: EndpointName) {
        self.now = Some((at, endpoint));
    }

    /// The time of the request.
    pub(crate) fn now(&self) -> Timestamp {
        self.now.map_or(Timestamp(0), |(at, _)| at)
    }

    pub(crate) fn allow(&mut self, endpoint: EndpointName, name: String) {
        self.allowed.insert((endpoint, name));
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        if let Some((at, endpoint)) = self.now {
            self.findings.push(Finding { at, endpoint, what: what.into() });
        }
    }

    /// Whether a value is sent for the first time. A repeated value is noted, without the value itself.
    pub(crate) fn first_time(&mut self, kind: &'static str, value: &str) -> bool {
        let fresh = self.once.entry(kind).or_default().insert(value.to_owned());
        if !fresh {
            self.note(format!("{kind} was sent a second time"));
        }
        fresh
    }

    /// Forgets that a value was sent, because nobody has looked at it.
    pub(crate) fn unseen(&mut self, kind: &'static str, value: &str) {
        self.once.entry(kind).or_default().remove(value);
    }

    pub(crate) fn parameters(&mut self, params: &Params, known: &[&str]) {
        let Some((_, endpoint)) = self.now else { return };
        let faults = params.faults(known, |name| self.allowed.contains(&(endpoint, name.to_owned())));
        faults.into_iter().for_each(|fault| self.note(fault));
    }

    /// The rules that hold at every endpoint.
    pub(crate) fn general(&mut self, request: &Request<Vec<u8>>, endpoint: EndpointName) {
        self.header_fields(request.headers(), endpoint);
        self.query(request, endpoint);
        if request.method() == Method::GET && !request.body().is_empty() {
            self.note("GET with a body (RFC 9110 section 9.3.1)");
        }
        if request.method() == Method::POST
            && !request.body().is_empty()
            && !is_form(request.headers())
            && matches!(
                endpoint,
                EndpointName::Token
                    | EndpointName::UserInfo
                    | EndpointName::Authorize
                    | EndpointName::EndSession
                    | EndpointName::Introspection
                    | EndpointName::DeviceAuthorization
                    | EndpointName::PushedAuthorizationRequest
                    | EndpointName::BackchannelAuthentication
            )
        {
            self.note("POST whose Content-Type is not application/x-www-form-urlencoded");
        }
    }

    fn header_fields(&mut self, headers: &HeaderMap, endpoint: EndpointName) {
        for name in headers.keys() {
            let single = [header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_LENGTH, header::HOST];
            if single.contains(name) && headers.get_all(name).iter().count() > 1 {
                self.note(format!("header field `{name}` repeated"));
            }
        }
        if matches!(endpoint, EndpointName::Authorize | EndpointName::EndSession) {
            return; // a browser sends whatever header fields it likes
        }
        if !headers.contains_key(header::ACCEPT) {
            self.note("no Accept header");
        }
        if headers.contains_key(header::COOKIE) {
            self.note("a Cookie header where nobody set one");
        }
        let public =
            matches!(endpoint, EndpointName::Discovery | EndpointName::OAuthMetadata | EndpointName::Jwks);
        if public && headers.contains_key(header::AUTHORIZATION) {
            self.note("credentials in an Authorization header where none are asked for");
        }
    }

    fn query(&mut self, request: &Request<Vec<u8>>, endpoint: EndpointName) {
        let Some(query) = request.uri().query() else { return };
        let params = Params::parse(query.as_bytes());
        for (name, _) in params.pairs() {
            if CREDENTIALS.contains(&name.as_str()) {
                self.note(format!(
                    "credentials in a URL: `{name}` (RFC 6750 section 5.3, RFC 6749 section 2.3.1)"
                ));
            }
        }
        let browser = matches!(endpoint, EndpointName::Authorize | EndpointName::EndSession);
        let reads_query = browser && request.method() == Method::GET;
        if !reads_query {
            self.parameters(&params, &[]);
        }
    }
}

/// Parameters that must not appear in a URL.
const CREDENTIALS: [&str; 7] = [
    "token",
    "access_token",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "code_verifier",
    "password",
];

pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
