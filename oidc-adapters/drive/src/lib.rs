//! Logs users in, verifies access tokens and protects APIs with OpenID Connect, over any HTTP client, blocking or
//! async.
//!
//! ```
//! use oidc_drive::{
//!     blocking::{Io, Provider},
//!     http,
//!     oidc_proto::{flow::{Request, Terms}, message::AuthorizationRequest},
//! };
//!
//! // Your HTTP client is a closure, from a request to a response. This one answers by hand.
//! let send = |request: Request, _: Terms| {
//!     assert_eq!(request.uri(), "https://op.example/.well-known/openid-configuration");
//!     http::Response::builder().header("content-type", "application/json").body(
//!         r#"{"issuer": "https://op.example", "authorization_endpoint": "https://op.example/auth",
//!             "token_endpoint": "https://op.example/token", "jwks_uri": "https://op.example/jwks",
//!             "response_types_supported": ["code"], "subject_types_supported": ["public"],
//!             "id_token_signing_alg_values_supported": ["RS256"]}"#,
//!     )
//! };
//! let provider = Provider::builder("https://op.example", Io::new(send))
//!     .client_id("my-client")
//!     .secret("my secret")
//!     .redirect_uri("https://app.example/callback")
//!     .build()?;
//!
//! // Send the user to `url`, and keep `pending` in their session until they come back.
//! let (url, pending) = provider.authorize(&AuthorizationRequest::new(["email"]))?;
//! assert!(url.as_str().starts_with("https://op.example/auth?response_type=code&"));
//! # drop(pending);
//! # Ok::<(), oidc_drive::ProviderError>(())
//! ```
//!
//! If you use ureq, hyper or reqwest, depend on `oidc-ureq`, `oidc-hyper` or `oidc-reqwest`: each has a client that is
//! already configured, and re-exports this crate.
//!
//! # What lives where
//!
//! * [`Provider`] (async) and [`blocking::Provider`] (threads) are handles for a program that logs users in, verifies
//!   tokens, or needs tokens of its own. A handle keeps metadata, keys and tokens fresh.
//! * [`Api`] sends the requests of a program to an API, with its access token.
//! * [`Resource`] sends the requests of a program to a resource of which it knows the URL alone: it finds the authorization
//!   server, becomes its client, and asks the user.
//! * [`Gate`] protects an API: it checks the access token and the proof of each request.
//! * [`Io`] and [`blocking::Io`] wrap your HTTP client for a handle or a gate.
//! * [`run`] and [`run_async`] run a single flow to its end. Everything else is built on this loop.
//! * [`SingleFlight`] shares one value (keys, metadata, a token) between many callers. One caller fetches the value;
//!   the others use the old one or wait a little. [`SingleFlights`] is a bounded pool of such values.
//! * [`Observer`] receives an [`Event`] for each request, response, wait, renewal and verdict, with durations and
//!   without secrets.
//! * [`egress::Guard`] decides which addresses a host name may resolve to. [`meter::Meter`] bounds the bytes
//!   and the time of one exchange. Both are for code that opens connections.
//! * [`source::Source`] reads a credential that changes, such as the token of a workload, for each attempt of a handle.
//! * [`store`] has what several nodes of a program share: refreshes, logins that have begun, used messages, revocations.
//!   With the feature `file`, it has a store over a directory of files, which a program finds again when it starts.
//! * [`Clock`] supplies time and entropy. Tests replace it.
//! * `stack` (feature `hyper`) is the client that the adapters over hyper share.
//!
//! # Who decides what
//!
//! `oidc-proto` builds each request, reads each response and judges each token. This crate decides when a flow runs,
//! how many callers share its result, and how long that result is kept. So a few rules of the protocols are here, too.
//! A code and a refresh token are sent once. The newest DPoP nonce of each server is remembered. An introspection
//! response is kept for a few seconds. An API answers an outage of its provider with 503, not with 401.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod api;
pub mod blocking;
mod drive;
pub mod event;
mod flight;
pub mod gate;
mod io;
mod issuer;
mod net;
pub mod provider;
pub mod resource;
mod sentence;
pub mod source;
#[cfg(feature = "hyper")]
pub mod stack;
pub mod store;

pub use api::{Api, ApiBuilder, ApiError, ApiResponse};
pub use drive::{DriveError, Job, Task, run, run_async, run_async_with_observer, run_with_observer};
pub use event::{Clock, Event, Observer, Sending, Started, SystemClock, moment, now};
pub use flight::{NotAvailableError, SingleFlight, SingleFlights};
pub use gate::Gate;
pub use io::Io;
pub use net::{egress, meter};
// The signatures of this crate use these two crates. With the re-exports, a program needs only one dependency.
pub use http;
pub use oidc_proto;
pub use provider::{Provider, ProviderBuilder, ProviderError};
pub use resource::Resource;
