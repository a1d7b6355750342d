//! A strict OpenID Provider for tests: a function from a request and a time to a response.
//!
//! - [`TestProvider`] logs users in, signs tokens, rotates its keys on command and misbehaves on command.
//!   It judges every request: [`TestProvider::assert_clean`] fails the test of a client that did what a
//!   specification forbids, even where real providers would let it pass.
//! - [`Browser`] plays the user, [`Socket`] puts the provider on loopback for tests of HTTP stacks, and [`Seed`]
//!   supplies the entropy of a test.
//! - [`Party`] combines a provider, a client of the library and a [`Clock`]: one line brings any flow to any
//!   state.
//! - [`World`] has many providers, a clock that the test moves, and a network that loses and garbles messages.
//! - [`web::Web`] has pages at URLs and a log of requests, for a flow that visits several servers.
//! - [`KeyRing`] has keys to sign with.
//!
//! The provider reads requests with code of its own, never with the library under test, so an error of the
//! library cannot hide itself. All its keys are published: use it for tests only.
//!
//! ```
//! use oidc_testkit::{TestProvider, Registration, Timestamp};
//!
//! let mut provider = TestProvider::new("https://op.example");
//! provider.register(Registration::public("app").redirect_uri("https://app.example/callback"));
//! let request = http::Request::get("https://op.example/.well-known/openid-configuration")
//!     .header("accept", "application/json")
//!     .body(Vec::new())?;
//! let response = provider.handle(&request, Timestamp(1_800_000_000));
//! assert_eq!(response.status(), 200);
//! provider.assert_clean();
//! # Ok::<(), http::Error>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod browser;
pub mod drive;
mod entropy;
mod keys;
pub mod provider;
pub mod scenario;
mod socket;
pub mod web;
pub mod world;

pub use browser::{Browser, Landing};
pub use drive::{Clock, drive, drive_with};
pub use entropy::Seed;
pub use keys::KeyRing;
pub use oidc_proto::base::{Moment, Timestamp};
pub use oidc_proto::jose::Algorithm;
pub use provider::{
    AssertionAudience, BACKCHANNEL_GRANT, ClientAuthentication, DEVICE_GRANT, EndpointName,
    FederatedCredential, Finding, JWT_BEARER_GRANT, PeerCertificate, Registration, SAML_BEARER_GRANT, Seen,
    TOKEN_EXCHANGE_GRANT, TestProvider, User, hostile,
};
pub use scenario::{Party, PartyBuilder};
pub use socket::Socket;
pub use world::{SimClock, World};
