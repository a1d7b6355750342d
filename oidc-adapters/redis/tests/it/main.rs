//! The stores over a real Redis, and three processes that share refreshes through one. The stories that fit the store over
//! files of `oidc-drive` are told there, too.
//!
//! Without `redis-server`, the tests say that they are skipped. `OIDC_REQUIRE_REDIS=1` requires it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

mod files;
mod handles;
mod kept;
mod node;
mod outages;
mod processes;
mod server;
mod values;
