//! [`Target`]: where a request goes.

use http::{Method, Uri};
use oidc_proto::flow::{Endpoint, Request, Terms};
use std::{fmt, sync::Arc};

/// Where a request goes: nothing of its path, query, headers or body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// Which of the provider's endpoints it is.
    pub endpoint: Endpoint,
    /// The method.
    pub method: Method,
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The host, without brackets if it is an address.
    pub host: Arc<str>,
    /// The port, named or not.
    pub port: u16,
}

impl Target {
    /// Where a request goes.
    pub(crate) fn of(request: &Request, terms: Terms) -> Self {
        Self::new(terms.endpoint, request.method(), request.uri())
    }

    pub(crate) fn new(endpoint: Endpoint, method: &Method, uri: &Uri) -> Self {
        let (scheme, port) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            _ => ("https", 443),
        };
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(port);
        Self { endpoint, method: method.clone(), scheme, host: host.into(), port }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.endpoint, self.host, self.port)
    }
}
