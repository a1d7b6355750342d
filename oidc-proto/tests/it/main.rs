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

mod callback;
mod contract;
mod discovery;
mod id_token;
mod keys;
mod login;
mod peers;
mod properties;
mod refresh;
mod sealed;
mod token_endpoint;
mod userinfo;
mod vectors;

/// What others have published, and what stays in the formats of earlier versions.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");
