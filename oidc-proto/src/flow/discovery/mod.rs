//! Room `flow::discovery`: from a name to metadata.

mod provider;
mod resource;

pub(crate) use provider::Found;
pub use provider::{Discovery, DiscoveryOptions};
pub use resource::ResourceDiscovery;
