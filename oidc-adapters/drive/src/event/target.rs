//! [`Target`]: the destination of a request.

use http::{Method, Uri};
use oidc_proto::flow::{Endpoint, Request, Terms};
use std::{fmt, sync::Arc};

/// The destination of a request, without its path, query, headers and body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The endpoint of the provider.
    pub endpoint: Endpoint,
    /// The method.
    pub method: Method,
    /// The scheme: `https` or `http`.
    pub scheme: &'static str,
    /// The host. An IPv6 address has no brackets.
    pub host: Arc<str>,
    /// The port, which is that of the scheme if the URL has none.
    pub port: u16,
}

impl Target {
    /// The destination of this request.
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
