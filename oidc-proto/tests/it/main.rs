//! Tests of the core from outside: they use its public API, and `oidc-testkit` as the provider.
//!
//! Tests that also need an adapter are in `tests/`, and so are those that count allocations, because an
//! allocator is unsafe code.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

mod attestation;
mod authorization_discovery;
mod backends;
mod bad_input;
mod callback;
mod ciba;
mod contract;
mod defaults;
mod delegation;
mod device;
mod device_field;
mod discovery;
mod documents;
mod field;
mod grants;
mod id_token;
mod identity;
mod introspection;
mod keys;
mod laws;
mod login;
mod logout;
mod metadata_forms;
mod nonces;
mod outcome;
mod peers;
mod properties;
mod pushed;
mod realworld;
mod received_logout;
mod refresh;
mod registration;
mod renewal;
mod resource;
mod revocation;
mod saved;
mod sealed;
mod secrets;
mod signed_introspection;
mod support;
mod target;
mod token_cache;
mod token_endpoint;
mod userinfo;
mod vectors;

/// The folder of published data and of states saved by earlier versions.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");
