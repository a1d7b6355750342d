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

mod browser;
mod embedded;
mod steps;
mod trace;

use clap::Parser;
use oidc_proto::Secret;
use std::process::ExitCode;

/// Logs a user in and shows every request, response and verdict.
#[derive(Parser)]
struct Options {
    /// The provider's issuer. Without it, a provider is started on loopback.
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<String>,
    /// The client's identifier, as registered at the provider.
    #[arg(long, value_name = "ID", requires = "issuer")]
    client_id: Option<String>,
    /// The environment variable that holds the client secret; without it, the client is public.
    #[arg(long, value_name = "VAR", requires = "issuer")]
    client_secret_env: Option<String>,
    /// The scopes to ask for, in addition to `openid`.
    #[arg(long, value_name = "SCOPES", default_value = "profile email")]
    scope: String,
    /// The port of 127.0.0.1 that the provider redirects to; register
    /// `http://127.0.0.1:PORT/callback`.
    #[arg(long, value_name = "PORT", default_value_t = 8765, requires = "issuer")]
    port: u16,
    /// How many seconds to wait for the user.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "issuer")]
    wait: u64,
}

/// One clear line that says what failed, where, and what to do.
type Problem = String;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Problem> {
    let (Some(issuer), Some(client_id)) = (&options.issuer, &options.client_id) else {
        return embedded::run();
    };
    let secret = match &options.client_secret_env {
        None => None,
        Some(variable) => Some(Secret::new(std::env::var(variable).map_err(|_| {
            format!("the environment variable {variable} is not set; put the client secret there")
        })?)),
    };
    let browser = browser::Loopback::listen(options.port, options.wait)?;
    steps::run(&steps::Site {
        issuer,
        client_id,
        secret,
        scope: &options.scope,
        redirect_uri: &browser.redirect_uri(),
        resource: None,
        visit: &|url| browser.visit(url),
        rotate: None,
    })
}
