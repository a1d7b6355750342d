//! [`Terms`] and [`Endpoint`]: where a request goes, and on what terms it is carried out.

use crate::{
    base::endpoint_url::EndpointUrl,
    metadata::{MtlsEndpointAliases, ProviderMetadata},
};
use std::{fmt, time::Duration};

/// The largest metadata document or key set that is read, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// The largest token or UserInfo response that is read, in bytes.
pub const MAX_RESPONSE: usize = 64 * 1024;

/// How long a whole exchange may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a request goes: for metrics, certificates and egress rules.
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
    /// The metadata document of a protected resource (RFC 9728 section 3); not an endpoint of the provider.
    ResourceMetadata,
    /// An endpoint of a flow that this crate does not have, by the name that its author gives it.
    Other(&'static str),
}

/// A member of the metadata that says where an endpoint is.
type Place = fn(&ProviderMetadata) -> Option<&EndpointUrl>;

/// The same for clients that present a certificate (RFC 8705 section 5).
type Alias = fn(&MtlsEndpointAliases) -> Option<&EndpointUrl>;

/// What is known of an endpoint: its name, where the metadata say that it is, and the largest body that is
/// read from it.
struct Row {
    name: &'static str,
    max_body: usize,
    place: Place,
    alias: Alias,
}

/// Of a member that stands among the aliases, too.
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
    /// The table of endpoints. A new one is a line here and a variant above.
    const fn row(self) -> Row {
        const fn elsewhere(name: &'static str, max_body: usize, place: Place) -> Row {
            Row { name, max_body, place, alias: |_| None }
        }
        match self {
            Self::Discovery => elsewhere("openid-configuration", MAX_DOCUMENT, |_| None),
            Self::ResourceMetadata => elsewhere("oauth-protected-resource", MAX_DOCUMENT, |_| None),
            Self::Other(name) => elsewhere(name, MAX_RESPONSE, |_| None),
            Self::Jwks => elsewhere("jwks_uri", MAX_DOCUMENT, |known| known.jwks_uri.as_ref()),
            Self::Token => member!(token_endpoint),
            Self::UserInfo => member!(userinfo_endpoint),
            Self::Introspection => member!(introspection_endpoint),
            Self::Revocation => member!(revocation_endpoint),
            Self::DeviceAuthorization => member!(device_authorization_endpoint),
        }
    }

    /// The name of the metadata member that says where it is.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Where it is, by the provider's metadata; for a client that presents a certificate, where it is for those, if
    /// that is another place.
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

/// The terms on which a request must be carried out. They travel with it.
///
/// Standing terms besides these: no redirects, no automatic retries, no cookies, no caches; a 4xx
/// or 5xx is a response; there is an error only if there was no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// Where the request goes.
    pub endpoint: Endpoint,
    /// Read at most one byte more than this of the body, counted after decompression: the flow
    /// then sees that it is too large, and says so in the same way on every stack.
    pub max_body: usize,
    /// For the whole exchange, from connecting to the last byte of the body.
    pub timeout: Duration,
    /// Whether to present the client's certificate (RFC 8705).
    pub client_certificate: bool,
}

impl Terms {
    /// The terms that are usual for an endpoint: [`TIMEOUT`] for the whole exchange, [`MAX_DOCUMENT`] for a
    /// document and [`MAX_RESPONSE`] for any other body, no client certificate. Change what must be otherwise.
    #[must_use]
    pub const fn new(endpoint: Endpoint) -> Self {
        let max_body = endpoint.row().max_body;
        Self { endpoint, max_body, timeout: TIMEOUT, client_certificate: false }
    }
}
