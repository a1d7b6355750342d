//! Protects [axum] routes with access tokens.
//!
//! ```
//! use axum::{Router, routing::{get, post}};
//! use oidc_axum::{Access, Claims, Gate, Io, protect, require_scope};
//! use oidc_proto::resource::{ResourceServer, TrustedIssuer};
//!
//! async fn list(access: Access) -> String {
//!     format!("reports of {}", access.subject.as_deref().unwrap_or("nobody"))
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Department {
//!     department: String,
//! }
//!
//! async fn create(Claims(of): Claims<Department>) -> String {
//!     format!("a report for {}", of.department)
//! }
//!
//! # use std::future::pending;
//! # let send = |_, _| pending::<Result<http::Response<Vec<u8>>, std::io::Error>>();
//! let server = ResourceServer::builder("https://api.example")
//!     .trust(TrustedIssuer::new("https://op.example"))
//!     .build()?;
//! // `send` is that of your HTTP client; `oidc_hyper::Http::new().io()` is ready made.
//! let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
//! let gate = Gate::builder(server, io).build()?;
//! let api: Router = Router::new()
//!     .route("/reports", get(list).layer(require_scope("reports:read")))
//!     .route("/reports", post(create).layer(require_scope("reports:write")))
//!     .layer(protect(gate));
//! # drop(api);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! * [`protect`] puts the gate before routes: nothing reaches them but with a good token. With
//!   [`.optional()`](ProtectLayer::optional), requests without a token pass as well; extract
//!   `Option<Access>` then.
//!   A CORS layer stands outside of it, so add it after `protect`: a preflight has no token. See
//!   [`oidc_tower`].
//! * [`require_scope`] and [`RequireLayer`] say what a route needs besides: 403 with the scope named in
//!   the challenge, or 401 where the user must be authenticated anew.
//! * [`Access`] is who asks and what they may do; [`Claims`] are claims in a type of your own.
//!
//! All answers are those of [`oidc_tower`], whose documentation says what is needed of a request. A
//! runnable API is in the example `protect_api`.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod extract;

pub use extract::{Access, Claims, Refusal};
pub use oidc_drive::{Gate, Io};
pub use oidc_tower::{ProtectLayer, RequireLayer, require_scope};
// In the signatures of this crate.
pub use oidc_drive;
pub use oidc_proto;
pub use oidc_tower;

use axum::extract::OriginalUri;

/// Puts a gate before routes. Works on nested routers, too: DPoP proofs are held against the URI that
/// the client has sent.
#[must_use]
pub fn protect(gate: Gate) -> ProtectLayer {
    ProtectLayer::new(gate).client_uri(|extensions| extensions.get().map(|OriginalUri(uri)| uri))
}
