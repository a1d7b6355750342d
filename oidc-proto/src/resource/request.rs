//! [`RequestView`], [`Inspected`] and [`Findings`]: a request as a resource server sees it, before it is judged.

use super::credentials::{Credentials, from_header};
use crate::{base::secret::Secret, sender::CertificateThumbprint};
use http::{HeaderMap, Method, Uri, request::Parts};
use std::fmt;

/// What a resource server needs to see of a request.
#[derive(Clone, Copy)]
pub struct RequestView<'r> {
    pub(super) method: &'r Method,
    pub(super) uri: &'r Uri,
    pub(super) headers: &'r HeaderMap,
    pub(super) form: Option<&'r [u8]>,
    pub(super) origin: Option<&'r str>,
    pub(super) certificate: Option<&'r CertificateThumbprint>,
}

impl<'r> RequestView<'r> {
    /// A request by its method, URI and headers. Of the URI, path and query count; they must be those
    /// that the client sent.
    #[must_use]
    pub const fn new(method: &'r Method, uri: &'r Uri, headers: &'r HeaderMap) -> Self {
        Self { method, uri, headers, form: None, origin: None, certificate: None }
    }

    /// A request by its head.
    #[must_use]
    pub const fn of(parts: &'r Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers)
    }

    /// The body, for credentials in a form; it counts only if [`CredentialPolicy::form`] asks for it.
    ///
    /// [`CredentialPolicy::form`]: super::CredentialPolicy::form
    #[must_use]
    pub const fn form(mut self, body: &'r [u8]) -> Self {
        self.form = Some(body);
        self
    }

    /// Scheme, host and port as this client sees them, where the settings do not say it: from a proxy
    /// that you trust, never from the client.
    #[must_use]
    pub const fn origin(mut self, origin: &'r str) -> Self {
        self.origin = Some(origin);
        self
    }

    /// The client certificate of the connection.
    #[must_use]
    pub const fn certificate(mut self, thumbprint: &'r CertificateThumbprint) -> Self {
        self.certificate = Some(thumbprint);
        self
    }
}

impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestView").field("method", self.method).finish_non_exhaustive()
    }
}

/// A request that carries an access token which a trusted issuer can be asked about. Nothing of it is
/// verified.
pub struct Inspected<'r> {
    pub(super) request: RequestView<'r>,
    pub(super) found: Findings,
}

/// What [`ResourceServer::inspect`](super::ResourceServer::inspect) has found in a request, without the request: for
/// a caller who waits for keys and cannot hold a borrow as long. It holds the token, and is good for
/// [`ResourceServer::resume`](super::ResourceServer::resume) alone.
pub struct Findings {
    pub(super) credentials: Credentials,
    pub(super) issuer: usize,
    pub(super) name: String,
    pub(super) opaque: bool,
}

impl Findings {
    fn describe(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("issuer", &self.name)
            .field("scheme", &self.credentials.scheme)
            .field("opaque", &self.opaque)
            .finish_non_exhaustive()
    }

    /// Whether a request with these headers carries the same token in the same scheme. One that came in a form or in
    /// a query is not looked for.
    pub(super) fn are_of(&self, headers: &HeaderMap) -> bool {
        matches!(from_header(headers), Ok(Some(carried)) if carried == self.credentials)
    }
}

impl Inspected<'_> {
    /// Lets go of the request.
    #[must_use]
    pub fn into_findings(self) -> Findings {
        self.found
    }

    /// The trusted issuer whose keys, or whose introspection endpoint, are needed: a name from the
    /// settings.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.found.name
    }

    /// Its place in the settings, from 0.
    #[must_use]
    pub const fn issuer_index(&self) -> usize {
        self.found.issuer
    }

    /// Whether the token is no JWT, so that only its issuer knows what it is worth.
    #[must_use]
    pub const fn is_opaque(&self) -> bool {
        self.found.opaque
    }

    /// The token, for the introspection endpoint of its issuer.
    #[must_use]
    pub const fn token(&self) -> &Secret {
        &self.found.credentials.token
    }
}

impl fmt::Debug for Inspected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found.describe(f, "Inspected")
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f, "Findings")
    }
}
