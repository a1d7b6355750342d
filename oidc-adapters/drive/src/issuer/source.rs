//! [`KeySource`]: where the keys of an issuer come from.

use oidc_proto::{EndpointUrl, UrlPolicy, flow::DiscoveryOptions, jose::KeySet, metadata::Profile};
use std::sync::Arc;

/// Where the keys of an issuer come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// From the `jwks_uri` in its metadata, which must have what this profile demands.
    Discovery(Profile),
    /// The same, asked for with options: in another form, for example. The rule by which an issuer is
    /// [trusted](oidc_proto::resource::TrustedIssuer::access_tokens) need not be said again.
    Metadata(Box<DiscoveryOptions>),
    /// From here. Where opaque tokens are introspected, the metadata is fetched all the same.
    JwksUri(EndpointUrl),
    /// These, for good: nothing is fetched.
    Fixed(Arc<KeySet>),
}

impl KeySource {
    /// How to ask for the metadata. Where it is not needed for keys, it is for introspection.
    pub(crate) fn discovery(&self, urls: &UrlPolicy) -> DiscoveryOptions {
        match self {
            Self::Discovery(profile) => DiscoveryOptions::of_profile(*profile, urls),
            Self::Metadata(options) => (**options).clone(),
            Self::JwksUri(_) | Self::Fixed(_) => DiscoveryOptions::of_profile(Profile::TokenIssuer, urls),
        }
    }
}
