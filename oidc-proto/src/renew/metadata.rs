//! Renewing metadata (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3).
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

/// The flow from an issuer to its metadata, and how long it is fresh. Metadata that is no good is an
/// error, so that it cannot take the place of good metadata.
#[derive(Debug)]
#[non_exhaustive]
pub struct MetadataRenewal;

impl MetadataRenewal {
    /// Asks the issuer for its metadata.
    ///
    /// # Errors
    /// As [`Discovery::with_profile`](crate::flow::Discovery::with_profile).
    pub fn start(issuer: &str, profile: Profile, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with(issuer, DiscoveryOptions::of_profile(profile, policy))
    }

    /// Asks with options.
    ///
    /// # Errors
    /// As [`Discovery::with`](crate::flow::Discovery::with).
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
