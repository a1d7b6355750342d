//! Walks through introspection and revocation.

use super::introspected::{Introspecting, IntrospectingState};
use crate::{
    base::secret::Secret,
    flow::{
        Endpoint,
        diagrams_tests::{ISSUER, NOW, Party, Turn, Walk, builder, json, moment, named, refusals},
    },
    jose::{RingSigner, sign_compact},
};
use serde_json::{Map, json as value};

named!(Introspecting(IntrospectingState) { Asked, Keys });

fn signed(answer: &str, signer: &RingSigner, active: &serde_json::Value) -> Turn {
    let header = Map::from_iter([("typ".to_owned(), "token-introspection+jwt".into())]);
    let claims = value!({"iss": ISSUER, "aud": "app", "iat": NOW.0, "token_introspection": active});
    let jwt = sign_compact(signer, header, claims.to_string().as_bytes()).unwrap();
    let mut response = http::Response::new(jwt.into_bytes());
    let kind = "application/token-introspection+jwt".parse().unwrap();
    response.headers_mut().insert("content-type", kind);
    (answer.to_owned(), Some(response))
}

fn challenged(mut turns: Vec<Turn>) -> Vec<Turn> {
    turns.push(json("invalid_client", 401, &value!({"error": "invalid_client"})));
    turns
}

#[test]
fn the_diagram_of_introspection_is_walked() {
    let (party, token) = (Party::new(), Secret::new("a"));
    let client = builder(|_| {}).build().unwrap();
    let plain = |_, _: &_| {
        let mut turns = challenged(refusals());
        turns.push(json("answered", 200, &value!({"active": false})));
        turns.push(json("without `active`", 200, &value!({})));
        turns.push(signed("signed", &party.newer, &value!({"active": true})));
        turns
    };
    let walk = Walk::of("flow/endpoint/introspection.rs");
    let walk = walk.from("asked", || client.introspect(&token, None, moment()), plain);
    let server = |endpoint, _: &_| {
        if endpoint == Endpoint::Jwks {
            return party.published();
        }
        let mut turns = challenged(refusals());
        turns.push(json("not signed", 200, &value!({"active": false})));
        turns.push(signed("signed", &party.newer, &value!({"active": true})));
        turns
    };
    let demands =
        builder(|document| document["introspection_signing_alg_values_supported"] = value!(["ES256"]));
    let client = demands.signed_introspection().build().unwrap();
    walk.from("asked", || client.introspect(&token, None, moment()), server).holds();
}

#[test]
fn the_diagram_of_an_introspection_with_keys_is_walked() {
    let (party, token) = (Party::new(), Secret::new("a"));
    let demands =
        builder(|document| document["introspection_signing_alg_values_supported"] = value!(["ES256"]));
    let client = demands.signed_introspection().build().unwrap();
    let server = |endpoint, _: &_| {
        if endpoint == Endpoint::Jwks {
            return party.published();
        }
        let mut turns = challenged(refusals());
        turns.push(json("not signed", 200, &value!({"active": true})));
        turns.push(signed("answered", &party.first, &value!({"active": true})));
        turns.push(signed("without `active`", &party.first, &value!({})));
        turns.push(signed("signed with another key", &party.newer, &value!({"active": true})));
        turns
    };
    let begin = || client.introspect_with_keys(&token, None, Some(party.keys()), moment());
    Walk::of("flow/endpoint/introspected.rs").from("asked", begin, server).holds();
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
