//! [`MetadataRenewal`]: fetches the metadata of a provider again (OpenID Connect Discovery 1.0 section 4, RFC 8414
//! section 3).
//!
//! ```text
//! Getting ──document──▶ Done(Renewed<ProviderMetadata>)
//! ```

use super::{Freshness, Renewed};
use crate::{
    base::{endpoint_url::UrlPolicy, moment::Moment},
    flow::{Call, DiscoveryOptions, Error, Found, Step, Then},
    metadata::{Profile, ProviderMetadata},
};
use std::sync::Arc;

/// The flow that fetches provider metadata, for a [`Renewal`](super::Renewal). Its output says how long the metadata
/// is fresh.
///
/// Metadata that is refused is an error, so it cannot replace metadata that works.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::Step, metadata::Profile};
/// use oidc_proto::renew::{Freshness, MetadataRenewal};
///
/// let call = MetadataRenewal::start("https://ci.example", Profile::TokenIssuer, &UrlPolicy::default())?;
/// let (request, _terms, pending) = call.into_parts();
/// assert_eq!(request.uri(), "https://ci.example/.well-known/openid-configuration");
///
/// // The provider's response to `request`:
/// let body = br#"{"issuer": "https://ci.example", "jwks_uri": "https://ci.example/jwks"}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(body.to_vec())?;
/// let step = pending.receive(response, Moment::new(Timestamp(1_800_000_000), [7; 32]))?;
/// let Step::Done(renewed) = step else { return Err("the flow goes on".into()) };
/// assert_eq!(renewed.value.issuer, "https://ci.example");
/// assert_eq!(renewed.freshness, Freshness::UNKNOWN);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct MetadataRenewal;

impl MetadataRenewal {
    /// Makes the request for the metadata of `issuer`.
    ///
    /// # Errors
    /// Fails as [`Discovery::with_profile`](crate::flow::Discovery::with_profile) does.
    pub fn start(issuer: &str, profile: Profile, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::of_profile(profile, policy))
    }

    /// Makes the request for the metadata of `issuer`, with options.
    ///
    /// # Errors
    /// Fails as [`Discovery::with`](crate::flow::Discovery::with) does.
    pub fn with(issuer: &str, options: DiscoveryOptions) -> Result<Call<Self>, Error> {
        Ok(Found::start(issuer, options)?.carrying(()))
    }
}

impl Then for MetadataRenewal {
    type First = Found;
    type Carried = ();
    type Output = Renewed<ProviderMetadata>;

    fn then(
        (metadata, freshness): (ProviderMetadata, Freshness),
        (): (),
        _: Moment,
    ) -> Result<Step<Self>, Error> {
        Ok(Step::Done(Renewed::new(Arc::new(metadata), freshness)))
    }
}
