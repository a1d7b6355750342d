//! OpenID Connect and OAuth 2.0 as values: requests are built, responses are consumed, tokens are
//! verified, and nothing in here touches a socket, a clock or a source of randomness.
//!
//! # The map
//!
//! Rooms build on each other, from left to right, and never the other way:
//!
//! ```text
//! base ◀ jose ◀ metadata ◀ message ◀ token ◀ sender ◀ resource ◀ flow ◀ renew
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`base`] | moments, secrets, endpoint URLs, forms, JSON, headers: nothing that knows a protocol |
//! | [`jose`] | algorithms, keys and key sets, signed tokens |
//! | [`metadata`] | what a provider says of itself, and what follows from it |
//! | [`message`] | one file per message of the specifications: encoded or decoded, no decisions |
//! | [`token`] | claims one may believe: ID tokens, access tokens |
//! | [`sender`] | what the sender of a token proves: DPoP proofs made and checked, certificates, replay |
//! | [`resource`] | what a protected resource does with a request: credentials, proofs, verdicts, challenges |
//! | [`flow`] | the contract ([`Step`](flow::Step), [`Flow`](flow::Flow)) and one file per flow |
//! | [`renew`] | values that go stale: keys, metadata, access tokens, by one policy |
//!
//! # Where to begin
//!
//! * Log a user in: [`Discovery::start`](flow::Discovery::start), [`Client`](flow::Client),
//!   [`Client::authorize`](flow::Client::authorize),
//!   [`PendingAuthorization::callback`](flow::PendingAuthorization::callback).
//! * Verify access tokens: [`AccessTokenVerifier`](token::AccessTokenVerifier) with a [`KeySet`](jose::KeySet).
//! * Protect an API: [`ResourceServer`](resource::ResourceServer).
//! * Drive a flow with your own HTTP client: the loop at the top of [`flow`].
//! * What does not compile, and why that is the point: [`misuse`].
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod backend;
pub mod base;
pub mod flow;
pub mod jose;
pub mod message;
pub mod metadata;
#[cfg(any(doc, doctest))]
pub mod misuse;
pub mod renew;
pub mod resource;
pub mod sender;
pub mod token;

pub use base::{
    endpoint_url::{EndpointUrl, UrlPolicy},
    moment::{Moment, Timestamp},
    secret::Secret,
};
pub use flow::Error;
