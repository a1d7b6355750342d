//! Protects [axum] routes with access tokens.
//!
//! ```no_run
//! use axum::{
//!     Router,
//!     routing::{get, post},
//! };
//! use oidc_axum::{
//!     Access, Gate,
//!     oidc_proto::resource::{ResourceServer, TrustedIssuer},
//!     protect, require_scope,
//! };
//!
//! async fn list(access: Access) -> String {
//!     format!("reports of {}", access.subject().unwrap_or("nobody"))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = ResourceServer::builder("https://api.example")
//!         .trust(TrustedIssuer::new("https://op.example"))
//!         .build()?;
//!     let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
//!     let api = Router::new()
//!         .route("/reports", get(list).layer(require_scope("reports:read")))
//!         .route("/reports", post(async || "written").layer(require_scope("reports:write")))
//!         .route_layer(protect(gate));
//!     axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, api).await?;
//!     Ok(())
//! }
//! ```
//!
//! * [`protect`] puts the gate before routes. A request reaches them only with a valid token. With
//!   [`.optional()`](ProtectLayer::optional), requests without a token pass as well; then extract
//!   `Option<Access>`.
//! * `route_layer` puts it before the routes alone. With `layer`, it also stands before the fallback, and a request for a
//!   path that does not exist is answered 401 and not 404.
//! * [`resource_metadata`] has the route of the metadata of the API, if the resource server publishes them. Then a client
//!   gets in with nothing but the URL, and browsers are answered, too. If it does not, a CORS layer stands outside, so add
//!   it after `protect`: a preflight has no token. [`oidc_tower`] says more.
//! * [`require_scope`] and [`RequireLayer`] demand more for a route. A request that does not meet the demand is
//!   answered 403, with the scope in the challenge, or 401 if the user must authenticate again.
//! * [`Access`] says who sends the request and what they may do. [`Claims`] has the claims in a type of your own.
//!
//! All responses are those of [`oidc_tower`], whose documentation also says what the layers need from a request. The
//! example `protect_api` is an API that you can run, and `mcp_server` is an MCP server.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod extract;
mod published;

pub use extract::{Access, Claims, Refusal};
pub use oidc_drive::{Gate, Io};
pub use oidc_tower::{Cors, ProtectLayer, RequireLayer, require_scope};
pub use published::resource_metadata;
// These crates are in the signatures of this one.
pub use oidc_drive;
pub use oidc_proto;
pub use oidc_tower;

use axum::extract::OriginalUri;

/// Makes a layer that puts this gate before routes. It works on nested routers, too: DPoP proofs are checked against
/// the URI that the client has sent.
///
/// ```
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use oidc_axum::{
///     Access, Gate,
///     oidc_proto::resource::{ResourceServer, TrustedIssuer},
///     protect,
/// };
/// use tower::ServiceExt;
///
/// async fn hello(access: Option<Access>) -> &'static str {
///     if access.is_some() { "Hello, friend" } else { "Hello, stranger" }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .build()?;
/// let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
/// let api = Router::new()
///     .route("/hello", get(hello).layer(protect(gate.clone()).optional()))
///     .route("/private", get(async || "for friends").layer(protect(gate)));
///
/// let response = api.clone().oneshot(Request::get("/hello").body(Body::empty())?).await?;
/// assert_eq!(response.status(), 200);
/// let response = api.oneshot(Request::get("/private").body(Body::empty())?).await?;
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="https://api.example""#);
/// # Ok(()) }
/// ```
#[must_use]
pub fn protect(gate: Gate) -> ProtectLayer {
    ProtectLayer::new(gate).client_uri(|extensions| extensions.get().map(|OriginalUri(uri)| uri))
}
