//! The discovery of metadata, of a provider and of a protected resource.

mod authorization;
#[cfg(test)]
mod diagrams_tests;
mod provider;
mod resource;

pub use authorization::{
    AuthorizationDiscovery, DiscoveredAuthorization, Discovering, DiscoveryRules, MAX_DISCOVERY_BYTES,
    MAX_DISCOVERY_REQUESTS, MetadataSource, ServerChoice,
};
pub use provider::{Asked as DiscoveryContext, Discovery, DiscoveryOptions, Found};
pub use resource::{Asked as ResourceDiscoveryContext, ResourceDiscovery};
