//! [`DiscoveredAuthorization`]: what the discovery of an authorization server finds.

use crate::{
    base::endpoint_url::EndpointUrl,
    metadata::{ProviderMetadata, ResourceMetadata},
};

/// The metadata of a resource and of its authorization server, and the scopes to ask for at first.
///
/// [`AuthorizationDiscovery`](super::AuthorizationDiscovery) returns it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DiscoveredAuthorization {
    /// The metadata of the resource. Its `resource` is to the letter that of the document, and the value of `resource` in
    /// requests for tokens (RFC 8707): not the URL that was asked for, which may be below it, and not in another spelling,
    /// which may be another resource to the authorization server.
    pub resource: ResourceMetadata,
    /// The metadata of the authorization server. Its issuer is to the letter the one that the resource lists.
    pub server: ProviderMetadata,
    /// The URL at which the metadata of the authorization server was: a program that keeps tokens finds it there again.
    pub server_at: EndpointUrl,
    /// The scopes to ask for at first: those of the challenge, or else all `scopes_supported` of the resource. `None` means
    /// that neither names any: ask for none.
    pub scope: Option<Vec<String>>,
    /// Where the metadata of the resource was.
    pub source: MetadataSource,
}

/// Where the metadata of a resource was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataSource {
    /// At the URL that the challenge names (RFC 9728 section 5.1).
    Challenge,
    /// At the well-known URL of the resource (RFC 9728 section 3.1).
    Path,
    /// At the well-known URL of the origin of the resource:
    /// [`DiscoveryRules::or_root`](super::DiscoveryRules::or_root).
    Root,
    /// Nowhere, or it names no authorization server. The origin of the resource was taken for the issuer:
    /// [`DiscoveryRules::or_origin_as_issuer`](super::DiscoveryRules::or_origin_as_issuer). Nobody has said that the resource
    /// wants tokens of it. `resource` has the URL that was asked for, if the resource has no metadata.
    Origin,
}
