//! A login on a device without a browser, in a terminal (RFC 8628). `cargo run -p oidc-ureq --example device`
//! starts a provider whose user enters the code automatically. At your provider, you enter the code:
//!
//! ```text
//! cargo run -p oidc-ureq --example device -- --issuer https://op.example --client-id my-client
//! ```

use clap::Parser;
use oidc_proto::flow::{DeviceAuthorization, DeviceTokens};
use oidc_testkit::{DEVICE_GRANT, Registration, Socket, TestProvider};
use oidc_ureq::{Http, Provider, ProviderError, now};
use std::process::ExitCode;

/// Logs a user in by a code that they enter elsewhere.
#[derive(Parser)]
struct Options {
    /// The provider's issuer. Without it, a provider is started on loopback.
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<String>,
    /// The client's identifier, as registered at the provider: a public client.
    #[arg(long, value_name = "ID", requires = "issuer")]
    client_id: Option<String>,
}

// This is what to copy. `show` shows the code to the user, and `run` waits until the user has entered it.
fn log_in(
    provider: &Provider,
    show: impl FnOnce(&DeviceAuthorization),
) -> Result<DeviceTokens, ProviderError> {
    let client = provider.client()?;
    let device = provider.run(client.device_authorization(["openid", "profile"], oidc_drive::moment())?)?;
    show(&device);
    provider.run(device.poll(&client, None, now())?)
}

fn show(device: &DeviceAuthorization) {
    println!("On your phone or computer, open  {}", device.verification_uri());
    println!("and enter the code               {}", device.user_code());
    if let Some(complete) = device.verification_uri_complete() {
        println!("or open directly                 {complete}");
    }
    println!("Waiting …");
}

// An issuer on this machine, such as http://localhost:8080, may be plain http.
fn handle(issuer: &str, client_id: &str) -> Result<Provider, ProviderError> {
    Http::new().provider(issuer).client_id(client_id).build()
}

fn run(options: &Options) -> Result<DeviceTokens, ProviderError> {
    if let (Some(issuer), Some(client_id)) = (&options.issuer, &options.client_id) {
        return log_in(&handle(issuer, client_id)?, show);
    }
    let socket = Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.device_times(1, 60);
        provider.register(Registration::public("tv").grant_types([DEVICE_GRANT]));
        provider
    });
    log_in(&handle(socket.issuer(), "tv")?, |device| {
        show(device);
        // The user of this provider enters the code at once.
        socket.provider(|provider| provider.enter_user_code(device.user_code(), true));
    })
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(login) => {
            let user = login.id_token.map(|id_token| id_token.sub).unwrap_or_default();
            println!("Logged in as {user}.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
