//! [`KeySource`]: where the keys of an issuer come from.

use oidc_proto::{EndpointUrl, UrlPolicy, flow::DiscoveryOptions, jose::KeySet, metadata::Profile};
use std::sync::Arc;

/// Where a [`Gate`](crate::Gate) gets the keys of an issuer: see
/// [`GateBuilder::keys_of`](crate::gate::GateBuilder::keys_of).
///
/// ```
/// use oidc_drive::{Gate, Io, gate::KeySource, http, oidc_proto::{
///     EndpointUrl, UrlPolicy, jose::KeySet, metadata::Profile, resource::{ResourceServer, TrustedIssuer},
/// }};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .trust(TrustedIssuer::new("https://partner.example"))
///     .trust(TrustedIssuer::new("https://offline.example"))
///     .build()?;
/// let send = |_, _| async { Err::<http::Response<Vec<u8>>, _>("no network") };
/// let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
///
/// let keys = EndpointUrl::parse("https://partner.example/keys", &UrlPolicy::default())?;
/// let key = KeySet::parse(br#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let gate = Gate::builder(server, io)
///     .keys_of("https://op.example", KeySource::Discovery(Profile::OpenIdProvider)) // from its metadata
///     .keys_of("https://partner.example", KeySource::JwksUri(keys)) // it has no metadata
///     .keys_of("https://offline.example", KeySource::Fixed(key.into())) // never fetched
///     .build()?;
/// assert_eq!(gate.server().issuers().count(), 3);
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
    /// The keys are at this URL. If the issuer introspects opaque tokens, its metadata is fetched all the same.
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
