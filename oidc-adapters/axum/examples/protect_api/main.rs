//! An API that is protected with access tokens, and the results of requests to it.
//!
//! Without arguments, the program starts a provider on loopback:
//!
//! ```text
//! cargo run -p oidc-axum --example protect_api
//! ```
//!
//! With arguments, it trusts any provider, reads access tokens from standard input, and explains claim by claim why
//! each is accepted or refused:
//!
//! ```text
//! cargo run -p oidc-axum --example protect_api -- --issuer https://op.example --audience https://api.example
//! ```
//!
//! `--preset keycloak` trusts the issuer with the settings for Keycloak, and `--introspect-as` has the issuer asked.

mod calls;
mod explain;
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
        .route("/reports", get(async |access: Access| format!("reports of {:?}", access.client_id())))
        .route("/reports", post(async || "written").layer(require_scope("reports:write")))
        .layer(protect(gate)))
}
// To here.

/// Protects an API, or explains tokens of your own provider.
#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    api: explain::Settings,
}

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let Options { api } = clap::Parser::parse();
    if api.issuer.is_some() { explain::run(&api).await } else { story::run().await }
}
