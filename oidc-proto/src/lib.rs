//! OpenID Connect and OAuth 2.0 as values: this crate builds the requests of the protocols, reads the responses
//! and verifies the tokens. It opens no socket, and reads neither a clock nor a source of randomness: your
//! program sends each request, and passes in the time and the entropy.
//!
//! # You only want to use it?
//!
//! Then take the crate for your HTTP client. Each of these brings this crate along:
//!
//! | your program | crate |
//! |---|---|
//! | is blocking | [`oidc-ureq`](https://docs.rs/oidc-ureq) |
//! | is async | [`oidc-hyper`](https://docs.rs/oidc-hyper) or [`oidc-reqwest`](https://docs.rs/oidc-reqwest) |
//! | is an API | [`oidc-axum`](https://docs.rs/oidc-axum) or [`oidc-tower`](https://docs.rs/oidc-tower) |
//! | has another HTTP client | [`oidc-drive`](https://docs.rs/oidc-drive), with a closure that sends a request |
//!
//! They share one handle,
//! [`oidc_drive::Provider`](https://docs.rs/oidc-drive/latest/oidc_drive/provider/struct.Provider.html). It
//! discovers the provider, keeps its metadata and keys fresh, logs users in, and verifies access tokens. Go on
//! here if you bring your own HTTP client or your own loop, or if you simulate and test.
//!
//! # Log a user in
//!
//! 1. **Discovery** fetches the provider's metadata: [`Discovery`](flow::Discovery).
//! 2. **A client** is the metadata and your registration: [`Client`](flow::Client).
//! 3. **Authorize** gives the URL to send the user to, and the state to keep until they come back:
//!    [`Client::authorize`](flow::Client::authorize).
//! 4. **The callback** is checked against that state: [`PendingAuthorization`](flow::PendingAuthorization).
//! 5. **The token response** and, if need be, the keys are fetched: [`Login`](flow::Login).
//! 6. **The ID token** is verified before anything comes out: [`Authenticated`](flow::Authenticated).
//!
//! The examples take [`oidc-testkit`](https://docs.rs/oidc-testkit) for a provider: it works without a network.
//!
//! ```
//! use oidc_proto::{Timestamp, UrlPolicy, flow::*, message::*};
//! use oidc_testkit::{Browser, Clock, Registration, Seed, TestProvider, drive};
//!
//! // A provider without a network: a function from requests to responses. `drive` sends it the requests;
//! // with a real provider, this is the work of `oidc_drive::run`, or of the loop below.
//! let mut provider = TestProvider::new("https://op.example");
//! provider.register(Registration::public("my-client").redirect_uri("https://app.example/callback"));
//! let mut clock = Clock::new(Timestamp(1_800_000_000), Seed::new(1));
//!
//! // 1. Discovery.
//! let discovery = Discovery::start("https://op.example", &UrlPolicy::default())?;
//! let metadata = drive(discovery, &mut provider, &mut clock)?;
//!
//! // 2. A client. One with a secret calls `.secret("…")` as well.
//! let client =
//!     Client::builder(metadata, "my-client").redirect_uri("https://app.example/callback").build()?;
//!
//! // 3. Authorize: send the user to `url`, and keep `pending` in their session.
//! let request = AuthorizationRequest::new(["profile", "email"]);
//! let (url, pending) = client.authorize(&request, clock.moment())?;
//!
//! // 4. The callback: the user comes back to the redirect URI.
//! let landing = Browser::new().visit(&mut provider, &url, clock.now());
//! let response = AuthorizationResponse::from_url(landing.url())?;
//! let login = pending.callback(&client, None, response, clock.moment())?;
//!
//! // 5. The token response, and the keys of the provider.
//! let user = drive(login, &mut provider, &mut clock)?;
//!
//! // 6. The verified ID token: this is who the user is.
//! assert_eq!(user.id_token.iss, "https://op.example");
//! assert_eq!(user.id_token.sub, "alice");
//! assert!(user.tokens.refresh_token.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Drive any flow
//!
//! Each flow is a [`Step`](flow::Step): send a request, wait, or done. One loop drives all of them:
//!
//! ```
//! use oidc_proto::{Error, Moment, Timestamp, flow::{Flow, Request, Step, Terms}};
//!
//! fn run<F: Flow>(
//!     step: impl Into<Step<F>>,
//!     send: impl Fn(Request, Terms) -> Option<http::Response<Vec<u8>>>, // `None`: no response
//!     moment: impl Fn() -> Moment,                                      // the time, and 32 random bytes
//!     sleep_until: impl Fn(Timestamp),
//! ) -> Result<Option<F::Output>, Error> {
//!     let mut step = step.into();
//!     loop {
//!         step = match step {
//!             Step::Send(call) => {
//!                 let (request, terms, pending) = call.into_parts();
//!                 let next = match send(request, terms) {
//!                     Some(response) => Some(pending.receive(response, moment())?),
//!                     None => pending.fail(moment())?,
//!                 };
//!                 let Some(next) = next else { return Ok(None) }; // the flow gives up
//!                 next
//!             }
//!             Step::Wait(pause) => {
//!                 sleep_until(pause.until());
//!                 pause.wake(moment())?
//!             }
//!             Step::Done(output) => return Ok(Some(output)),
//!         }
//!     }
//! }
//! ```
//!
//! [`Terms`](flow::Terms) has the limits of a request: the largest body, and the longest time. Never follow a
//! redirect: it is a response like any other.
//!
//! # Verify an access token
//!
//! With the issuer's keys at hand, there is no I/O in it:
//!
//! ```
//! use oidc_proto::{Timestamp, jose::{KeySet, Scratch}, token::{AccessTokenVerifier, VerificationError}};
//!
//! fn subject(token: &str, keys: &KeySet, now: Timestamp) -> Result<String, VerificationError> {
//!     let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example/");
//!     let mut scratch = Scratch::new();
//!     let verified = verifier.verify(token, keys, &mut scratch, now)?;
//!     Ok(verified.claims().sub.as_deref().unwrap_or_default().to_owned())
//! }
//!
//! assert!(subject("no token", &KeySet::default(), Timestamp(1_800_000_000)).is_err());
//! ```
//!
//! [`JwksRetrieval`](flow::JwksRetrieval) fetches the keys, and [`renew`] keeps them fresh.
//!
//! # Protect an API
//!
//! [`ResourceServer`](resource::ResourceServer) reads the credentials of a request and judges them. A refusal
//! has the status and the challenge that the specifications name:
//!
//! ```
//! use http::request::Parts;
//! use oidc_proto::{Timestamp, jose::{KeySet, Scratch}, resource::*};
//! use std::sync::Arc;
//!
//! fn check(
//!     server: &ResourceServer,
//!     request: &Parts,
//!     keys: &KeySet,
//!     now: Timestamp,
//! ) -> Result<Arc<Access>, Denied> {
//!     let mut scratch = Scratch::new();
//!     let inspected = server.inspect(&RequestView::of(request), &mut scratch)?;
//!     match server.judge(&inspected, keys, &mut scratch, now) {
//!         Verdict::Accepted(access) => {
//!             access.require(&Requirement::new().scope("orders.read"), now)?;
//!             Ok(access)
//!         }
//!         Verdict::Denied(denied) | Verdict::NewerKeys(denied) => Err(denied),
//!         _ => Err(server.unavailable(std::time::Duration::from_secs(1))), // this server asks for no DPoP proof
//!     }
//! }
//!
//! let issuer = TrustedIssuer::new("https://op.example");
//! let server = ResourceServer::builder("https://api.example/").trust(issuer).build()?;
//! let (request, ()) = http::Request::get("https://api.example/orders").body(())?.into_parts();
//! let denied = check(&server, &request, &KeySet::default(), Timestamp(1_800_000_000)).unwrap_err();
//! assert_eq!(denied.status(), 401);
//! assert_eq!(denied.headers()["www-authenticate"], "Bearer realm=\"https://api.example/\"");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Units, features, purity
//!
//! * **Units.** A span of time is a [`Duration`](std::time::Duration), and a point in time is a [`Timestamp`]:
//!   seconds since 1970, as in a JWT. The public limits are constants, and their documentation has the unit.
//! * **Features.** There are none to choose: the crate has no Cargo features.
//! * **MSRV.** Rust 1.88.
//! * **Purity.** Time and entropy come in as a [`Moment`], which is used once. A flow with the same moments and
//!   responses makes the same requests. Only a signature may draw randomness of its own, in
//!   [`RingSigner`](jose::RingSigner), as its algorithm demands. Nothing is logged.
//!
//! # The map
//!
//! Each module is a room. It uses the rooms on its left, and never those on its right:
//!
//! ```text
//! base ◀ jose ◀ metadata ◀ message ◀ token ◀ sender ◀ resource ◀ flow ◀ renew
//! ```
//!
//! | room | what it has |
//! |---|---|
//! | [`base`] | times, secrets, endpoint URLs, forms, JSON, headers: nothing that knows a protocol |
//! | [`backend`] | the crypto crate: ring, and the trait of another that verifies the signatures of tokens |
//! | [`jose`] | algorithms, keys and key sets, signed tokens |
//! | [`metadata`] | the metadata of a provider and of a protected resource |
//! | [`message`] | the messages of the specifications, one file each: encoded or decoded, no decisions |
//! | [`token`] | the verification of ID tokens and access tokens |
//! | [`sender`] | proofs of possession: DPoP proofs made and checked, certificates, replay |
//! | [`resource`] | the protection of an API: credentials, verdicts, challenges |
//! | [`flow`] | the contract ([`Step`](flow::Step), [`Flow`](flow::Flow)) and the flows, one file each |
//! | [`renew`] | the renewal of keys, metadata and access tokens, by one policy |
//! | `backend` | private: the cryptography, from [ring](https://docs.rs/ring) |
//! | [`danger`] | every switch that takes a check away, and what the check prevents |
//! | [`misuse`] | mistakes that do not compile, each beside the right code |
//!
//! # Guides
//!
//! * [The contract](https://github.com/oidc-proto/oidc-proto/blob/main/docs/contract.md) between a flow and its driver
//! * [Saved states](https://github.com/oidc-proto/oidc-proto/blob/main/docs/saved-state.md): where to keep a login
//! * [What each error means, and what to do](https://github.com/oidc-proto/oidc-proto/blob/main/docs/errors.md)
//! * [Keys in outage and rotation](https://github.com/oidc-proto/oidc-proto/blob/main/docs/keys.md)
//! * [Adapters](https://github.com/oidc-proto/oidc-proto/blob/main/docs/adapters.md) under load, and
//!   [the rules for your own](https://github.com/oidc-proto/oidc-proto/blob/main/oidc-adapters/README.md)
//! * Moving over from
//!   [openidconnect](https://github.com/oidc-proto/oidc-proto/blob/main/docs/migrate-openidconnect.md),
//!   [jsonwebtoken](https://github.com/oidc-proto/oidc-proto/blob/main/docs/migrate-jsonwebtoken.md) or
//!   [py-identity-model](https://github.com/oidc-proto/oidc-proto/blob/main/docs/migrate-py-identity-model.md)
//! * [WebAssembly](https://github.com/oidc-proto/oidc-proto/blob/main/docs/wasm.md)
//! * [Performance](https://github.com/oidc-proto/oidc-proto/blob/main/docs/performance.md)
//! * [Architecture](https://github.com/oidc-proto/oidc-proto/blob/main/docs/architecture.md) and
//!   [the reasons](https://github.com/oidc-proto/oidc-proto/blob/main/docs/why.md)
//! * [Which test shows which section](https://github.com/oidc-proto/oidc-proto/blob/main/docs/specs.md)
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod backend;
pub mod base;
pub mod danger;
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
    sentence::Remedy,
};
pub use flow::Error;
