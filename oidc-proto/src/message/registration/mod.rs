//! What a client says about itself when it registers, and what the provider answers (RFC 7591, RFC 7592, OpenID Connect
//! Dynamic Client Registration 1.0).

mod checks;
mod client_information_response;
mod client_metadata;
mod keys;
mod registered_client;
#[cfg(test)]
mod tests;

pub use checks::ClientMetadataError;
pub use client_metadata::ClientMetadata;
pub use registered_client::{ClientMetadataChange, RegisteredClient};

pub(crate) use client_information_response::ClientInformationResponse;
