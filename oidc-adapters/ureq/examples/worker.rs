//! A service that calls an API for days. Its settings come from the environment:
//!
//! ```sh
//! export WORKER_ISSUER=https://op.example WORKER_CLIENT_ID=worker WORKER_CLIENT_SECRET=…
//! export WORKER_URL=https://api.example/jobs WORKER_SCOPE=jobs:read WORKER_SECONDS=60
//! cargo run -p oidc-ureq --example worker
//! ```
//!
//! The provider or the API may be down when it starts, and at any time after. It never ends by itself.

use oidc_drive::{
    ApiError, Event, Observer,
    blocking::{Api, Provider},
};
use oidc_proto::{Remedy, flow::ClientCredentialsRequest};
use oidc_ureq::Http;
use std::{env, process::ExitCode, thread, time::Duration};
use url::Url;

type Problem = Box<dyn std::error::Error>;

fn setting(name: &str) -> Result<String, Problem> {
    env::var(name).map_err(|_| format!("the environment variable {name} is not set").into())
}

// This is what to copy. First, the client for the API: it gets the tokens, renews them, and attaches them.
fn api(url: &Url) -> Result<Api, Problem> {
    let observer = Observer::new(|event| {
        if let Event::Renewed { what: "token", outcome, .. } = event {
            println!("a token was fetched: {outcome:?}");
        }
    });
    let provider: Provider = Http::new()
        .provider(setting("WORKER_ISSUER")?)
        .client_id(setting("WORKER_CLIENT_ID")?)
        .secret(setting("WORKER_CLIENT_SECRET")?)
        .with_observer(observer)
        .build()?; // asks nobody yet
    let scopes = setting("WORKER_SCOPE")?;
    let wanted = ClientCredentialsRequest::new(scopes.split(' '));
    Ok(provider.api(url.origin().ascii_serialization()).client_credentials(wanted)?)
}

// Second, one call. Each failure is an answer of its own, and the next call begins anew.
fn call(api: &Api, agent: &ureq::Agent, url: &Url) -> Result<String, Problem> {
    let request = http::Request::get(url.as_str()).body(Vec::new())?;
    match api.send(request, |request| agent.run(request)) {
        Ok(mut answer) if answer.response.status().is_success() => {
            Ok(answer.response.body_mut().read_to_string()?)
        }
        // A missing scope, another authentication, a token that the API does not like, or a failure of the API.
        Ok(answer) => {
            let refusal = answer.outcome.code().unwrap_or("it did not work");
            Ok(format!("the API answers {}: {refusal}", answer.response.status()))
        }
        // A mistake in the settings does not go away.
        Err(error) if error.remedy() == Remedy::FixConfiguration => Err(error.to_string().into()),
        Err(ApiError::Token(error)) => Ok(format!("no token: {}", error.code())),
        Err(error) => Ok(error.to_string()),
    }
}
// To here.

fn work() -> Result<(), Problem> {
    let url = Url::parse(&setting("WORKER_URL")?)?;
    let pause = Duration::from_secs_f64(setting("WORKER_SECONDS")?.parse()?);
    // The client of the program. A redirect would carry the token along, so it follows none.
    let settings = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false);
    let agent = settings.timeout_global(Some(Duration::from_secs(10))).build().into();
    let api = api(&url)?;
    loop {
        println!("{}", call(&api, &agent, &url)?);
        thread::sleep(pause);
    }
}

fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
