//! Protects any [tower](https://docs.rs/tower-service) service with access tokens. Knows no HTTP server
//! and no runtime.
//!
//! ```
//! use http::{Request, Response};
//! use oidc_drive::{Gate, Io, gate::KeySource};
//! use oidc_proto::resource::{Access, Requirement, ResourceServer, TrustedIssuer};
//! use oidc_tower::{ProtectLayer, access};
//! use tower_layer::Layer as _;
//! # use std::{convert::Infallible, future::{Ready, pending, ready}, task::{Context, Poll}};
//! # #[derive(Clone)]
//! # struct Api;
//! impl tower_service::Service<Request<String>> for Api {
//! #   type Response = Response<String>;
//! #   type Error = Infallible;
//! #   type Future = Ready<Result<Response<String>, Infallible>>;
//! #   fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
//!     // ...
//!     fn call(&mut self, request: Request<String>) -> Self::Future {
//!         let subject = access(request.extensions()).and_then(|access| access.subject.clone());
//!         ready(Ok(Response::new(format!("Hello, {subject:?}"))))
//!     }
//! }
//!
//! # let send = |_, _| pending::<Result<Response<Vec<u8>>, std::io::Error>>();
//! # let spawn = |_| ();
//! # let sleep = |_| pending();
//! let server = ResourceServer::builder("https://api.example")
//!     .trust(TrustedIssuer::new("https://op.example"))
//!     .build()?;
//! // `send`, `spawn` and `sleep` are those of your HTTP client and your runtime.
//! let gate = Gate::builder(server, Io::new(send, spawn, sleep)).build()?;
//! let api = ProtectLayer::new(gate).require(Requirement::new().scope("api:read")).layer(Api);
//! # drop(api);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! * A request that is accepted has an `Arc<Access>` among its extensions: [`access`].
//! * One that is refused never reaches the service. It is answered 400, 401 or 403 with the challenge
//!   that the specifications name, or 503 with `Retry-After` if keys cannot be had; with the error
//!   code in a small JSON body and nothing else.
//! * [`RequireLayer`] sets scopes, roles and the like for a part of the service.
//!
//! **One gate, more than once.** A gate before a whole service and again before a part of it judges a request
//! once: it is known by its credentials, so a DPoP proof is used once too. Two gates that are made apart each
//! judge it, and each remember its proof for themselves. What sends a request to the gate *again* (a retry, say)
//! sends its proof again, which is refused: put it behind the gate, or have it ask for a new proof.
//!
//! **CORS stands outside.** A browser asks before it sends a token to another origin: `OPTIONS`, without
//! credentials, by the Fetch standard. The gate would answer that with 401, and without the headers of CORS the
//! browser would show a page neither 401 nor `WWW-Authenticate`. So put the CORS layer in front of
//! [`ProtectLayer`], let it answer preflights, allow the headers `authorization` and `dpop`, and expose
//! `www-authenticate` and `dpop-nonce`:
//!
//! ```text
//! CORS ─▶ ProtectLayer ─▶ RequireLayer ─▶ service
//! ```
//!
//! **What it needs of a request.** The path must be that which the client sees (see
//! [`ProtectLayer::client_uri`]); scheme, host and port come from the settings of the `ResourceServer`
//! (`origin`), never from the `Host` header. A TLS server that asks for client certificates puts a
//! [`CertificateThumbprint`](oidc_proto::sender::CertificateThumbprint) among the extensions.
//!
//! **What it does not do.** Access tokens in a form in the body (RFC 6750 section 2.2) are not taken: to
//! read the body would be to consume it. Call [`Gate::check`](oidc_drive::Gate::check) yourself with
//! `RequestView::form` where you need that.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod answer;
mod protect;
mod require;
mod seen;

pub use answer::answer;
pub use protect::{Protect, ProtectFuture, ProtectLayer};
pub use require::{Require, RequireFuture, RequireLayer, require_scope};
// In the signatures of this crate.
pub use oidc_drive;
pub use oidc_proto;

use http::Extensions;
use oidc_drive::Gate;
use oidc_proto::resource::Access;
use seen::Seen;
use std::sync::Arc;

/// The access of a request that was accepted.
#[must_use]
pub fn access(extensions: &Extensions) -> Option<&Arc<Access>> {
    extensions.get()
}

/// The gate that a request went through, with a token or without. `None` if no [`Protect`] has seen it.
#[must_use]
pub fn gate(extensions: &Extensions) -> Option<&Gate> {
    extensions.get().map(|Seen { gate, .. }| gate)
}
