//! Room `flow::discovery`: from a name to metadata.

#[cfg(test)]
mod diagrams_tests;
mod provider;
mod resource;

pub(crate) use provider::Found;
pub use provider::{Discovery, DiscoveryOptions};
pub use resource::ResourceDiscovery;
