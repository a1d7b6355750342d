//! Walks through introspection and revocation.

use crate::{
    base::secret::Secret,
    flow::diagrams_tests::{Turn, Walk, builder, json, moment, refusals},
};
use serde_json::json as value;

fn challenged(mut turns: Vec<Turn>) -> Vec<Turn> {
    turns.push(json("invalid_client", 401, &value!({"error": "invalid_client"})));
    turns
}

#[test]
fn the_diagram_of_introspection_is_walked() {
    let (client, token) = (builder(|_| {}).build().unwrap(), Secret::new("a"));
    let server = |_, _: &_| {
        let mut turns = challenged(refusals());
        turns.push(json("answered", 200, &value!({"active": false})));
        turns.push(json("without `active`", 200, &value!({})));
        turns
    };
    Walk::of("flow/endpoint/introspection.rs")
        .from("asked", || client.introspect(&token, None, moment()), server)
        .holds();
}

#[test]
fn a_token_that_is_introspected_once_never_waits() {
    let (client, token) = (builder(|_| {}).build().unwrap(), Secret::new("a"));
    let begin = || client.introspect_once(&token, None, moment());
    let walk = Walk::of("flow/endpoint/introspection.rs").from("asked", begin, |_, _| refusals());
    assert!(!walk.visits("Wait"));
}

#[test]
fn the_diagram_of_revocation_is_walked() {
    let (client, token) = (builder(|_| {}).build().unwrap(), Secret::new("a"));
    let server = |_, _: &_| {
        let mut turns = challenged(refusals());
        // Nobody reads the body of a 200, so `not JSON` is a success here.
        turns.retain(|(answer, _)| answer != "not JSON");
        turns.extend([200, 204].map(|status| json(&status.to_string(), status, &value!({}))));
        turns
    };
    Walk::of("flow/endpoint/revocation.rs")
        .from("asked", || client.revoke(&token, None, moment()), server)
        .holds();
}
