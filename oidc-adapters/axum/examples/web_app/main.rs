//! A web application whose users log in. Run it with `cargo run -p oidc-axum --example web_app`, and open
//! the URL that it prints in your browser.
//!
//! Users log in at a provider on loopback, or at yours. At yours, register the redirect URI that it prints:
//!
//! ```sh
//! SECRET=… cargo run -p oidc-axum --example web_app -- --issuer https://op.example --client-id my-client \
//!     --client-secret-env SECRET
//! ```
//!
//! The code for OpenID Connect is in `login.rs`, and the code of the web application is in `site/`. The
//! example `web_app_by_hand` is the same application without the handle.

mod command;
mod embedded;
mod login;
mod site;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    command::run(|at, clock| login::ByHandle::new(at, clock).map_err(|error| error.to_string())).await
}
