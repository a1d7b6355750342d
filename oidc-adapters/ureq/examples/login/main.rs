//! Logs a user in, step by step, and prints what happens on the wire, with secrets left out.
//!
//! Without arguments, the program starts a provider on loopback and also plays the user's browser:
//!
//! ```text
//! cargo run -p oidc-ureq --example login
//! ```
//!
//! With arguments, it uses any provider and your own browser (register `http://127.0.0.1:8765/callback` there):
//!
//! ```text
//! cargo run -p oidc-ureq --example login -- --issuer https://op.example --client-id my-client
//! ```

#[path = "../at_provider/mod.rs"]
mod at_provider;
mod browser;
mod embedded;
mod steps;
mod trace;

use at_provider::{AtProvider, Problem};
use clap::Parser;
use std::process::ExitCode;

/// Logs a user in and shows every request, response and verdict.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    at: AtProvider,
    /// The port of 127.0.0.1 that the provider redirects to; register
    /// `http://127.0.0.1:PORT/callback`.
    #[arg(long, value_name = "PORT", default_value_t = 8765, requires = "issuer")]
    port: u16,
    /// How many seconds to wait for the user.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "issuer")]
    wait: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(Options { at, port, wait }: &Options) -> Result<(), Problem> {
    let Some((issuer, client_id)) = at.named() else { return embedded::run() };
    let secret = at.secret()?;
    let browser = browser::Loopback::listen(*port, *wait)?;
    steps::run(&steps::Site {
        issuer,
        client_id,
        secret,
        scope: &at.scope,
        redirect_uri: &browser.redirect_uri(),
        resource: None,
        http: at.http(),
        policy: at.policy(issuer),
        visit: &|url| browser.visit(url),
        rotate: None,
    })
}
