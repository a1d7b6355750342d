//! The first request of the discovery of an authorization server.

use super::{
    asking::Discovering, challenged::broken, discovered::MetadataSource, settings::AuthorizationDiscovery,
};
use crate::{
    base::endpoint_url::EndpointUrl,
    flow::contract::{Call, ConfigError, Error},
    metadata::{DiscoveryError, resource_places},
};

impl AuthorizationDiscovery {
    /// Makes the first request.
    ///
    /// # Errors
    /// [`ConfigError::Resource`] if no resource may have this URL, or if the policy does not allow it; [`Error::Response`] if
    /// the challenges name several URLs, one that the policy does not allow, or one that the rules do not.
    pub fn start(self) -> Result<Call<Self>, Error> {
        let Self { mut settings, named, budget } = self;
        settings.budget = budget;
        let resource =
            EndpointUrl::parse(&settings.resource, &settings.policy).map_err(ConfigError::Resource)?;
        let places: Vec<_> = match named? {
            Some(place) => {
                let same_origin = place.as_url().origin() == resource.as_url().origin();
                if !same_origin && !settings.rules.other_origin {
                    return Err(broken(DiscoveryError::OtherOrigin.into()));
                }
                vec![(place, MetadataSource::Challenge)]
            }
            None => {
                let places = resource_places(&settings.resource, &settings.policy, settings.rules.root);
                let sources = [MetadataSource::Path, MetadataSource::Root];
                places.map_err(ConfigError::Resource)?.into_iter().zip(sources).collect()
            }
        };
        Discovering::start(places, settings, budget)
    }
}
