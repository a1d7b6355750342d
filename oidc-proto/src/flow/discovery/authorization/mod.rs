//! The discovery of the authorization server of a protected resource: from the URL of a resource, and from the challenge
//! with which it has refused a request, to the metadata of both and to the first scopes (RFC 9728, RFC 8414, and the
//! authorization of the Model Context Protocol).

mod asking;
mod budget;
mod challenged;
#[cfg(test)]
mod diagrams_tests;
mod discovered;
mod judged;
mod parent_path;
mod rules;
mod server_choice;
mod settings;
mod start;

pub(super) use challenged::named_metadata;

pub use asking::Discovering;
pub use discovered::{DiscoveredAuthorization, MetadataSource};
pub use rules::DiscoveryRules;
pub use server_choice::ServerChoice;
pub use settings::{AuthorizationDiscovery, MAX_DISCOVERY_BYTES, MAX_DISCOVERY_REQUESTS};
