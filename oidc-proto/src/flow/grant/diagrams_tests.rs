//! Walks through the grants without a callback.

use super::{
    AssertionGrantRequest, ClientCredentialsRequest, GrantRequest, IdJagRequest, JwtAssertion,
    TokenExchangeRequest, TokenTypeIdentifier,
    device::DeviceAuthorization,
    polling::{Polling, PollingState},
    refresh::{Refreshing, RefreshingState},
};
use crate::jose::{Algorithm, RingSigner, Sign};
use crate::{
    base::secret::Secret,
    flow::{
        Client, Endpoint, Step,
        diagrams_tests::{NOW, Party, Turn, Walk, builder, builder_as, json, moment, named, refusals},
    },
    metadata::Profile,
};
use serde_json::{Value, json as value};
use std::sync::Arc;

named!(Polling<P>(PollingState) { Token, Keys });
named!(Refreshing(RefreshingState) { Token, Keys });

#[test]
fn the_diagram_of_client_credentials_is_walked() {
    let client = builder(|_| {}).build().unwrap();
    let server = |_, _: &_| {
        let mut turns = refusals();
        turns.push(json("granted", 200, &value!({"access_token": "a", "token_type": "Bearer"})));
        turns.push(json("invalid_client", 401, &value!({"error": "invalid_client"})));
        turns
    };
    let wanted = ClientCredentialsRequest::default();
    Walk::of("flow/grant/client_credentials.rs")
        .from("asked", || client.client_credentials(&wanted, moment()), server)
        .holds();
}

fn codes() -> Value {
    value!({"device_code": "d", "user_code": "u", "verification_uri": "https://op.example/device",
        "expires_in": 600, "interval": 5})
}

#[test]
fn the_diagram_of_the_codes_of_a_device_is_walked() {
    let client = builder(|_| {}).build().unwrap();
    let server = |_, _: &_| {
        let mut turns = refusals();
        turns.push(json("codes", 200, &codes()));
        turns.push(json("invalid_client", 401, &value!({"error": "invalid_client"})));
        turns
    };
    Walk::of("flow/grant/device.rs")
        .from("asked", || client.device_authorization(["openid"], moment()), server)
        .holds();
}

/// Returns the codes of a device.
fn device(client: &Client, scope: &str) -> DeviceAuthorization {
    let (_, _, pending) = client.device_authorization([scope], moment()).unwrap().into_parts();
    let (_, response) = json("codes", 200, &codes());
    let Ok(Step::Done(device)) = pending.receive(response.unwrap(), moment()) else { panic!("it has codes") };
    device
}

#[test]
fn the_diagram_of_a_device_is_walked() {
    let (party, client) = (Party::new(), builder(|_| {}).build().unwrap());
    let server = |endpoint, _: &_| {
        if endpoint == Endpoint::Jwks {
            return party.published();
        }
        let errors = ["authorization_pending", "slow_down", "access_denied", "expired_token"];
        let errors = errors.map(|error| json(error, 400, &value!({ "error": error })));
        party.granted(None).into_iter().chain(errors).collect::<Vec<Turn>>()
    };
    let mut walk = Walk::of("flow/grant/device_grant.rs");
    for scope in ["openid", "mail"] {
        let begin = || Ok(device(&client, scope).poll(&client, Some(party.keys()), NOW).unwrap());
        walk = walk.from("asked", begin, server);
    }
    walk.holds();
}

#[test]
fn the_diagram_of_a_refresh_is_walked() {
    let party = Party::new();
    let server = |endpoint, _: &_| {
        if endpoint == Endpoint::Jwks { party.published() } else { party.granted(None) }
    };
    let mut walk = Walk::of("flow/grant/refresh.rs");
    let without = |members: &[&str]| {
        builder_as(Profile::AuthorizationServer, |document| {
            document.as_object_mut().unwrap().retain(|name, _| !members.contains(&&**name));
        })
    };
    let algorithms = "id_token_signing_alg_values_supported";
    let clients = [builder(|_| {}), without(&["jwks_uri"]), without(&["jwks_uri", algorithms])];
    for client in clients {
        let client = client.build().unwrap();
        let begin = || client.refresh(&Secret::new("r"), None, Some(party.keys()), moment());
        walk = walk.from("asked", begin, server);
    }
    walk.holds();
}

/// The answers to a grant: refusals, and tokens of this kind.
fn answers(issued: Option<&TokenTypeIdentifier>, token_type: &str) -> Vec<Turn> {
    let mut tokens = value!({"access_token": "a", "token_type": token_type});
    if let Some(issued) = issued {
        tokens["issued_token_type"] = issued.as_str().into();
    }
    let mut turns = refusals();
    turns.push(json("granted", 200, &tokens));
    turns.push(json("invalid_grant", 400, &value!({"error": "invalid_grant"})));
    turns.push(json("without tokens", 200, &value!({})));
    turns
}

#[test]
fn the_diagram_of_a_grant_of_ones_own_is_walked() {
    let client = builder(|_| {}).build().unwrap();
    let wanted = GrantRequest::new("urn:example:grant:badge");
    let repeatable = wanted.clone().repeatable();
    Walk::of("flow/grant/extension.rs")
        .from("asked", || client.grant(&repeatable, moment()), |_, _| answers(None, "Bearer"))
        .from("asked", || client.grant(&wanted, moment()), |_, _| once(None, "Bearer"))
        .holds();
}

/// The answers to a grant that is sent once, but for those that would lead to another attempt.
fn once(issued: Option<&TokenTypeIdentifier>, token_type: &str) -> Vec<Turn> {
    let again = ["429", "503", "lost"];
    answers(issued, token_type).into_iter().filter(|(answer, _)| !again.contains(&&**answer)).collect()
}

#[test]
fn the_diagrams_of_token_exchange_and_of_an_id_jag_are_walked() {
    let client = builder(|_| {}).build().unwrap();
    let (access, id_jag) = (TokenTypeIdentifier::ACCESS_TOKEN, TokenTypeIdentifier::ID_JAG);
    let wanted = TokenExchangeRequest::new("a token", access.clone()).repeatable();
    Walk::of("flow/grant/token_exchange.rs")
        .from("asked", || client.exchange(&wanted, moment()), |_, _| answers(Some(&access), "Bearer"))
        .holds();
    let wanted = IdJagRequest::new("an ID token", TokenTypeIdentifier::ID_TOKEN, "https://as.example");
    Walk::of("flow/grant/id_jag.rs")
        .from("asked", || client.id_jag(&wanted, moment()), |_, _| answers(Some(&id_jag), "N_A"))
        .holds();
}

#[test]
fn the_diagram_of_an_assertion_is_walked() {
    let client = builder(|_| {}).build().unwrap();
    let secret = Secret::new("a secret of thirty-two bytes or more");
    let key: Arc<dyn Sign> = Arc::new(RingSigner::from_secret(Algorithm::HS256, &secret, None).unwrap());
    let signed =
        || AssertionGrantRequest::signed(JwtAssertion::new("https://ours.example", "alice"), key.clone());
    Walk::of("flow/grant/assertion.rs")
        .from("asked", || client.assertion_grant(signed(), moment()), |_, _| answers(None, "Bearer"))
        .holds();
}
