//! Room `metadata`: what a provider says of itself (OpenID Connect Discovery 1.0, RFC 8414), read
//! from hostile bytes and checked once.

mod capability;
mod members;
mod provider;

pub use members::{MtlsEndpointAliases, ProviderMetadata};
pub use provider::{MetadataError, Profile, SetAside, Why, well_known};
