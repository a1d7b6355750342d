//! Walks through the requests of an application to an API.

use super::{
    PendingResource, ResourceOrigins, ResourceOutcome, ResourceRenewal, ResourceRequest, ResourceStep,
};
use crate::{
    base::{endpoint_url::UrlPolicy, moment::Moment, secret::Secret},
    flow::{
        contract::{Call, Endpoint, Error, Flow, Response, Step, Terms},
        diagrams_tests::{Turn, Walk, builder, json, moment, named, with_nonce},
    },
    jose::{Algorithm, RingSigner},
};
use http::{HeaderMap, Method, Uri};
use serde_json::json as value;
use std::{convert::Infallible, sync::Arc};

/// The machine as a flow, so that it can be walked. The application, which is asked for a newer token, is a server.
struct Machine;

struct Walked(WalkedState);

enum WalkedState {
    Pending(PendingResource),
    Renewal(ResourceRenewal),
}

named!(Walked(WalkedState) { Pending, Renewal });

const RENEWAL: Endpoint = Endpoint::Other("renewal");

fn called(terms: Endpoint, state: WalkedState) -> Step<Machine> {
    Call::new(Terms::new(terms), http::Request::new(Vec::new()), Walked(state)).into()
}

fn sent(request: ResourceRequest, token: &str) -> Result<Step<Machine>, Error> {
    let key =
        RingSigner::from_pkcs8_pem(Algorithm::ES256, include_str!("../../jose/testdata/p256.pem"), None)
            .unwrap();
    let client = builder(|_| {}).dpop_key(Arc::new(key)).build().unwrap();
    let (_, pending) = request.authorize(&client, &Secret::new(token), moment())?;
    Ok(called(Endpoint::Other("resource"), WalkedState::Pending(pending)))
}

impl Flow for Machine {
    type Awaiting = Walked;
    type Paused = Infallible;
    type Output = ResourceOutcome;

    fn on_response(state: Walked, response: &Response<'_>, _: Moment) -> Result<Step<Self>, Error> {
        match state.0 {
            WalkedState::Pending(pending) => match pending.receive(response.status(), response.headers()) {
                ResourceStep::Done(outcome) => Ok(Step::Done(outcome)),
                ResourceStep::Again(request) => sent(request, "old"),
                ResourceStep::Renew(renewal) => Ok(called(RENEWAL, WalkedState::Renewal(renewal))),
            },
            WalkedState::Renewal(renewal) => match response.body() {
                [] => Ok(Step::Done(renewal.give_up())),
                token => {
                    let token = std::str::from_utf8(token).unwrap();
                    match renewal.retry(&Secret::new(token)) {
                        Ok(request) => sent(request, token),
                        Err(outcome) => Ok(Step::Done(outcome)),
                    }
                }
            },
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}

fn begin() -> ResourceRequest {
    let origins = ResourceOrigins::new("https://api.example", &UrlPolicy::default()).unwrap();
    let uri = Uri::from_static("https://api.example/orders");
    ResourceRequest::new(&origins, &Method::GET, &uri, &HeaderMap::new()).unwrap()
}

fn challenged(answer: &str, status: u16, challenge: &str) -> Turn {
    let mut turn = json(answer, status, &value!({}));
    turn.1.as_mut().unwrap().headers_mut().insert("www-authenticate", challenge.parse().unwrap());
    turn
}

fn answers(endpoint: Endpoint) -> Vec<Turn> {
    if endpoint == RENEWAL {
        let token = |answer: &str, token: &str| {
            (answer.to_owned(), Some(http::Response::new(token.as_bytes().to_vec())))
        };
        return vec![token("newer token", "new"), token("the same token", "old"), token("none", "")];
    }
    vec![
        with_nonce(json("use_dpop_nonce", 401, &value!({}))),
        challenged("no nonce", 401, "DPoP error=\"use_dpop_nonce\""),
        challenged("invalid_token", 401, "DPoP error=\"invalid_token\""),
        challenged("invalid_token with 403", 403, "DPoP error=\"invalid_token\""),
        challenged("insufficient_scope", 403, "DPoP error=\"insufficient_scope\", scope=\"a b\""),
        challenged("step-up", 401, "DPoP error=\"insufficient_user_authentication\""),
        challenged("invalid_dpop_proof", 401, "DPoP error=\"invalid_dpop_proof\""),
        json("401", 401, &value!({})),
        json("403", 403, &value!({})),
        json("200", 200, &value!({})),
        json("503", 503, &value!({})),
    ]
}

#[test]
fn the_diagram_of_a_request_to_an_api_is_walked() {
    Walk::of("flow/endpoint/resource_request.rs")
        .from("a body that can be sent again", || sent(begin(), "old"), |endpoint, _| answers(endpoint))
        .holds();
}

#[test]
fn a_request_with_a_stream_is_sent_once() {
    let walk = Walk::of("flow/endpoint/resource_request.rs").from(
        "a stream",
        || sent(begin().once(), "old"),
        |endpoint, _| answers(endpoint),
    );
    assert!(!walk.visits("Renewal") && walk.visits("Done(ResourceOutcome)"));
}
