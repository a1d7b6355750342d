//! The command line. Without arguments, the application starts a provider on loopback; with arguments, it uses yours.
//!
//! ```text
//! cargo run -p oidc-axum --example web_app -- --issuer https://op.example --client-id my-client
//! ```

use super::{
    embedded,
    site::{Cookies, Logins, Registered, Site, public_origin, router},
};
use clap::Parser;
use oidc_drive::{Clock, SystemClock};
use oidc_proto::{Secret, flow::SealingKeys};
use ring::rand::{SystemRandom, generate};
use std::{net::Ipv4Addr, process::ExitCode, sync::Arc};
use tokio::net::TcpListener;

/// A web application whose users log in.
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
    /// The port of 127.0.0.1 to listen on; register `http://127.0.0.1:PORT/callback` at the provider.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// The address that users see, if a proxy ends TLS in front of this application, such as
    /// `https://app.example`; register `URL/callback` at the provider.
    #[arg(long, value_name = "URL", requires = "issuer")]
    public_url: Option<String>,
}

/// An error message of one line: what failed, where, and what to do.
pub(crate) type Problem = String;

/// Serves the application until it is stopped.
pub(crate) async fn run<L: Logins>(
    logins: impl FnOnce(Registered, Arc<dyn Clock>) -> Result<L, Problem>,
) -> ExitCode {
    match serve(&Options::parse(), logins).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn serve<L: Logins>(
    options: &Options,
    logins: impl FnOnce(Registered, Arc<dyn Clock>) -> Result<L, Problem>,
) -> Result<(), Problem> {
    let port = options.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        format!(
            "cannot listen on 127.0.0.1:{port}: {error}; choose another --port, and register its redirect URI"
        )
    })?;
    let port = listener.local_addr().map_err(|error| format!("the port is not known: {error}"))?.port();
    let origin = match &options.public_url {
        Some(url) => public_origin(url).map_err(|wrong| format!("--public-url {url}: {wrong}"))?,
        None => format!("http://127.0.0.1:{port}"),
    };
    let redirect_uri = format!("{origin}/callback");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let at = match (&options.issuer, &options.client_id) {
        (Some(issuer), Some(client_id)) => Registered {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            secret: options.client_secret_env.as_deref().map(secret).transpose()?,
            redirect_uri,
        },
        _ => embedded::start(redirect_uri, Arc::clone(&clock)).await?,
    };
    println!("Users log in at {}, which leads them back to {}", at.issuer, at.redirect_uri);
    let logins = logins(at, Arc::clone(&clock))?;
    let log = Box::new(|line: &str| eprintln!("{line}"));
    let site = Site { logins, cookies: Cookies::new(&origin, sealing_keys()?, clock), log };
    println!("Open this in your browser: {origin}/");
    axum::serve(listener, router(site)).await.map_err(|error| format!("while serving: {error}"))
}

/// Makes new sealing keys for this run. So all users must log in again after a restart. If your sessions must survive a
/// restart, or if you run several nodes, read the keys from your secret store.
fn sealing_keys() -> Result<SealingKeys, Problem> {
    let key = generate(&SystemRandom::new()).map_err(|_| "the operating system has no entropy")?;
    Ok(SealingKeys::new(1, &key.expose()))
}

fn secret(variable: &str) -> Result<Secret, Problem> {
    std::env::var(variable)
        .map(Secret::new)
        .map_err(|_| format!("the environment variable {variable} is not set; put the client secret there"))
}
