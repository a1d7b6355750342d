//! A store over [Redis](https://redis.io) for [`oidc_drive::store`]: refreshes, logins, replays and revocations that
//! several nodes of a program share.
//!
//! ```
//! use oidc_redis::{
//!     RedisStore,
//!     oidc_drive::{Io, ProviderBuilder, store::{SharedRefreshes, StoreError}},
//!     oidc_proto::flow::SealingKeys,
//! };
//!
//! /// For `settings`, pass `oidc_hyper::Http::new().provider("https://op.example")`, for example.
//! fn shared(settings: ProviderBuilder<Io>, key: &[u8; 32]) -> Result<ProviderBuilder<Io>, StoreError> {
//!     let store = RedisStore::open("redis://redis.internal")?.with_prefix("my-app:");
//!     Ok(settings.shared_refreshes(SharedRefreshes::new(store, SealingKeys::new(1, key))))
//! }
//! ```
//!
//! [`RedisStore`] is for programs with tokio, and [`blocking::RedisStore`] for programs with threads. Both use the same
//! keys, so both kinds of program can share a Redis.
//!
//! # What is in Redis
//!
//! | key, after the prefix | value | lifetime |
//! |---|---|---|
//! | `refresh:` and a hash of issuer, client and refresh token | a lease, or the new tokens, sealed | 10 minutes for tokens, 30 days for what may be spent |
//! | `login:` and a hash of the `state` | the saved login, sealed | an hour |
//! | `used:` and a hash of purpose, sender and identifier | `1` | until the message ends, and 5 minutes |
//! | `revoked_session:`, `revoked_subject:` and a hash | a time | as long as the program says |
//!
//! # What Redis must do
//!
//! * Redis 6.2 or later, or Valkey: `GETDEL` is new in 6.2. The user of the connection needs `GET`, `SET`, `DEL`,
//!   `GETDEL`, `TIME` and `EVAL`.
//! * It must not drop values before they expire: `maxmemory-policy noeviction`.
//! * What it has answered must stay. If it restarts without its data, or if a replica takes over that has not got the
//!   latest change, a lease is gone, and a refresh token may be sent twice. A provider that detects reuse then ends the
//!   session.
//! * Its clock must not jump: leases end by it.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod blocking;
mod commands;
mod store;

pub use store::RedisStore;
// The signatures of this crate use these crates. With the re-exports, a program needs only one dependency.
pub use oidc_drive;
pub use oidc_proto;
pub use redis;
