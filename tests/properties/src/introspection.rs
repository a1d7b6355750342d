//! The property of introspection responses: values are typed, and no spelling hides a limit of a token.

use crate::{CLIENT, NOW, SECRET, check_texts, document, moment, provider_metadata};
use http::{Response, header};
use oidc_proto::{
    Secret, Timestamp,
    flow::{Client, Step},
    message::IntrospectionResponse,
};
use serde_json::{Map, Value};
use std::sync::LazyLock;

const TOKEN: &str = "a token that nobody else should see";

static CLIENT_OF_API: LazyLock<Client> = LazyLock::new(|| {
    let mut document = document();
    document["introspection_endpoint"] = "https://op.example/introspect".into();
    let client = Client::builder(provider_metadata(&document), CLIENT).secret(SECRET).build();
    client.expect("the client is good")
});

/// Checks an introspection response. `data` is its body.
///
/// The token is active only if `active` is `true`. Each limit of the token is then read, or the response is
/// refused. Members that no field knows are kept as they came.
///
/// # Panics
/// If the property does not hold.
pub fn introspection(data: &[u8]) {
    let call =
        CLIENT_OF_API.introspect_once(&Secret::new(TOKEN), None, moment(NOW, 7)).expect("a good token");
    let (_, _, pending) = call.into_parts();
    let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
    let response = response.body(data.to_vec()).expect("a good response");
    let members: Option<Map<String, Value>> = serde_json::from_slice(data).ok();
    match pending.receive(response, moment(NOW, 1)) {
        Ok(Step::Done(said)) => {
            let members = members.clone().expect("what is read is an object");
            assert_eq!(members.get("active"), Some(&Value::Bool(said.active)));
            match said.active {
                true => check_active(&said, &members),
                false => check_inactive(said, &members),
            }
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => check_texts(&error),
    }
    if let Some(members) = members {
        check_members(&members);
    }
}

fn check_inactive(said: IntrospectionResponse, members: &Map<String, Value>) {
    // `null` counts as no value.
    assert_eq!(said.extra.len() + 1, members.values().filter(|value| !value.is_null()).count());
    let nothing = IntrospectionResponse::default();
    assert!(said.exp.is_none() && said.sub.is_none() && said.scopes().next().is_none());
    assert!(said.aud == nothing.aud && said.cnf.is_none() && said.client_id.is_none());
}

/// Returns a member unless it is absent or `null`.
fn there<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    members.get(name).filter(|value| !value.is_null())
}

/// Whether a value is this second, read in another way than the library's.
fn is_second(value: &Value, read: Timestamp) -> bool {
    let seconds = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    #[allow(clippy::cast_precision_loss, reason = "an f64 is what the value was read from")]
    seconds.is_some_and(|seconds: f64| seconds.is_finite() && (seconds.floor() - read.0 as f64).abs() < 1.0)
}

fn check_active(said: &IntrospectionResponse, members: &Map<String, Value>) {
    for (name, read) in
        [("exp", said.exp), ("iat", said.iat), ("nbf", said.nbf), ("auth_time", said.auth_time)]
    {
        match (there(members, name), read) {
            (None, None) => {}
            (Some(value), Some(read)) => assert!(is_second(value, read), "{name}: {value} is {read:?}"),
            other => panic!("{name} is lost: {other:?}"),
        }
    }
    let audience: Vec<&str> = match there(members, "aud") {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(other) => {
            let all = other.as_array().expect("an audience is texts");
            all.iter().map(|one| one.as_str().expect("an audience is texts")).collect()
        }
    };
    assert_eq!(said.aud, audience);
    let named = there(members, "act").map(|act| act["sub"].as_str());
    let actor = said.actor();
    assert_eq!(actor.as_ref().map(|actor| actor.sub.as_deref()), named, "no actor is lost");
    assert_eq!(said.cnf.as_ref(), there(members, "cnf").map(|cnf| cnf.as_object().expect("an object")));
    for (name, read) in [
        ("client_id", &said.client_id),
        ("username", &said.username),
        ("token_type", &said.token_type),
        ("sub", &said.sub),
        ("iss", &said.iss),
        ("jti", &said.jti),
        ("acr", &said.acr),
    ] {
        let value = there(members, name);
        assert_eq!(read.as_deref(), value.and_then(Value::as_str), "{name}");
        // A value that is not text is kept as it came.
        assert!(read.is_some() || said.extra.get(name) == value, "{name}");
    }
    for (name, value) in &said.extra {
        assert_eq!(members.get(name), Some(value), "{name}");
    }
}

/// Checks that the members stay the same when they are read in another way.
fn check_members(members: &Map<String, Value>) {
    match IntrospectionResponse::from_members(members.clone()) {
        Err(error) => check_texts(&error),
        Ok(said) => {
            assert_eq!(members.get("active"), Some(&Value::Bool(said.active)));
            match said.active {
                true => check_active(&said, members),
                false => check_inactive(said, members),
            }
        }
    }
}
