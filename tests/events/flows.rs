//! Flows that run: their requests, their waits, and their ends.

use crate::{Log, broken};
use http::Response;
use oidc_drive::{DriveError, Event, run_async_with_observer, run_with_observer};
use oidc_proto::{
    Error, Moment, Timestamp,
    flow::{Call, ClientCredentialsRequest, Endpoint, Flow, Pause, Request, Step, Terms},
};
use oidc_testkit::{EndpointName, Party, provider::hostile};
use std::{cell::RefCell, future::ready};

/// A service that asks for a token while the provider is busy for seven seconds. Each exchange takes two
/// seconds.
fn service(trouble: usize) -> (Party, Log) {
    let mut party = Party::new();
    let busy = hostile::times(trouble, hostile::retry_after(7));
    party.provider.alter_response(EndpointName::Token, busy);
    (party, Log::new())
}

#[test]
fn a_wait_is_between_two_requests_and_counts_until_the_end() {
    let (party, log) = service(1);
    let call =
        party.client.client_credentials(&ClientCredentialsRequest::default(), oidc_drive::moment()).unwrap();
    let (observer, party) = (log.observer(), RefCell::new(party));
    let send = |request, terms| {
        observer.send_async(request, terms, |request, _| {
            log.clock.advance(2);
            let now = oidc_drive::now();
            ready(Ok::<_, String>(party.borrow_mut().provider.handle(&request, now)))
        })
    };
    let sleep = |_| {
        log.clock.advance(7);
        ready(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(run_async_with_observer(call, send, sleep, &observer)).unwrap();
    assert_eq!(
        log.lines(),
        [
            "sent POST token_endpoint",
            "answered token_endpoint 503 2 s",
            "waited ClientCredentialsGrant after token_endpoint 7 s",
            "sent POST token_endpoint",
            "answered token_endpoint 200 2 s",
            "ended ClientCredentialsGrant ok 11 s",
        ]
    );
}

/// A flow that only waits for a time that has passed, so that no thread sleeps.
#[derive(Debug)]
pub struct Nap;

impl Flow for Nap {
    type Awaiting = ();
    type Paused = ();
    type Output = ();

    fn on_response((): (), _: &Response<&[u8]>, _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Wait(Pause::new(Timestamp(0), ())))
    }

    fn on_wake((): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(()))
    }
}

#[test]
fn a_wait_on_a_thread_is_reported_with_its_endpoint() {
    let log = Log::new();
    let observer = log.observer();
    let send = |_, _| {
        log.clock.advance(3);
        Ok::<_, String>(Response::new(b"hello"))
    };
    let send = |request, terms| observer.send(request, terms, send);
    let request = http::Request::get("https://user:SECRET@[::1]:81/a?b#c").body(Vec::new()).unwrap();
    let call = Call::<Nap>::new(Terms::new(Endpoint::UserInfo), request, ());
    run_with_observer(call, send, &observer).unwrap();
    // A flow that was saved while it waited, and goes on.
    run_with_observer(Step::<Nap>::Wait(Pause::new(Timestamp(0), ())), send, &observer).unwrap();

    let events = log.take();
    let Event::Answered { to, bytes, .. } = &events[1] else { panic!("{events:?}") };
    assert_eq!((to.scheme, &*to.host, to.port, *bytes), ("https", "::1", 81, 5));
    assert_eq!(
        events.iter().map(crate::line).collect::<Vec<_>>(),
        [
            "sent GET userinfo_endpoint",
            "answered userinfo_endpoint 200 3 s",
            "waited Nap after userinfo_endpoint 0 s",
            "ended Nap ok 3 s",
            "waited Nap after nothing 0 s",
            "ended Nap ok 0 s",
        ]
    );
}

#[test]
fn a_missing_port_is_the_default_of_the_scheme() {
    let log = Log::new();
    for (url, scheme, host, port) in [
        ("https://op.example/a", "https", "op.example", 443),
        ("http://op.example/a", "http", "op.example", 80),
        ("http://127.0.0.1:8080", "http", "127.0.0.1", 8080),
    ] {
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        let (request, terms, _) = Call::<Nap>::new(Terms::new(Endpoint::Jwks), request, ()).into_parts();
        drop(log.observer().sending(&request, terms));
        let events = log.take();
        let Event::Sent { to, .. } = &events[0] else { panic!("{events:?}") };
        assert_eq!((to.scheme, &*to.host, to.port), (scheme, host, port));
    }
}

/// The end of a flow is reported in one word: the code of the error, or a code of the specifications.
#[test]
fn a_failed_flow_reports_its_reason_in_one_word() {
    let end = |alter: &dyn Fn(&mut Party), answer: bool| {
        let (mut party, log) = (Party::new(), Log::new());
        alter(&mut party);
        let call = party.client.jwks().unwrap();
        let observer = log.observer();
        let mut send = |request: Request, _: Terms| {
            let response = party.provider.handle(&request, oidc_drive::now());
            if answer { Ok(response) } else { Err("SECRET") }
        };
        let result =
            run_with_observer(call, |request, terms| observer.send(request, terms, &mut send), &observer);
        assert!(
            answer || matches!(result, Err(DriveError::Transport("SECRET"))),
            "the error belongs to the stack"
        );
        assert!(result.is_err());
        log.lines().split_off(1)
    };
    let error = |status, error: &'static str| {
        move |party: &mut Party| {
            party.provider.alter_response(EndpointName::Jwks, hostile::oauth_error(status, error));
        }
    };
    let good = |_: &mut Party| {};
    assert_eq!(end(&good, false), ["lost jwks_uri no_response 0 s", "ended JwksRetrieval no_response 0 s"]);
    assert_eq!(
        end(&error(500, "server_error"), true),
        ["answered jwks_uri 500 0 s", "ended JwksRetrieval unavailable 0 s"]
    );
    let redirect = |party: &mut Party| {
        party.provider.alter_response(EndpointName::Jwks, hostile::redirect_to("https://x.example/?SECRET"));
    };
    assert_eq!(
        end(&redirect, true),
        ["answered jwks_uri 307 0 s", "ended JwksRetrieval response_redirect 0 s"]
    );
    for (said, told) in [("invalid_client", "invalid_client"), ("SECRET", "oauth_error")] {
        let (mut party, log) = (Party::new(), Log::new());
        party.provider.alter_response(EndpointName::Token, hostile::oauth_error(400, said));
        let call = party
            .client
            .client_credentials(&ClientCredentialsRequest::default(), oidc_drive::moment())
            .unwrap();
        let observer = log.observer();
        let mut send =
            |request: Request, _: Terms| Ok::<_, String>(party.provider.handle(&request, oidc_drive::now()));
        run_with_observer(call, |request, terms| observer.send(request, terms, &mut send), &observer)
            .unwrap_err();
        assert_eq!(log.lines()[2], format!("ended ClientCredentialsGrant {told} 0 s"));
    }
}

#[test]
fn an_observer_that_panics_changes_nothing() {
    let (mut party, observer) = (Party::new(), broken());
    let call =
        party.client.client_credentials(&ClientCredentialsRequest::default(), oidc_drive::moment()).unwrap();
    let mut send =
        |request: Request, _: Terms| Ok::<_, String>(party.provider.handle(&request, oidc_drive::now()));
    let token = run_with_observer(call, |request, terms| observer.send(request, terms, &mut send), &observer);
    assert!(token.is_ok());
    party.provider.assert_clean();
}
