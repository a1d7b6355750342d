//! [`PublishedMetadata`]: what a resource server tells clients that know only its URL: the metadata of the resource, and where
//! they are (RFC 9728).

use super::{credentials::CredentialPolicy, issuer::ResourceServerError};
use crate::{
    base::endpoint_url::{EndpointUrl, UrlPolicy},
    metadata::ResourceMetadata,
};
use http::Uri;
use std::fmt;

/// The scope for refresh tokens. A resource does not demand it, so an MCP server does not name it (MCP 2026-07-28,
/// Authorization, "Refresh Tokens").
pub(super) const OFFLINE_ACCESS: &str = "offline_access";

/// What a resource server publishes about itself, so that a client gets in with nothing but the URL of the resource. It
/// exists if [`ResourceServerBuilder::publish`](super::ResourceServerBuilder::publish) or
/// [`mcp`](super::ResourceServerBuilder::mcp) is set, and
/// [`ResourceServer::published`](super::ResourceServer::published) returns it.
///
/// The layers of `oidc-tower` and `oidc-axum` serve it. With another framework, serve [`document`](Self::document) as
/// `application/json` where [`is_at`](Self::is_at) holds, to anybody: with `Access-Control-Allow-Origin: *`.
///
/// ```
/// use oidc_proto::resource::{ResourceServer, TrustedIssuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = ResourceServer::builder("https://api.example/orders")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .publish(|about| about.scopes_supported(["orders.read"]))
///     .build()?;
/// let published = api.published().ok_or("it publishes nothing")?;
/// let url = "https://api.example/.well-known/oauth-protected-resource/orders";
/// assert_eq!(published.url().as_str(), url);
/// assert!(published.is_at(&http::Uri::from_static("/.well-known/oauth-protected-resource/orders")));
/// let document: serde_json::Value = serde_json::from_str(published.document())?;
/// assert_eq!(document["authorization_servers"][0], "https://op.example");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PublishedMetadata {
    url: EndpointUrl,
    metadata: ResourceMetadata,
    document: String,
    mcp: bool,
}

impl PublishedMetadata {
    /// Returns the URL of the document: the `resource_metadata` of every challenge.
    #[must_use]
    pub const fn url(&self) -> &EndpointUrl {
        &self.url
    }

    /// Returns the metadata of the resource.
    #[must_use]
    pub const fn metadata(&self) -> &ResourceMetadata {
        &self.metadata
    }

    /// Returns the document: the metadata as JSON.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Whether a request for this URI, as the client has sent it, is for the document. A query counts only if the
    /// identifier of the resource has one.
    #[must_use]
    pub fn is_at(&self, uri: &Uri) -> bool {
        let url = self.url.as_url();
        uri.path() == url.path() && url.query().is_none_or(|query| uri.query() == Some(query))
    }

    /// Whether the resource is an MCP server: [`ResourceServerBuilder::mcp`](super::ResourceServerBuilder::mcp).
    #[must_use]
    pub const fn is_mcp(&self) -> bool {
        self.mcp
    }

    /// Returns the scopes that a challenge names if nothing else decides on them.
    pub(super) fn scope(&self) -> Option<String> {
        let scopes = self.metadata.scopes_supported.as_ref().filter(|scopes| !scopes.is_empty())?;
        Some(scopes.join(" "))
    }
}

impl fmt::Debug for PublishedMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishedMetadata")
            .field("url", &self.url)
            .field("mcp", &self.mcp)
            .finish_non_exhaustive()
    }
}

/// The other settings of the server, for the members that the program has left open.
pub(super) struct Settings<'s> {
    pub(super) resource: &'s str,
    /// Another URL of the document than the well-known one.
    pub(super) place: Option<&'s str>,
    /// The names of the trusted issuers.
    pub(super) issuers: Vec<&'s str>,
    pub(super) credentials: CredentialPolicy,
    /// The algorithms for proofs, and whether every token needs one.
    pub(super) dpop: Option<(String, bool)>,
    pub(super) certificates: bool,
    pub(super) mcp: bool,
}

impl PublishedMetadata {
    pub(super) fn new(
        mut about: ResourceMetadata,
        settings: Settings<'_>,
    ) -> Result<Self, ResourceServerError> {
        let Settings { resource, place, issuers, credentials, dpop, certificates, mcp } = settings;
        // The program has named this URL itself. Whoever gets it from a challenge judges it by their own policy.
        let policy = UrlPolicy::default().for_issuer(resource).with_private_addresses();
        resource.clone_into(&mut about.resource);
        let url = match place {
            Some(place) => EndpointUrl::parse(place, &policy),
            None => about.url(&policy),
        };
        let url = url.map_err(|_| ResourceServerError::Metadata)?;
        if mcp && let Some(scopes) = &mut about.scopes_supported {
            scopes.retain(|scope| scope != OFFLINE_ACCESS);
        }
        if about.scopes_supported.iter().flatten().any(|scope| !is_scope(scope)) {
            return Err(ResourceServerError::Text("scopes_supported"));
        }
        let servers = about.authorization_servers.get_or_insert_with(|| {
            // A template is not a URL that a client could ask.
            let names = issuers.into_iter().filter(|name| !name.contains(['{', '}']));
            names.map(str::to_owned).collect()
        });
        if servers.is_empty() {
            return Err(ResourceServerError::NoAuthorizationServer);
        }
        let bearer = dpop.as_ref().is_none_or(|(_, required)| !required);
        if about.bearer_methods_supported.is_none() && bearer {
            let methods =
                [(true, "header"), (credentials.form, "body"), (credentials.query, "query")].into_iter();
            let methods = methods.filter(|(on, _)| *on).map(|(_, method)| method.to_owned());
            about.bearer_methods_supported = Some(methods.collect());
        }
        if let Some((algorithms, required)) = dpop {
            let algorithms = || algorithms.split(' ').map(str::to_owned).collect();
            about.dpop_signing_alg_values_supported.get_or_insert_with(algorithms);
            about.dpop_bound_access_tokens_required.get_or_insert(required);
        }
        if certificates {
            about.tls_client_certificate_bound_access_tokens.get_or_insert(true);
        }
        let document = about.to_json().to_string();
        Ok(Self { url, metadata: about, document, mcp })
    }
}

/// Whether a text is one scope (RFC 6749 section 3.3).
fn is_scope(text: &str) -> bool {
    let allowed = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
#[path = "../tests/publish_tests.rs"]
mod tests;
