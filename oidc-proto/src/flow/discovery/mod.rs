//! The discovery of metadata, of a provider and of a protected resource.

#[cfg(test)]
mod diagrams_tests;
mod provider;
mod resource;

pub(crate) use provider::Found;
pub use provider::{Discovery, DiscoveryOptions};
pub use resource::ResourceDiscovery;
