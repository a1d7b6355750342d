//! Walks through backchannel authentication.

use super::{
    BackchannelAuthentication, BackchannelAuthenticationRequest, ClientNotification, Delivery, DeliveryMode,
    pushed::{Push, Verifying},
};
use crate::flow::{
    Client, Endpoint, Step,
    diagrams_tests::{NOW, Party, Turn, Walk, builder, json, moment, named, refusals},
};
use serde_json::{Value, json as value};

named!(Verifying);

fn client() -> Client {
    let client = builder(|document| {
        document["backchannel_authentication_endpoint"] = "https://op.example/bc-authorize".into();
        document["backchannel_token_delivery_modes_supported"] = value!(["poll", "ping", "push"]);
    });
    client.build().unwrap()
}

fn acknowledged() -> Turn {
    json("acknowledged", 200, &value!({"auth_req_id": "a", "expires_in": 600, "interval": 5}))
}

fn wanted(mode: DeliveryMode) -> BackchannelAuthenticationRequest {
    BackchannelAuthenticationRequest::login_hint("alice").delivery_mode(mode)
}

fn begin(client: &Client, mode: DeliveryMode) -> BackchannelAuthentication {
    let call = client.backchannel_authentication(&wanted(mode), moment()).unwrap();
    let (_, _, pending) = call.into_parts();
    let Ok(Step::Done(asked)) = pending.receive(acknowledged().1.unwrap(), moment()) else { panic!() };
    asked
}

#[test]
fn the_diagram_of_an_authentication_request_is_walked() {
    let client = client();
    let server = |_, _: &_| {
        let mut turns = refusals();
        turns.push(acknowledged());
        turns.push(json("unknown_user_id", 400, &value!({"error": "unknown_user_id"})));
        turns
    };
    let wanted = wanted(DeliveryMode::Poll);
    Walk::of("flow/grant/ciba/start.rs")
        .from("asked", || client.backchannel_authentication(&wanted, moment()), server)
        .holds();
}

#[test]
fn the_diagram_of_backchannel_authentication_is_walked() {
    let (party, client) = (Party::new(), client());
    let server = |endpoint, _: &_| {
        if endpoint == Endpoint::Jwks {
            return party.published();
        }
        let errors = ["authorization_pending", "slow_down", "access_denied", "expired_token"];
        let errors = errors.map(|error| json(error, 400, &value!({ "error": error })));
        party.granted(None).into_iter().chain(errors).collect::<Vec<Turn>>()
    };
    let mut walk = Walk::of("flow/grant/ciba/grant.rs");
    for mode in [DeliveryMode::Poll, DeliveryMode::Ping] {
        let begin = || Ok(begin(&client, mode).poll(&client, Some(party.keys()), NOW).unwrap());
        walk = walk.from("asked", begin, server);
    }
    walk.holds();
}

#[test]
fn the_diagram_of_pushed_tokens_is_walked() {
    let (party, client) = (Party::new(), client());
    let asked = begin(&client, DeliveryMode::Push);
    let pushed = |signer| -> Push {
        let hash = crate::jose::Algorithm::ES256.left_half_hash(b"a");
        let claims = value!({"at_hash": hash, "urn:openid:params:jwt:claim:auth_req_id": "a"});
        let id_token = party.id_token(signer, None, &claims);
        let body: Value = value!({"auth_req_id": "a", "id_token": id_token, "access_token": "a",
            "token_type": "Bearer"});
        let token = asked.0.client_notification_token.as_ref().unwrap();
        let request = http::Request::post("https://app.example/ciba")
            .header("authorization", format!("Bearer {}", token.expose()))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .unwrap();
        let notification = ClientNotification::read(&request).unwrap();
        let Ok(Delivery::Push(push)) = asked.receive(&notification, &client, NOW) else { panic!("tokens") };
        push
    };
    let keys = party.keys();
    let server = |_, _: &_| party.published();
    Walk::of("flow/grant/ciba/pushed.rs")
        .from("vouched for", || pushed(&party.first).verify(&client, Some(&keys), NOW), server)
        .from("another key", || pushed(&party.newer).verify(&client, Some(&keys), NOW), server)
        .holds();
}
