//! Puts an API under load while its provider rotates keys and goes down, and checks the status of every response. Run
//! it with `cargo run --release -p oidc-axum --example load -- [SECONDS]`. It needs `wrk` on the `PATH`.
//!
//! | part of the time | the provider | tokens, besides the valid, expired, foreign and forged ones |
//! |---|---|---|
//! | 0 – 3/10 | is up | |
//! | from 3/10 | publishes a new key | |
//! | from 9/20 | signs with the new key | tokens signed with the new key |
//! | 6/10 – 17/20 | answers requests for metadata and keys with 503 | tokens signed with the new key |
//! | from 17/20 | is up again | tokens signed with the new key |
//!
//! While the provider is down, and until the API asks it again, the API may answer 503 to a token with an unknown key:
//! newer keys could lead to another verdict. For every other request, only one status is right at any time.
//!
//! The policy is [`RenewalPolicy::KEYS`] with shorter times, so that keys are renewed several times.

mod judge;
#[path = "../protect_api/tokens.rs"]
#[allow(dead_code, reason = "proofs are for the other example")]
mod tokens;
mod wrk;

use axum::{Router, middleware, routing::get};
use judge::{Decision, Judge};
use oidc_axum::{Gate, protect};
use oidc_proto::{
    UrlPolicy,
    renew::RenewalPolicy,
    resource::{ResourceServer, TrustedIssuer},
};
use oidc_testkit::{EndpointName, Registration, Socket, TestProvider, hostile};
use serde_json::json;
use std::{sync::Arc, time::Duration};

type Problem = Box<dyn std::error::Error + Send + Sync>;

const API: &str = "https://api.example";

fn policy() -> RenewalPolicy {
    let mut policy = RenewalPolicy::KEYS;
    let seconds = Duration::from_secs;
    (policy.default_ttl, policy.min_ttl, policy.max_ttl) = (seconds(4), seconds(4), seconds(4));
    (policy.refresh_ahead, policy.cooldown) = (seconds(1), seconds(2));
    (policy.first_retry, policy.urgent_retry) = (seconds(1), seconds(1));
    policy
}

fn provider() -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.default_resource(API);
        provider.register(Registration::basic("robot", "secret").grant_types(["client_credentials"]));
        provider
    })
}

/// Returns tokens of all kinds. Afterwards the provider publishes only the first of its two keys.
fn tokens_of_all_kinds(socket: &Socket) -> Result<Vec<(Decision, String)>, Problem> {
    let now = oidc_hyper::now();
    let mint = |at, header: &'static str, claims: serde_json::Value| {
        tokens::token(socket, at, move |members, payload| {
            if !header.is_empty() {
                members.insert("kid".into(), json!(header));
            }
            payload.extend(claims.as_object().cloned().unwrap_or_default());
        })
    };
    let mut all = vec![
        (Decision::Good, mint(now, "", json!({}))?),
        (Decision::Good, mint(now, "", json!({ "jti": "another" }))?),
        (Decision::Expired, mint(now.plus(-86_400), "", json!({}))?),
        (Decision::Foreign, mint(now, "", json!({ "aud": "https://other.example" }))?),
        (Decision::Forged, mint(now, "forged", json!({}))?),
        (Decision::Nothing, String::new()),
    ];
    let old = socket.provider(|provider| provider.key_set());
    socket.provider(TestProvider::rotate_keys_keeping_old);
    all.push((Decision::New, mint(now, "", json!({}))?));
    let old = hostile::respond(200, "application/json", old.to_string());
    socket.provider(|provider| provider.alter_response(EndpointName::Jwks, old));
    Ok(all)
}

/// Rotates the keys and takes the provider down during the load.
async fn play(socket: &Socket, seconds: u64, judge: &Judge) {
    let part = |twentieths: u64| Duration::from_millis(seconds * 1_000 * twentieths / 20);
    tokio::time::sleep(part(6)).await;
    socket.provider(TestProvider::clear_alterations);
    tokio::time::sleep(part(6)).await;
    judge.outage(true);
    for endpoint in [EndpointName::Discovery, EndpointName::Jwks] {
        socket.provider(|provider| {
            provider.alter_response(endpoint, hostile::respond(503, "text/plain", "down"))
        });
    }
    tokio::time::sleep(part(5)).await;
    socket.provider(TestProvider::clear_alterations);
    // The API asks again after at most `urgent_retry`. Until then, it does not know that the provider is up.
    tokio::time::sleep(Duration::from_secs(2)).await;
    judge.outage(false);
}

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let seconds = std::env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    let (socket, judge) = (provider(), Arc::new(Judge::default()));
    let tokens = tokens_of_all_kinds(&socket)?;
    let server = ResourceServer::builder(API).trust(TrustedIssuer::new(socket.issuer())).build()?;
    let gate = Gate::builder(server, oidc_hyper::Http::new().io())
        .url_policy(UrlPolicy::default().with_loopback())
        .key_policy(policy())
        .build()?;
    let app = Router::new()
        .route("/reports", get(async || "a report"))
        .layer(protect(gate.clone()))
        .layer(middleware::from_fn_with_state(Arc::clone(&judge), judge::judge));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/reports", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    println!("{seconds} s of load on {url}\n");
    let load = wrk::start(&url, seconds, &tokens)?;
    let (load, ()) = tokio::join!(load.wait_with_output(), play(&socket, seconds, &judge));
    let load = load?;
    print!("{}{}", String::from_utf8_lossy(&load.stdout), String::from_utf8_lossy(&load.stderr));
    if !load.status.success() {
        return Err("wrk has failed".into());
    }
    println!("\n{judge}");
    let fetched = socket.provider(|provider| provider.count(EndpointName::Jwks));
    println!("keys were asked for {fetched} times; {:?}", gate.key_counters(socket.issuer()));
    match judge.wrong() {
        0 => Ok(()),
        wrong => Err(format!("{wrong} answers were wrong").into()),
    }
}
