//! Walks through a pushed authorization request.

use crate::{
    flow::{
        Client,
        diagrams_tests::{Party, Turn, Walk, builder, json, moment, refusals, with_nonce},
    },
    message::AuthorizationRequest,
};
use serde_json::json as value;

fn answers() -> Vec<Turn> {
    let reference = value!({"request_uri": "urn:example:reference", "expires_in": 60});
    let mut turns = refusals();
    turns.push(json("reference", 201, &reference));
    turns.push(json("no lifetime", 201, &value!({"request_uri": "urn:example:reference"})));
    turns.push(json("invalid_client", 401, &value!({"error": "invalid_client"})));
    turns.push(with_nonce(json("use_dpop_nonce", 400, &value!({"error": "use_dpop_nonce"}))));
    turns
}

#[test]
fn the_diagram_of_a_pushed_request_is_walked() {
    let builder = || {
        builder(|document| {
            document["pushed_authorization_request_endpoint"] = "https://op.example/par".into();
        })
    };
    let prover = builder().dpop_key(Party::new().first).build().unwrap();
    let signer =
        builder().request_object_signer(Party::new().first).require_signed_request_object().build().unwrap();
    let request = AuthorizationRequest::new(["email"]);
    let push = |client: &Client| client.push_authorize(&request, moment());
    Walk::of("flow/login/request/pushed.rs")
        .from("plain", || push(&builder().build().unwrap()), |_, _| answers())
        .from("signed", || push(&signer), |_, _| answers())
        .from("proven", || push(&prover), |_, _| answers())
        .holds();
}
