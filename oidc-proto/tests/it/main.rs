//! Tests of the core from outside: they use what its users can use, and `oidc-testkit`, which is the provider.
//!
//! What also needs an adapter is in `tests/`, and so is what counts allocations: an allocator is unsafe code.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

mod bad_input;
mod callback;
mod contract;
mod device;
mod discovery;
mod id_token;
mod introspection;
mod keys;
mod laws;
mod login;
mod metadata_forms;
mod peers;
mod properties;
mod realworld;
mod refresh;
mod renewal;
mod resource;
mod revocation;
mod saved;
mod sealed;
mod secrets;
mod support;
mod token_cache;
mod token_endpoint;
mod userinfo;
mod vectors;

/// What others have published, and what stays in the formats of earlier versions.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");
