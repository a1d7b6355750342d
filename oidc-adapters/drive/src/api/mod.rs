//! [`Api`]: the requests of a program to an API, with its access token.
//!
//! `oidc-proto` decides what a request may carry and what its response means
//! ([`ResourceRequest`](oidc_proto::flow::ResourceRequest)). This room has the tokens: it gets them, renews them, and
//! shares each renewal between all callers.
//!
//! ```text
//! send ─▶ a token ─▶ the request with it, over any HTTP client ─▶ the response as it came, and its outcome
//!                    a demand for a nonce ─▶ once more, with the nonce
//!                    401 ─▶ a newer token, one renewal for all callers ─▶ once more
//! ```
//!
//! | where the token comes from | method |
//! |---|---|
//! | the program itself (client credentials) | [`ApiBuilder::client_credentials`] |
//! | a user's session, with a refresh token | [`ApiBuilder::session`] |
//! | the token of a caller, exchanged | [`ApiBuilder::exchange`] |
//! | anywhere else | [`ApiBuilder::tokens`], [`ApiBuilder::fixed`] |

pub(crate) mod blocking;
mod builder;
mod client;
mod error;
mod source;
mod token;

pub use builder::{ApiBuilder, MAX_API_RESPONSE};
pub use client::Api;
pub use error::{ApiError, ApiResponse};
pub use token::{ApiToken, SessionTokens};
