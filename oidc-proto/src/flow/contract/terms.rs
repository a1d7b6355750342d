//! [`Terms`] and [`Endpoint`]: where a request goes, and the limits within which a driver carries it out.

use crate::{
    base::endpoint_url::EndpointUrl,
    message::MAX_CLIENT_ID_METADATA,
    metadata::{MtlsEndpointAliases, ProviderMetadata},
};
use std::{fmt, time::Duration};

/// The largest metadata document or key set that a flow reads, in bytes, unless `max_document` sets another limit. It is a
/// setting of discovery, of a client, of a handle and of a gate.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// The largest response of another endpoint that a flow reads, in bytes, unless
/// [`ClientBuilder::max_document`](crate::flow::ClientBuilder::max_document) sets another limit.
pub const MAX_RESPONSE: usize = 64 * 1024;

/// The longest token for introspection or revocation, in bytes, unless
/// [`ClientBuilder::max_token`](crate::flow::ClientBuilder::max_token) sets another limit.
pub const MAX_INTROSPECTED: usize = 8 * 1024;

/// The longest time that a whole exchange may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The endpoint that a request goes to, for metrics, certificates and egress rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata document (OpenID Connect Discovery 1.0 section 4).
    Discovery,
    /// The JWK Set document (`jwks_uri`).
    Jwks,
    /// The token endpoint (RFC 6749 section 3.2).
    Token,
    /// The UserInfo endpoint (OpenID Connect Core 1.0 section 5.3).
    UserInfo,
    /// The introspection endpoint (RFC 7662 section 2).
    Introspection,
    /// The revocation endpoint (RFC 7009 section 2).
    Revocation,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    DeviceAuthorization,
    /// The endpoint for pushed authorization requests (RFC 9126 section 2).
    PushedAuthorizationRequest,
    /// The backchannel authentication endpoint (CIBA section 7).
    BackchannelAuthentication,
    /// The endpoint at which clients register (RFC 7591 section 3).
    Registration,
    /// The endpoint at which a registration is read, changed and deleted (RFC 7592 section 2): each client has its own.
    ClientConfiguration,
    /// The metadata document of a protected resource (RFC 9728 section 3); not an endpoint of the provider.
    ResourceMetadata,
    /// The document that a client publishes at its identifier (draft-ietf-oauth-client-id-metadata-document); not an
    /// endpoint of the provider.
    ClientIdMetadata,
    /// The endpoint of a flow from outside of this crate, under the name that its author gives it.
    Other(&'static str),
}

/// Reads the member of the metadata that has the URL of an endpoint.
type Place = fn(&ProviderMetadata) -> Option<&EndpointUrl>;

/// Reads the alias of an endpoint for clients that present a certificate (RFC 8705 section 5).
type Alias = fn(&MtlsEndpointAliases) -> Option<&EndpointUrl>;

/// A row of the table of endpoints: the name, the place in the metadata, and the largest body in bytes.
struct Row {
    name: &'static str,
    max_body: usize,
    place: Place,
    alias: Alias,
}

/// The row of an endpoint that has an alias.
macro_rules! member {
    ($name:ident) => {
        Row {
            name: stringify!($name),
            max_body: MAX_RESPONSE,
            place: |known| known.$name.as_ref(),
            alias: |known| known.$name.as_ref(),
        }
    };
}

impl Endpoint {
    /// The table of endpoints. A new endpoint is a line here and a variant above.
    const fn row(self) -> Row {
        const fn elsewhere(name: &'static str, max_body: usize, place: Place) -> Row {
            Row { name, max_body, place, alias: |_| None }
        }
        match self {
            Self::Discovery => elsewhere("openid-configuration", MAX_DOCUMENT, |_| None),
            Self::ResourceMetadata => elsewhere("oauth-protected-resource", MAX_DOCUMENT, |_| None),
            Self::ClientIdMetadata => {
                elsewhere("client-id-metadata-document", MAX_CLIENT_ID_METADATA, |_| None)
            }
            Self::Other(name) => elsewhere(name, MAX_RESPONSE, |_| None),
            Self::Jwks => elsewhere("jwks_uri", MAX_DOCUMENT, |known| known.jwks_uri.as_ref()),
            Self::Token => member!(token_endpoint),
            Self::UserInfo => member!(userinfo_endpoint),
            Self::Introspection => member!(introspection_endpoint),
            Self::Revocation => member!(revocation_endpoint),
            Self::DeviceAuthorization => member!(device_authorization_endpoint),
            Self::PushedAuthorizationRequest => member!(pushed_authorization_request_endpoint),
            Self::BackchannelAuthentication => member!(backchannel_authentication_endpoint),
            Self::Registration => member!(registration_endpoint),
            Self::ClientConfiguration => elsewhere("registration_client_uri", MAX_RESPONSE, |_| None),
        }
    }

    /// Returns the name of the endpoint: that of its metadata member, where it has one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns the URL of the endpoint in the provider's metadata. With `certificate`, the alias for clients that
    /// present a certificate comes first.
    pub(crate) fn of(self, metadata: &ProviderMetadata, certificate: bool) -> Option<&EndpointUrl> {
        let Row { place, alias, .. } = self.row();
        let aliases = metadata.mtls_endpoint_aliases.as_ref().filter(|_| certificate);
        aliases.and_then(alias).or_else(|| place(metadata))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The terms on which a driver must carry out a request. They come with the request.
///
/// These terms hold for every request: no redirects, no automatic retries, no cookies, no caches. A 4xx or 5xx is a
/// response; an error means that there was no response.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::{Discovery, Endpoint, TIMEOUT}};
///
/// let call = Discovery::start("https://op.example", &UrlPolicy::default())?;
/// let (_request, terms, _pending) = call.into_parts();
/// assert_eq!(terms.endpoint, Endpoint::Discovery);
/// assert_eq!(terms.max_body, 65_536);
/// assert_eq!(terms.timeout, TIMEOUT);
/// assert!(!terms.client_certificate);
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// The endpoint that the request goes to.
    pub endpoint: Endpoint,
    /// The largest body that the flow accepts, in bytes after decompression. Read at most one byte more: the flow
    /// then sees that the body is too large, and reports it in the same way on every HTTP stack.
    pub max_body: usize,
    /// The longest time for the whole exchange, from connecting to the last byte of the body.
    pub timeout: Duration,
    /// Whether the request must present the client's certificate (RFC 8705).
    pub client_certificate: bool,
}

impl Terms {
    /// Returns the usual terms of an endpoint: [`TIMEOUT`] for the whole exchange, [`MAX_DOCUMENT`] for a document
    /// ([`MAX_CLIENT_ID_METADATA`] for that of a client) and [`MAX_RESPONSE`] for any other body, no client certificate. Change the fields that must differ.
    #[must_use]
    pub const fn new(endpoint: Endpoint) -> Self {
        let max_body = endpoint.row().max_body;
        Self { endpoint, max_body, timeout: TIMEOUT, client_certificate: false }
    }
}
