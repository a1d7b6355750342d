//! Renewing metadata (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3).

use super::{Freshness, Renewed};
use crate::{
    base::{endpoint_url::UrlPolicy, moment::Moment},
    flow::{Call, Discovery, DiscoveryOptions, Error, Flow, Never, Response, Step},
    metadata::{Profile, ProviderMetadata},
};
use std::sync::Arc;

/// The flow from an issuer to its metadata, and how long it is fresh. Metadata that is no good is an
/// error, so that it cannot take the place of good metadata.
#[derive(Debug)]
#[non_exhaustive]
pub struct MetadataRenewal;

impl MetadataRenewal {
    /// Asks the issuer for its metadata.
    ///
    /// # Errors
    /// As [`Discovery::with_profile`].
    pub fn start(issuer: &str, profile: Profile, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::of_profile(profile, policy))
    }

    /// Asks with options.
    ///
    /// # Errors
    /// As [`Discovery::with`].
    pub fn with(issuer: &str, options: DiscoveryOptions) -> Result<Call<Self>, Error> {
        Ok(Discovery::with(issuer, options)?.map(|asked| asked))
    }
}

impl Flow for MetadataRenewal {
    type Awaiting = <Discovery as Flow>::Awaiting;
    type Paused = Never;
    type Output = Renewed<ProviderMetadata>;

    fn on_response(
        asked: Self::Awaiting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        let freshness = Freshness::of_response(response.headers(), moment.now());
        Discovery::on_response(asked, response, moment)?.within(
            (),
            |asked, ()| asked,
            |never, ()| never,
            |metadata, ()| Ok(Step::Done(Renewed::new(Arc::new(metadata), freshness))),
        )
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
