//! The discovery of metadata, of a provider and of a protected resource.

#[cfg(test)]
mod diagrams_tests;
mod provider;
mod resource;

pub use provider::{Asked as DiscoveryContext, Discovery, DiscoveryOptions, Found};
pub use resource::{Asked as ResourceDiscoveryContext, ResourceDiscovery};
