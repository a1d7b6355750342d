//! Protects any [tower](https://docs.rs/tower-service) service with access tokens. The crate depends on no HTTP server
//! and on no runtime.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use oidc_tower::{
//!     ProtectLayer, access,
//!     oidc_drive::Gate,
//!     oidc_proto::resource::{Requirement, ResourceServer, TrustedIssuer},
//! };
//! use std::convert::Infallible;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! async fn hello(request: Request<String>) -> Result<Response<String>, Infallible> {
//!     let subject = access(request.extensions()).and_then(|access| access.subject().map(str::to_owned));
//!     Ok(Response::new(format!("Hello, {}", subject.unwrap_or_default())))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = ResourceServer::builder("https://api.example")
//!         .trust(TrustedIssuer::new("https://op.example"))
//!         .build()?;
//!     let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
//!     let layer = ProtectLayer::new(gate).require(Requirement::new().scope("api:read"));
//!     let api = layer.layer(service_fn(hello));
//!
//!     // A request without a token does not reach `hello`.
//!     let response = api.oneshot(Request::get("/").body(String::new())?).await?;
//!     assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//!     assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="https://api.example", scope="api:read""#);
//!     Ok(())
//! }
//! ```
//!
//! * An accepted request has an `Arc<Access>` among its extensions. [`access`] returns it.
//! * A refused request never reaches the service. The response has the status 400, 401 or 403 and the challenge
//!   that the specifications name, or 503 and `Retry-After` if the gate cannot get keys, or 500 if the issuer signs
//!   with what this library lacks. Its body is the error code in a small JSON object.
//! * [`RequireLayer`] demands scopes, roles and other conditions for a part of the service.
//!
//! **The same gate, twice.** If a gate stands before a whole service and again before a part of it, it judges a
//! request once. The second time it recognizes the credentials, so a DPoP proof is used once too. Two gates that
//! were built separately each judge the request, and each remember its proof. Code that sends a request to the gate
//! *again* (a retry, for example) sends the same proof again, and the gate refuses it. Put such code behind the gate,
//! or let it ask the client for a new proof.
//!
//! **Clients that find their own way.** If the resource server
//! [publishes its metadata](oidc_proto::resource::ResourceServerBuilder::publish), a client gets in with nothing but the
//! URL of the API, and [`ProtectLayer`] does the rest:
//!
//! * It serves the metadata at their well-known URL (RFC 9728), to anybody.
//! * Every challenge says where they are, and which scopes to ask for. A 403 names the scopes of all layers.
//! * It answers browsers ([`Cors`]). Before a browser sends a token to another origin, it sends an `OPTIONS` request without
//!   a token (a preflight, as the Fetch standard demands). The layer answers it.
//!
//! [`ResourceServerBuilder::mcp`](oidc_proto::resource::ResourceServerBuilder::mcp) makes the API an MCP server.
//!
//! **Otherwise, CORS stands outside.** If nothing is published, the gate answers a preflight with 401. Without CORS headers,
//! a browser also hides 401 and `WWW-Authenticate` from the page. So put a CORS layer in front of
//! [`ProtectLayer`], let it answer preflights, allow the headers `authorization` and `dpop`, and expose
//! `www-authenticate` and `dpop-nonce`:
//!
//! ```text
//! CORS ─▶ ProtectLayer ─▶ RequireLayer ─▶ service
//! ```
//!
//! **What the layer needs from a request.** The path must be the path that the client sent (see
//! [`ProtectLayer::client_uri`]). Scheme, host and port come from the settings of the `ResourceServer`
//! (`origin`), never from the `Host` header. A TLS server that asks for client certificates must put a
//! [`CertificateThumbprint`](oidc_proto::sender::CertificateThumbprint) among the extensions.
//!
//! **What the layer does not do.** It does not accept access tokens in a form in the body (RFC 6750 section 2.2),
//! because it would have to consume the body. If you need them, call [`Gate::check`](oidc_drive::Gate::check)
//! yourself with `RequestView::form`.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod answer;
mod cors;
mod document;
mod protect;
mod require;
mod seen;

pub use answer::answer;
pub use cors::Cors;
pub use document::resource_metadata;
pub use protect::{Protect, ProtectFuture, ProtectLayer};
pub use require::{Require, RequireFuture, RequireLayer, require_scope};
// These crates are in the signatures of this one.
pub use oidc_drive;
pub use oidc_proto;

use http::Extensions;
use oidc_drive::Gate;
use oidc_proto::resource::Access;
use seen::Seen;
use std::sync::Arc;

/// Returns the access of a request that a [`Protect`] has accepted. `None` if the request had no token, or if no
/// [`Protect`] has seen it.
#[must_use]
pub fn access(extensions: &Extensions) -> Option<&Arc<Access>> {
    extensions.get()
}

/// Returns the gate that a request went through, with or without a token. `None` if no [`Protect`] has seen it.
#[must_use]
pub fn gate(extensions: &Extensions) -> Option<&Gate> {
    extensions.get().map(|Seen { gate, .. }| gate)
}
