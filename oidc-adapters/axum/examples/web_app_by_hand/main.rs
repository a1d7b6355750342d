//! A web application whose users log in, without a handle: it runs discovery, keys and flows one by one. Run it with
//! `cargo run -p oidc-axum --example web_app_by_hand`, and open the URL that it prints in your browser.

mod login;

#[path = "../web_app/command.rs"]
mod command;
#[path = "../web_app/embedded.rs"]
mod embedded;
#[path = "../web_app/site/mod.rs"]
mod site;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    command::run(|at, clock| login::ByHand::new(at, clock).map_err(|error| error.to_string())).await
}
