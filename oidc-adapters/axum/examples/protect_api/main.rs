//! An API that is protected with access tokens, and the results of requests to it. Run it with
//! `cargo run -p oidc-axum --example protect_api`.

mod calls;
mod story;
mod tokens;

use axum::{
    Router,
    routing::{get, post},
};
use oidc_axum::{Access, Gate, protect, require_scope};
use oidc_proto::{
    UrlPolicy,
    resource::{ResourceServer, TrustedIssuer},
    sender::DpopVerifier,
};

type Problem = Box<dyn std::error::Error + Send + Sync>;

// The API: this is what to copy. You need `clock` and `with_observer` only for the demonstration.
fn api(issuer: &str, origin: &str, watch: &calls::Watch) -> Result<Router, Problem> {
    let server = ResourceServer::builder("https://api.example")
        .origin(origin)
        .trust(TrustedIssuer::new(issuer))
        .accept_dpop(DpopVerifier::new())
        .build()?;
    let gate = Gate::builder(server, oidc_hyper::Http::new().io())
        .url_policy(UrlPolicy::default().with_loopback())
        .clock(watch.clock())
        .with_observer(watch.observer())
        .build()?;
    Ok(Router::new()
        .route("/reports", get(async |access: Access| format!("reports of {:?}", access.client_id)))
        .route("/reports", post(async || "written").layer(require_scope("reports:write")))
        .layer(protect(gate)))
}
// To here.

#[tokio::main]
async fn main() -> Result<(), Problem> {
    story::run().await
}
