//! Tests of the core from outside: they use what its users can use, and need no other crate of the
//! workspace.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

mod contract;
