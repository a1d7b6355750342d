//! Service to service: a token that is shared, renewed before it expires, and replaced when the API refuses
//! it. The program starts its own provider and API: `cargo run -p oidc-ureq --example service`

use oidc_proto::{Moment, UrlPolicy, flow::ClientCredentialsRequest, token::VerifiedAccessToken};
use oidc_testkit::{EndpointName, Registration, Socket};
use oidc_ureq::{Http, Provider, ProviderError};
use std::{
    sync::atomic::{AtomicI64, Ordering::SeqCst},
    thread,
};

type Problem = Box<dyn std::error::Error + Send + Sync>;

const API: &str = "https://orders.example/";

/// Returns a policy for a provider on this machine. A provider on the Internet needs no such policy.
fn loopback() -> UrlPolicy {
    UrlPolicy::default().with_loopback()
}

// This is what to copy. First, the service that calls the API.
fn get(provider: &Provider, url: &str) -> Result<(u16, String), Problem> {
    let wanted = ClientCredentialsRequest::new(["orders:read"]);
    let token = provider.client_credentials(&wanted)?;
    let answer = send(url, token.value.access_token.expose())?;
    if answer.0 != 401 {
        return Ok(answer);
    }
    // The API refuses this token. All callers that ask at the same time share the one that is fetched now.
    let newer = provider.client_credentials_newer_than(&wanted, token.epoch)?;
    send(url, newer.value.access_token.expose())
}

// Second, the API. Its status says who is to blame for a refusal. (For async APIs, use `oidc-axum`.)
fn answer(provider: &Provider, authorization: &str) -> (u16, String) {
    let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return (401, "no bearer token".into());
    }
    let read = |token: &VerifiedAccessToken<'_>| {
        token.has_scope("orders:read").then(|| token.claims().client_id.as_deref().map(str::to_owned))
    };
    match provider.verify(token, read) {
        Ok(Some(client)) => (200, format!("the orders of {}", client.unwrap_or_default())),
        Ok(None) => (403, "the scope orders:read is missing".into()),
        Err(ProviderError::AccessToken(rejected)) => (401, rejected.code().into()),
        Err(ours) => (503, ours.code().into()),
    }
}
// To here.

fn send(url: &str, token: &str) -> Result<(u16, String), Problem> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(url).header("authorization", format!("Bearer {token}")).call()?;
    let answer = (response.status().as_u16(), response.body_mut().read_to_string()?);
    println!("  the API answers {} {}", answer.0, answer.1);
    Ok(answer)
}

/// How far the clock is moved ahead, in seconds, so that the example need not wait for an hour.
static AHEAD: AtomicI64 = AtomicI64::new(0);

fn moment() -> Moment {
    let moment = oidc_drive::moment();
    let ahead = moment.now().plus(AHEAD.load(SeqCst));
    moment.not_before(ahead)
}

/// Starts the API, with a handle of its own, on a free port. Returns its URL.
fn serve(issuer: &str) -> Result<String, Problem> {
    let provider = Http::new().provider(issuer).audience(API).url_policy(loopback()).clock(moment);
    let (provider, server) = (provider.build()?, tiny_http::Server::http("127.0.0.1:0")?);
    let url = format!("http://{}/orders", server.server_addr());
    thread::spawn(move || {
        for request in server.incoming_requests() {
            let sent = request.headers().iter().find(|header| header.field.equiv("authorization"));
            let (status, body) = answer(&provider, sent.map_or("", |header| header.value.as_str()));
            let _gone = request.respond(tiny_http::Response::from_string(body).with_status_code(status));
        }
    });
    Ok(url)
}

fn main() -> Result<(), Problem> {
    let build = |issuer: &str| {
        let mut provider = oidc_testkit::TestProvider::new(issuer);
        provider.default_resource(API);
        let billing = Registration::basic("billing", "the secret of billing");
        provider.register(billing.grant_types(["client_credentials"]));
        provider
    };
    let socket = Socket::start_with_clock(build, || moment().now());
    let fetched = || socket.provider(|provider| provider.count(EndpointName::Token));
    let provider = Http::new()
        .provider(socket.issuer())
        .client_id("billing")
        .secret("the secret of billing")
        .url_policy(loopback())
        .clock(moment)
        .build()?;
    let url = serve(socket.issuer())?;

    println!("Three calls, one token:");
    for _ in 0..3 {
        get(&provider, &url)?;
    }
    println!("  tokens fetched: {}", fetched());

    println!("Shortly before it expires, a new one is fetched in the background, and nobody waits for it:");
    let wanted = ClientCredentialsRequest::new(["orders:read"]);
    let first = provider.client_credentials(&wanted)?;
    let life = first.value.expires_in.unwrap_or_default();
    AHEAD.store(life.as_secs().cast_signed() - 30, SeqCst);
    while provider.client_credentials(&wanted)?.epoch == first.epoch {
        thread::yield_now();
    }
    println!("  tokens fetched: {}", fetched());

    println!(
        "The provider has withdrawn its key, so an API that has just started refuses tokens of that key:"
    );
    socket.provider(oidc_testkit::TestProvider::rotate_keys);
    let (status, _) = get(&provider, &serve(socket.issuer())?)?;
    println!("  tokens fetched: {}", fetched());
    if status == 200 { Ok(()) } else { Err("the API refused the newer token, too".into()) }
}
