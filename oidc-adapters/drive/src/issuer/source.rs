//! [`KeySource`]: where the keys of an issuer come from.

use oidc_proto::{EndpointUrl, UrlPolicy, flow::DiscoveryOptions, jose::KeySet, metadata::Profile};
use std::sync::Arc;

/// Where a [`Gate`](crate::Gate) gets the keys of an issuer: see
/// [`GateBuilder::keys_of`](crate::gate::GateBuilder::keys_of).
///
/// ```
/// use oidc_drive::gate::KeySource;
/// use oidc_drive::oidc_proto::{EndpointUrl, UrlPolicy, jose::KeySet, metadata::Profile};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // An OpenID Provider, with everything that its metadata must have.
/// let discovered = KeySource::Discovery(Profile::OpenIdProvider);
/// // An issuer without metadata.
/// let from_url = KeySource::JwksUri(EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default())?);
/// // A key from a file, for an API without a network.
/// let fixed = KeySource::Fixed(KeySet::parse(br#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?.into());
/// # let _ = (discovered, from_url, fixed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// The `jwks_uri` in the metadata of the issuer. The metadata must have what this profile demands.
    Discovery(Profile),
    /// The `jwks_uri` in the metadata of the issuer, which is fetched with these options: in another form, for
    /// example. An issuer rule that is set where the issuer is
    /// [trusted](oidc_proto::resource::TrustedIssuer::access_tokens) applies without being set here again.
    Metadata(Box<DiscoveryOptions>),
    /// This URL. If the issuer introspects opaque tokens, its metadata is fetched all the same.
    JwksUri(EndpointUrl),
    /// These keys, which are never renewed. If the issuer introspects opaque tokens, its metadata is still fetched.
    Fixed(Arc<KeySet>),
}

impl KeySource {
    /// The options for fetching the metadata. If the keys do not need it, introspection does.
    pub(crate) fn discovery(&self, urls: &UrlPolicy) -> DiscoveryOptions {
        match self {
            Self::Discovery(profile) => DiscoveryOptions::of_profile(*profile, urls),
            Self::Metadata(options) => (**options).clone(),
            Self::JwksUri(_) | Self::Fixed(_) => DiscoveryOptions::of_profile(Profile::TokenIssuer, urls),
        }
    }
}
