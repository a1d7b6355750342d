//! Tests of the driver from outside, against the provider of the testkit. They need no HTTP client.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

mod elsewhere;
mod file_store;
mod full_store;
mod logouts;
mod nonces;
mod sessions;
mod single_flight;
mod world;
