//! A gate before an API: its verdicts, its requests, and its renewals.

// The gate and its provider are those of the middleware tests.
#[path = "../middleware/world.rs"]
#[allow(dead_code, reason = "the tests of the middleware use the rest of it")]
mod world;

use crate::{
    Log, START, Sim, broken,
    traced::{Captured, expected},
};
use oidc_drive::{Event, Gate, Io, Task, blocking, gate::GateBuilder};
use oidc_proto::{
    base::base64url,
    flow::{Client, Request},
    jose::{RingSigner, Sign, sign_compact},
    resource::{Access, Denied, RequestView, Requirement, ResourceServer, TrustedIssuer, VerdictRecord},
    sender::DpopVerifier,
};
use oidc_testkit::{
    Algorithm, EndpointName, Registration, SimClock, TestProvider, Timestamp, provider::hostile,
};
use ring::{digest, rand::SystemRandom, signature};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tracing::Level;
use world::{Net, World, lock};

/// A world whose clock is that of the log.
fn world() -> (World, Log) {
    let (mut world, log) = (World::new(), Log::new());
    world.clock = log.clock.clone();
    (world, log)
}

async fn ask(gate: &Gate, token: &str) -> Result<Arc<Access>, Denied> {
    let (method, uri) = (http::Method::GET, "/reports?secret".parse().unwrap());
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let view = RequestView::new(&method, &uri, &headers);
    match gate.try_check(&view) {
        Some(verdict) => verdict,
        None => gate.check(&view).await,
    }
}

#[tokio::test]
async fn the_first_request_fetches_keys_and_the_next_is_only_judged() {
    let (world, log) = world();
    let failures = Arc::new(Mutex::new(0));
    let failed = Arc::clone(&failures);
    let gate = world.builder(World::server()).with_observer(log.observer());
    let gate = gate.observe_failures(move |_, _| *lock(&failed) += 1).build().unwrap();
    let good = world.token();
    ask(&gate, &good).await.unwrap();
    assert_eq!(
        log.lines(),
        [
            "sent GET openid-configuration",
            "answered openid-configuration 200 0 s",
            "renewed metadata of https://op.example ok 0 s",
            "sent GET jwks_uri",
            "answered jwks_uri 200 0 s",
            "renewed keys of https://op.example ok 0 s",
            "verdict accepted None 0 s",
        ]
    );
    let access = ask(&gate, &good).await.unwrap();
    let _denied = ask(&gate, "no.good.token").await.unwrap_err();
    let _denied = gate.require(&access, &Requirement::new().scope("reports:write")).unwrap_err();
    let _demanded = gate.demand_credentials();
    let events = log.take();
    let records: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Verdict { record, .. } => record.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(records.len(), 4);
    assert_eq!(records[0].issuer.as_deref(), Some("https://op.example"));
    let said: Vec<_> = records.iter().map(|record| (record.clause, record.status, record.error)).collect();
    assert_eq!(
        said,
        [
            ("accepted", None, None),
            ("token_not_jwt", Some(401), Some("invalid_token")),
            ("access_scope", Some(403), Some("insufficient_scope")),
            ("credentials_missing", Some(401), None),
        ]
    );
    assert_eq!(*lock(&failures), 0);

    // An outage, after the keys have become useless.
    world.clock.advance(2 * 24 * 3_600);
    world.set(Net::Down);
    let late = ask(&gate, &world.token()).await.unwrap_err();
    assert_eq!(late.record().status, Some(503));
    let lines = log.lines();
    let of = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(of("sent"), of("lost"), "{lines:#?}");
    assert!(lines.contains(&"lost openid-configuration no_response 0 s".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"renewed keys of https://op.example no_response 0 s".to_owned()), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("verdict unavailable Some(503) 0 s"));
    assert!(*lock(&failures) > 0);
}

#[tokio::test]
async fn a_verdict_includes_the_time_that_its_request_waited_for_keys() {
    let (world, log) = world();
    let gate = world.builder(World::server()).with_observer(log.observer()).build().unwrap();
    let token = world.token();
    world.set(Net::Silent);
    let asking = {
        let gate = gate.clone();
        tokio::spawn(async move { ask(&gate, &token).await.is_ok() })
    };
    while world.count("openid-configuration") == 0 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(2);
    world.set(Net::Up);
    assert!(asking.await.unwrap());
    assert_eq!(
        log.lines(),
        [
            "sent GET openid-configuration",
            "answered openid-configuration 200 2 s",
            "renewed metadata of https://op.example ok 2 s",
            "sent GET jwks_uri",
            "answered jwks_uri 200 0 s",
            "renewed keys of https://op.example ok 2 s",
            "verdict accepted None 2 s",
        ]
    );
}

fn introspecting(world: &World, log: &Log) -> Gate {
    let gate = world.builder(World::introspecting()).introspection(|metadata| {
        Client::builder((*metadata).clone(), "api").secret("an API's own secret").build()
    });
    gate.with_observer(log.observer()).build().unwrap()
}

#[tokio::test]
async fn an_introspection_is_reported_without_a_trace_of_the_token() {
    let (world, log) = world();
    let gate = introspecting(&world, &log);
    let token = "MARK-an-opaque-token";
    lock(&world.said)
        .insert(token.to_owned(), json!({"active": true, "aud": world::RESOURCE, "sub": "alice"}));
    ask(&gate, token).await.unwrap();
    ask(&gate, token).await.unwrap();
    let events = log.take();
    assert!(!format!("{events:?}").contains("MARK"), "{events:?}");
    assert_eq!(
        events.iter().map(crate::line).collect::<Vec<_>>(),
        [
            "sent GET openid-configuration",
            "answered openid-configuration 200 0 s",
            "renewed metadata of https://op.example ok 0 s",
            "sent POST introspection_endpoint",
            "answered introspection_endpoint 200 0 s",
            "renewed introspection of https://op.example ok 0 s",
            "verdict accepted None 0 s",
            "verdict accepted None 0 s",
        ]
    );
}

/// A clock that is set back does not extend the use of a revoked token either.
#[tokio::test]
async fn a_clock_that_is_set_back_does_not_keep_an_introspection_result_in_use() {
    let (world, log) = world();
    let gate = introspecting(&world, &log);
    let said = json!({"active": true, "aud": world::RESOURCE, "sub": "alice"});
    lock(&world.said).insert("opaque".to_owned(), said);
    let asked_at = async |seconds| {
        log.clock.set(START.plus(seconds));
        ask(&gate, "opaque").await.unwrap();
        log.lines().iter().filter(|line| line.starts_with("renewed introspection")).count()
    };
    assert_eq!(asked_at(0).await, 1);
    assert_eq!(asked_at(29).await, 0);
    // The response has been used for 29 s of its 30 s.
    assert_eq!(asked_at(4).await, 0);
    assert_eq!(asked_at(6).await, 1);
    assert_eq!(asked_at(35).await, 0);
    assert_eq!(asked_at(37).await, 1);
}

#[tokio::test]
async fn an_observer_that_panics_keeps_no_valid_request_out() {
    let (world, _) = world();
    let gate =
        world.builder(World::server()).with_observer(broken().with_clock(Sim(world.clock.clone()))).build();
    let gate = gate.unwrap();
    world.set(Net::Down);
    assert_eq!(ask(&gate, &world.token()).await.unwrap_err().record().status, Some(503));
    world.set(Net::Up);
    world.clock.advance(60);
    ask(&gate, &world.token()).await.unwrap();
    world.clock.advance(600);
    world.provider(TestProvider::rotate_keys);
    ask(&gate, &world.token()).await.unwrap();
    assert_eq!(gate.waiting("https://op.example"), Some(0));
}

/// The observer of a failure may panic: the renewal has failed all the same, and is not repeated at once.
#[tokio::test]
async fn an_observer_that_panics_on_a_failure_does_not_change_it() {
    let (world, log) = world();
    let gate = world.builder(World::server()).with_observer(log.observer());
    let gate = gate.observe_failures(|_, _| panic!("on purpose")).build().unwrap();
    world.set(Net::Down);
    assert_eq!(ask(&gate, &world.token()).await.unwrap_err().record().status, Some(503));
    let counters = gate.key_counters("https://op.example").unwrap();
    assert_eq!((counters.failures, counters.abandoned), (1, 0));
    assert_eq!(log.lines().iter().filter(|line| line.starts_with("sent")).count(), 1);
}

/// A bad token at a handle is reported no louder than at a gate.
#[test]
fn a_refused_token_has_the_same_level_at_a_handle_and_at_a_gate() {
    type Answer = Result<http::Response<Vec<u8>>, &'static str>;
    let (world, _) = world();
    let good = world.token();
    let verified = |answer: fn() -> Answer, token: &str| {
        let observer = oidc_tracing::observer().with_clock(Sim(world.clock.clone()));
        let io = blocking::Io::new(move |_, _| answer()).with_spawn(|job| job());
        let handle = blocking::Provider::builder("https://op.example", io).audience(world::RESOURCE);
        let handle = handle.clock(Sim(world.clock.clone())).with_observer(observer).build().unwrap();
        let captured = Captured::default();
        tracing::subscriber::with_default(captured.clone(), || {
            handle.verify(token, |_| ()).unwrap_err();
        });
        captured.take().pop().unwrap()
    };
    let fields = [("message", "flow ended"), ("oidc.flow", "Verification"), ("oidc.duration", "0.0")];
    let of = |level, why| expected(level, &[&fields[..], &[("error.type", why)]].concat());
    let down = || Err("nobody is there");
    assert_eq!(verified(down, "no token"), of(Level::INFO, "jws_not_compact"));
    assert_eq!(verified(down, &good), of(Level::WARN, "no_response"));
    let broken = || Ok(http::Response::new(b"[]".to_vec()));
    assert_eq!(verified(broken, &good).level, Level::WARN, "the provider is to blame");
    world.clock.advance(2 * 24 * 3_600);
    assert_eq!(verified(down, &good), of(Level::INFO, "token_expired"));
}

#[tokio::test]
async fn verdicts_have_a_higher_level_the_more_they_are_our_own_fault() {
    let (world, _) = world();
    let observer = oidc_tracing::observer().with_clock(Sim(world.clock.clone()));
    let gate = world.builder(World::server()).with_observer(observer).build().unwrap();
    let good = world.token();
    ask(&gate, &good).await.unwrap();
    let captured = Captured::default();
    let guard = tracing::subscriber::set_default(captured.clone());
    ask(&gate, &good).await.unwrap();
    world.clock.advance(2 * 24 * 3_600);
    let _late = ask(&gate, &good).await.unwrap_err();
    world.clock.advance(2 * 24 * 3_600);
    world.set(Net::Down);
    let _outage = ask(&gate, &world.token()).await.unwrap_err();
    drop(guard);
    let key = world.provider(|provider| {
        let keys = oidc_proto::jose::KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap();
        keys.keys().next().unwrap().thumbprint().unwrap().to_owned()
    });
    let told = captured.take().into_iter().filter(|told| told.fields["message"] == "request judged");
    let common = [("message", "request judged"), ("oidc.duration", "0.0")];
    let of = |level, more: &[(&str, &str)]| expected(level, &[&common[..], more].concat());
    let (issuer, scheme) = (("oidc.issuer", "https://op.example"), ("oidc.scheme", "Bearer"));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            of(Level::DEBUG, &[issuer, scheme, ("oidc.clause", "accepted"), ("oidc.key", &key)]),
            of(
                Level::INFO,
                &[
                    issuer,
                    scheme,
                    ("oidc.clause", "token_expired"),
                    ("oidc.error", "invalid_token"),
                    ("http.response.status_code", "401"),
                    ("error.type", "token_expired"),
                ]
            ),
            of(
                Level::WARN,
                &[
                    issuer,
                    ("server.address", "op.example"),
                    ("server.port", "443"),
                    ("oidc.clause", "unavailable"),
                    ("http.response.status_code", "503"),
                    ("error.type", "unavailable"),
                ]
            ),
        ]
    );
}
