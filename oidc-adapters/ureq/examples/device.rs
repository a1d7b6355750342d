//! A login on a device without a browser, in a terminal (RFC 8628). `cargo run -p oidc-ureq --example device`
//! starts a provider whose user enters the code automatically. At your provider, you enter the code:
//!
//! ```text
//! cargo run -p oidc-ureq --example device -- --issuer https://op.example --client-id my-client
//! ```

#[path = "at_provider/mod.rs"]
mod at_provider;

use at_provider::{AtProvider, Problem};
use clap::Parser;
use oidc_proto::flow::{DeviceAuthorization, DeviceTokens};
use oidc_testkit::{DEVICE_GRANT, Registration, Socket, TestProvider};
use oidc_ureq::{Http, Provider, ProviderError, moment, now};
use std::process::ExitCode;

/// Logs a user in by a code that they enter elsewhere.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    at: AtProvider,
}

// This is what to copy. `show` shows the code to the user, and `run` waits until the user has entered it.
fn log_in(
    provider: &Provider,
    scope: &str,
    show: impl FnOnce(&DeviceAuthorization),
) -> Result<DeviceTokens, ProviderError> {
    let client = provider.client()?;
    let scopes = ["openid"].into_iter().chain(scope.split(' '));
    let device = provider.run(client.device_authorization(scopes, moment())?)?;
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

fn run(at: &AtProvider) -> Result<DeviceTokens, Problem> {
    let wrong = |error: ProviderError| error.to_string();
    if let Some((issuer, client_id)) = at.named() {
        let provider = at.http().provider(issuer).client_id(client_id).url_policy(at.policy(issuer));
        let provider = match at.secret()? {
            Some(secret) => provider.secret(secret),
            None => provider,
        };
        return log_in(&provider.build().map_err(wrong)?, &at.scope, show).map_err(wrong);
    }
    let socket = Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.device_times(1, 60);
        provider.register(Registration::public("tv").grant_types([DEVICE_GRANT]));
        provider
    });
    // An issuer on this machine may be plain http.
    let provider = Http::new().provider(socket.issuer()).client_id("tv").build().map_err(wrong)?;
    log_in(&provider, &at.scope, |device| {
        show(device);
        // The user of this provider enters the code at once.
        socket.provider(|provider| provider.enter_user_code(device.user_code(), true));
    })
    .map_err(wrong)
}

fn main() -> ExitCode {
    match run(&Options::parse().at) {
        Ok(login) => {
            let user = login.id_token.map(|user| user.claim("name").unwrap_or(user.sub));
            println!("Logged in as {}.", user.unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
