//! Walks through a registration and its management.

use super::{
    Registration, RegistrationRequest,
    exchange::{Ask, Configuring},
};
use crate::{
    base::endpoint_url::{EndpointUrl, UrlPolicy},
    flow::{
        Client, Endpoint, Step,
        diagrams_tests::{Turn, Walk, builder, json, moment, named, refusals},
    },
    message::{ClientMetadata, RegisteredClient},
};
use http::Method;
use serde_json::{Value, json as value};

named!(Configuring);

const PLACE: &str = "https://op.example/register/1";

fn client() -> Client {
    builder(|document| document["registration_endpoint"] = "https://op.example/register".into())
        .build()
        .unwrap()
}

fn wanted() -> RegistrationRequest {
    RegistrationRequest::new(ClientMetadata::native(["http://127.0.0.1/callback"]))
}

fn told(more: &Value) -> Value {
    let mut told =
        value!({"client_id": "1", "registration_client_uri": PLACE, "registration_access_token": "t"});
    told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    told
}

fn answers() -> Vec<Turn> {
    let mut turns = refusals();
    turns.extend([200, 201].map(|status| json(&status.to_string(), status, &told(&value!({})))));
    turns.push(json(
        "another client",
        200,
        &value!({"client_id": "2", "redirect_uris": ["https://evil.example"]}),
    ));
    turns.push(json("foreign redirect", 201, &told(&value!({"redirect_uris": ["https://evil.example"]}))));
    turns.push(json("no client", 201, &value!({"client_name": "a"})));
    turns.push(json("refused", 400, &value!({"error": "invalid_client_metadata"})));
    turns.push(json("refused with a 200", 200, &value!({"error": "invalid_client_metadata"})));
    turns.push(json("invalid_token", 401, &value!({"error": "invalid_token"})));
    turns
}

fn registered() -> RegisteredClient {
    let call = Registration::start(client().metadata(), &wanted()).unwrap();
    let (_, _, pending) = call.into_parts();
    let (_, answer) = json("201", 201, &told(&value!({})));
    let Ok(Step::Done(registered)) = pending.receive(answer.unwrap(), moment()) else { panic!("registered") };
    registered
}

#[test]
fn the_diagram_of_one_request_is_walked() {
    let url = EndpointUrl::parse(PLACE, &UrlPolicy::default()).unwrap();
    let begin = || {
        let (endpoint, method) = (Endpoint::ClientConfiguration, Method::GET);
        Ask { endpoint, method, url: &url, token: None, body: None, secrets: Vec::new() }.call()
    };
    let server = |_, _: &_| {
        let mut turns = answers();
        // What is in a success is not judged here.
        turns.retain(|(answer, _)| {
            !["not JSON", "another client", "foreign redirect", "no client"].contains(&&**answer)
        });
        turns.push(json("204", 204, &value!({})));
        turns
    };
    Walk::of("flow/registration/exchange.rs").from("asked", begin, server).holds();
}

#[test]
fn the_diagram_of_a_registration_is_walked() {
    let client = client();
    let server = |_, _: &_| {
        let mut turns = answers();
        turns.push(json("204", 204, &value!({})));
        turns
    };
    Walk::of("flow/registration/registration.rs")
        .from("asked", || Registration::start(client.metadata(), &wanted()), server)
        .holds();
}

#[test]
fn the_diagrams_of_the_management_are_walked() {
    let (registered, policy) = (registered(), UrlPolicy::default());
    let server = |_, _: &_| {
        let mut turns = answers();
        turns.retain(|(answer, _)| !["201", "foreign redirect"].contains(&&**answer));
        turns
    };
    let walk = Walk::of("flow/registration/management.rs").under("RegistrationRead");
    walk.from("asked", || registered.read(&policy), server)
        .from("told", || registered.update(&registered.metadata, &policy), server)
        .holds();
    let gone = |_, _: &_| {
        let mut turns = refusals();
        // Nobody reads the body of a 200, so `not JSON` is a success here.
        turns.retain(|(answer, _)| answer != "not JSON");
        turns.extend([200, 204].map(|status| json(&status.to_string(), status, &value!({}))));
        turns.push(json("invalid_token", 401, &value!({"error": "invalid_token"})));
        turns
    };
    let walk = Walk::of("flow/registration/management.rs").under("RegistrationDelete");
    walk.from("deleted", || registered.delete(&policy), gone).holds();
}
