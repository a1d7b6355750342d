//! Tests that the flows of discovery follow their state diagrams.

use super::{Discovery, ResourceDiscovery};
use crate::{
    base::endpoint_url::UrlPolicy,
    flow::diagrams_tests::{ISSUER, Turn, Walk, document, json, refusals},
    metadata::WellKnown,
};
use serde_json::json as value;

#[test]
fn the_diagram_of_discovery_is_walked() {
    let policy = UrlPolicy::default();
    let server = |_, _: &_| -> Vec<Turn> {
        let mut turns = refusals();
        turns.push(json("document", 200, &document()));
        let mut other = document();
        other["issuer"] = "https://evil.example".into();
        turns.push(json("document of another issuer", 200, &other));
        turns
    };
    Walk::of("flow/discovery/provider.rs")
        .from("in one form", || Discovery::start(ISSUER, &policy), server)
        .from("in either", || Discovery::either(ISSUER, WellKnown::OpenId, &policy), server)
        .holds();
}

#[test]
fn the_diagram_of_the_discovery_of_a_resource_is_walked() {
    let policy = UrlPolicy::default();
    let server = |_, _: &_| {
        let mut turns = refusals();
        let document = |resource| value!({"resource": resource, "authorization_servers": [ISSUER]});
        turns.push(json("document", 200, &document("https://api.example")));
        turns.push(json("document of another resource", 200, &document("https://evil.example")));
        turns
    };
    Walk::of("flow/discovery/resource.rs")
        .from("asked", || ResourceDiscovery::start("https://api.example", &policy), server)
        .holds();
}
