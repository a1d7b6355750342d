//! What a client says about itself when it registers, and what the provider answers (RFC 7591, RFC 7592, OpenID Connect
//! Dynamic Client Registration 1.0).

mod checks;
mod client_metadata;
mod keys;
#[cfg(test)]
mod tests;

pub use checks::ClientMetadataError;
pub use client_metadata::ClientMetadata;
