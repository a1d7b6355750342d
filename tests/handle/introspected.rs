//! Introspection responses that are signed (RFC 9701): the handle keeps the keys that it needed for them.

use super::colour::*;
use oidc_drive::ProviderError;
use oidc_proto::flow::ClientBuilder;
use oidc_testkit::{Algorithm, EndpointName, TestProvider, hostile};
use serde_json::json;

/// Tells a story to each handle whose client demands signed responses.
fn each_signed(story: impl Fn(World, &dyn Handle)) {
    for colour in 0..2 {
        let world = World::new();
        world.change(|provider| provider.sign_introspection(Algorithm::ES256));
        let handles = world.both_with(ClientBuilder::signed_introspection);
        story(world, &*handles[colour]);
    }
}

#[test]
fn the_keys_of_a_signed_response_are_fetched_once_and_kept() {
    each_signed(|world, handle| {
        for rotations in 1..=3 {
            let token = world.token();
            for _ in 0..3 {
                let said = handle.introspect(&token.as_str().into()).unwrap();
                assert_eq!((said.active, said.client_id.as_deref()), (true, Some("app")));
            }
            assert!(!handle.introspect(&"made up".into()).unwrap().active);
            // The same keys verify a token of the provider.
            assert_eq!(handle.subject(&token).as_deref(), Ok("app"));
            assert_eq!(world.count(EndpointName::Jwks), rotations);
            world.change(TestProvider::rotate_keys);
        }
    });
}

#[test]
fn a_response_that_is_not_signed_for_this_client_is_an_error_of_its_own() {
    type Lie = fn(&mut TestProvider);
    let lies: [(Lie, &str); 4] = [
        (|provider| provider.break_signatures(true), "jws_signature"),
        (|provider| provider.alter_introspection(hostile::set_claim("aud", json!("x"))), "token_audience"),
        (|provider| provider.alter_introspection(hostile::set_claim("sub", json!("x"))), "token_claim_value"),
        (
            |provider| {
                let plain = hostile::respond(200, "application/json", r#"{"active":true}"#);
                provider.alter_response(EndpointName::Introspection, plain);
            },
            "response_not_signed",
        ),
    ];
    for (lie, code) in lies {
        each_signed(|world, handle| {
            let token = world.token();
            world.change(lie);
            let error = handle.introspect(&token.as_str().into()).unwrap_err();
            assert!(matches!(&error, ProviderError::Protocol(error) if error.code() == code), "{error}");
        });
    }
}
