//! [`RequestView`], [`Inspected`] and [`Findings`]: a request before the resource server judges it.

use super::credentials::{Carried, from_header};
use crate::{
    base::secret::{Secret, equal},
    jose::{Key, KeySet},
    sender::CertificateThumbprint,
    token::{ReadJwt, RememberedToken, Scratch, SignatureMemory, VerificationError, recall},
};
use http::{HeaderMap, Method, Uri, request::Parts};
use std::{fmt, sync::Arc};

/// The parts of a request that a resource server needs.
///
/// ```
/// use oidc_proto::{resource::RequestView, sender::CertificateThumbprint};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let certificate_der = b"the client certificate";
/// let (head, body) = http::Request::post("/orders").body(b"item=42".to_vec())?.into_parts();
/// let thumbprint = CertificateThumbprint::of_der(certificate_der);
/// // Only if the settings accept tokens in forms, and certificate-bound tokens:
/// let view = RequestView::of(&head).form(&body).certificate(&thumbprint);
/// # let _ = view;
/// # Ok(())
/// # }
/// ```
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
    /// Makes a view from the method, URI and headers of a request. Only the path and the query of the URI count. They
    /// must be those that the client sent.
    #[must_use]
    pub const fn new(method: &'r Method, uri: &'r Uri, headers: &'r HeaderMap) -> Self {
        Self { method, uri, headers, form: None, origin: None, certificate: None }
    }

    /// Makes a view from the head of a request.
    #[must_use]
    pub const fn of(parts: &'r Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers)
    }

    /// Adds the body, for a token in a form. It counts only if [`CredentialPolicy::form`] is set.
    ///
    /// [`CredentialPolicy::form`]: super::CredentialPolicy::form
    #[must_use]
    pub const fn form(mut self, body: &'r [u8]) -> Self {
        self.form = Some(body);
        self
    }

    /// Sets scheme, host and port as this client sees them, instead of those of the settings. Take them from a proxy
    /// that you trust, never from the client.
    #[must_use]
    pub const fn origin(mut self, origin: &'r str) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Adds the client certificate of the connection.
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

/// A request with an access token that names a trusted issuer. Nothing is verified yet.
///
/// ```
/// use oidc_proto::{
///     resource::{RequestView, ResourceServer, TrustedIssuer},
///     token::Scratch,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example").introspects_opaque_tokens())
///     .build()?;
/// let request = http::Request::get("/orders").header("authorization", "Bearer mF_9.B5f-4.1JqM").body(())?;
/// let (head, ()) = request.into_parts();
///
/// let inspected = api.inspect(&RequestView::of(&head), &mut Scratch::new())?;
/// assert_eq!(inspected.issuer(), "https://op.example");
/// assert!(inspected.is_opaque()); // So introspect `inspected.token()`, then call `judge_introspected`.
/// # Ok(())
/// # }
/// ```
pub struct Inspected<'r> {
    pub(super) request: RequestView<'r>,
    pub(super) found: Found<'r>,
}

/// The result of [`ResourceServer::inspect`](super::ResourceServer::inspect) without the borrowed request: for a caller
/// that waits for keys and cannot keep the borrow. It holds the token, and what was read of it. Its only use is
/// [`ResourceServer::resume`](super::ResourceServer::resume).
pub struct Findings(pub(super) Found<'static>);

/// What an inspection found.
pub(super) struct Found<'r> {
    pub(super) credentials: Carried<'r>,
    pub(super) issuer: usize,
    /// The name of the issuer in the settings.
    pub(super) name: Arc<str>,
    /// The token, read once. `None` if only the issuer can verify it.
    pub(super) read: Option<Known>,
}

/// A token that was read: for this request, or for an earlier one with the same token.
#[allow(clippy::large_enum_variant, reason = "a box would cost each request without a cache an allocation")]
pub(super) enum Known {
    Read(ReadJwt),
    Remembered(RememberedToken),
}

impl Known {
    /// Finds the token in the cache, or else reads it. `None` if it is no JWT.
    pub(super) fn find(
        token: &str,
        cache: Option<&mut dyn SignatureMemory>,
        scratch: &mut Scratch,
    ) -> Option<Result<Self, VerificationError>> {
        match cache.and_then(|cache| recall(cache, token)) {
            Some(known) => Some(Ok(Self::Remembered(known))),
            None => ReadJwt::read(token, scratch).map(|read| read.map(Self::Read)),
        }
    }

    /// Returns the key that signed the token, if it was verified before with the same keys.
    pub(super) fn key<'k>(
        &self,
        token: &str,
        cache: &mut dyn SignatureMemory,
        keys: &'k KeySet,
    ) -> Option<&'k Key> {
        match self {
            Self::Remembered(known) => known.key(keys),
            Self::Read(_) => recall(cache, token)?.key(keys),
        }
    }

    pub(super) fn read(&self) -> &ReadJwt {
        match self {
            Self::Read(read) => read,
            Self::Remembered(token) => token.read(),
        }
    }
}

impl Found<'_> {
    fn describe(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("issuer", &self.name)
            .field("scheme", &self.credentials.scheme)
            .field("opaque", &self.read.is_none())
            .finish_non_exhaustive()
    }

    /// Whether a request with these headers has the same token in the same scheme. A token in a form or a query is
    /// never the same.
    pub(super) fn are_of(&self, headers: &HeaderMap) -> bool {
        let Carried { scheme, token, in_query } = &self.credentials;
        matches!(from_header(headers, usize::MAX), Ok(Some(carried)) if carried.scheme == *scheme
            && !in_query
            && equal(carried.token.expose().as_bytes(), token.expose().as_bytes()))
    }
}

impl Inspected<'_> {
    /// Releases the borrowed request and keeps the findings.
    #[must_use]
    pub fn into_findings(self) -> Findings {
        let Found { credentials, issuer, name, read } = self.found;
        Findings(Found { credentials: credentials.into_owned(), issuer, name, read })
    }

    /// Returns the trusted issuer whose keys or introspection endpoint the next step needs. It is a name from the
    /// settings.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.found.name
    }

    /// Returns the position of the issuer in the settings, starting at 0.
    #[must_use]
    pub const fn issuer_index(&self) -> usize {
        self.found.issuer
    }

    /// Whether only the issuer can verify the token: it is not a JWT, or it is a JWT of an issuer that
    /// [introspects them](super::TrustedIssuer::introspects_jwts).
    #[must_use]
    pub const fn is_opaque(&self) -> bool {
        self.found.read.is_none()
    }

    /// Returns a copy of the token, for the introspection endpoint of its issuer.
    #[must_use]
    pub fn token(&self) -> Secret {
        Secret::new(self.found.credentials.token.expose())
    }
}

impl fmt::Debug for Inspected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found.describe(f, "Inspected")
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f, "Findings")
    }
}
