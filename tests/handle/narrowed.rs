//! Tokens for a part of what was granted: a caller gets only what it asked for, and no refresh token is sent twice.

use super::colour::*;
use oidc_drive::ProviderError;
use oidc_proto::{
    Secret,
    flow::{ClientCredentialsRequest, DeviceAuthorizationRequest, RefreshRequest},
    message::{AuthorizationDetail, TokenResponse},
    token::{AccessTokenVerifier, Scratch},
};
use oidc_testkit::{DEVICE_GRANT, EndpointName, hostile};
use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering::SeqCst},
};

const ORDERS: &str = "https://orders.example/";
const STOCK: &str = "https://stock.example/";

fn log_in(world: &World, handle: &dyn Handle) -> Secret {
    let (url, pending) = handle.authorize().unwrap();
    handle.callback(pending, world.visit(&url)).unwrap().tokens.refresh_token.unwrap()
}

fn wanted(token: &Secret, resource: &str) -> RefreshRequest {
    RefreshRequest::new(token.clone()).resource(resource)
}

fn is_for(world: &World, tokens: &TokenResponse, audience: &str) -> bool {
    let keys = world.change(|provider| provider.key_set().to_string());
    let keys = oidc_proto::jose::KeySet::parse(keys.as_bytes()).unwrap();
    let api = AccessTokenVerifier::new(ISSUER, audience);
    api.verify(tokens.access_token.expose(), &keys, &mut Scratch::new(), world.clock.now()).is_ok()
}

#[test]
fn callers_that_ask_for_different_resources_never_share_a_token() {
    each(|world, handle| {
        let token = log_in(&world, handle);
        let before = world.count(EndpointName::Token);
        let orders = handle.narrowed(&wanted(&token, ORDERS)).unwrap();
        assert!(is_for(&world, &orders.tokens, ORDERS) && !is_for(&world, &orders.tokens, STOCK));
        // The same request, within a minute: the same tokens.
        assert!(Arc::ptr_eq(&orders, &handle.narrowed(&wanted(&token, ORDERS)).unwrap()));
        // Another one gets neither these tokens nor a second use of the token, but the token to go on with.
        let next = orders.tokens.refresh_token.clone().unwrap();
        for other in [
            wanted(&token, STOCK),
            wanted(&token, ORDERS).resource(STOCK),
            wanted(&token, ORDERS).scopes(["profile"]),
            RefreshRequest::new(token.clone()),
        ] {
            let refused = handle.narrowed(&other).unwrap_err();
            assert_eq!((refused.code(), refused.new_refresh_token()), ("refresh_token_spent", Some(&next)));
        }
        assert!(handle.refresh(&token, None).is_err(), "a request for everything is another request, too");
        assert_eq!(world.count(EndpointName::Token), before + 1);
        let stock = handle.narrowed(&wanted(&next, STOCK)).unwrap();
        assert!(is_for(&world, &stock.tokens, STOCK) && !is_for(&world, &stock.tokens, ORDERS));
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_provider_that_keeps_refresh_tokens_gets_one_request_for_each_resource() {
    each(|world, handle| {
        world.change(|provider| provider.rotate_refresh_tokens(false));
        let token = log_in(&world, handle);
        let before = world.count(EndpointName::Token);
        for resource in [ORDERS, STOCK, ORDERS] {
            let refreshed = handle.narrowed(&wanted(&token, resource)).unwrap();
            assert!(is_for(&world, &refreshed.tokens, resource));
        }
        assert_eq!(world.count(EndpointName::Token), before + 3);
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_request_that_failed_does_not_block_another() {
    each(|world, handle| {
        let token = log_in(&world, handle);
        let refused = handle.narrowed(&wanted(&token, STOCK).scopes(["admin"])).unwrap_err();
        assert_eq!(refused.code(), "invalid_scope");
        assert!(is_for(&world, &handle.narrowed(&wanted(&token, STOCK)).unwrap().tokens, STOCK));

        // Nor does one that cannot be made, and it sends nothing.
        let token = log_in(&world, handle);
        let sent = world.sent();
        assert_eq!(handle.narrowed(&wanted(&token, "no URI")).unwrap_err().code(), "config_parameter");
        assert_eq!(world.sent(), sent);
        world.down(true);
        assert_eq!(handle.narrowed(&wanted(&token, ORDERS)).unwrap_err().code(), "no_response");
        world.down(false);
        world.clock.advance(2);
        assert!(handle.narrowed(&wanted(&token, STOCK)).is_ok());
    });
}

/// Two callers at the same time, with one refresh token: the second one waits.
#[test]
fn a_caller_waits_while_the_token_is_on_its_way_for_something_else() {
    for rotates in [true, false] {
        let world = World::new();
        world.change(|provider| provider.rotate_refresh_tokens(rotates));
        let handle = world.asynchronous().build().unwrap();
        let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
        let login = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
        let token = login.tokens.refresh_token.unwrap();
        let (orders, stock) = (wanted(&token, ORDERS), wanted(&token, STOCK));
        let sent = world.sent();
        let mut first = pin!(handle.refresh_with(&orders, None));
        assert!(poll(first.as_mut()).is_pending());
        while world.sent() == sent {
            world.step();
        }
        let mut second = pin!(handle.refresh_with(&stock, None));
        for _ in 0..5 {
            assert!(poll(second.as_mut()).is_pending());
        }
        assert_eq!(world.sent(), sent + 1, "the token is on its way");
        let came = world.finish(first).unwrap();
        assert!(is_for(&world, &came.tokens, ORDERS));
        let other = world.finish(second);
        match rotates {
            true => {
                let ProviderError::RefreshTokenSpent { next } = other.unwrap_err() else {
                    panic!("it is spent")
                };
                assert_eq!(next, came.tokens.refresh_token);
            }
            false => assert!(is_for(&world, &other.unwrap().tokens, STOCK)),
        }
        world.change(|provider| provider.assert_clean());
    }
}

/// An async handle, and a refresh token of a user.
fn scene() -> (World, oidc_drive::Provider, Secret) {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    let token = log_in(&world, &Async(handle.clone(), world.clone()));
    (world, handle, token)
}

/// A caller that has waited does not know whether the token is spent, so it does not send it.
#[test]
fn a_token_that_may_be_spent_is_not_sent_by_the_caller_that_has_waited() {
    let failures: [(u16, &str, &str); 4] = [
        (0, "", "no_response"),
        (502, "a page", "unavailable"),
        (503, "busy", "unavailable"),
        (500, r#"{"error": "invalid_grant"}"#, "invalid_grant"),
    ];
    for (status, body, code) in failures {
        let (world, handle, token) = scene();
        match status {
            0 => world.down(true),
            _ => world.change(|provider| {
                let failed = hostile::respond(status, "application/json", body);
                provider.alter_response(EndpointName::Token, failed);
            }),
        }
        let (orders, stock) = (wanted(&token, ORDERS), wanted(&token, STOCK));
        let sent = world.sent();
        let mut first = pin!(handle.refresh_with(&orders, None));
        assert!(poll(first.as_mut()).is_pending());
        while world.sent() == sent {
            world.step();
        }
        let mut second = pin!(handle.refresh_with(&stock, None));
        assert!(poll(second.as_mut()).is_pending());
        assert_eq!(world.finish(first).map(drop).unwrap_err().code(), code);
        assert_eq!(world.finish(second).map(drop).unwrap_err().code(), code, "the same reason");
        assert_eq!(world.sent(), sent + 1, "{status}");
    }
}

/// The first caller has not looked at its failure yet, so nobody else may have the token. The others come back later.
#[test]
fn two_callers_that_wait_for_a_request_that_is_refused_go_on_after_it() {
    let (world, handle, token) = scene();
    let refused = wanted(&token, STOCK).scopes(["admin"]);
    let (orders, stock) = (wanted(&token, ORDERS), wanted(&token, STOCK));
    let mut first = pin!(handle.refresh_with(&refused, None));
    let (mut second, mut third) =
        (pin!(handle.refresh_with(&orders, None)), pin!(handle.refresh_with(&stock, None)));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
    world.settle();
    for _ in 0..20 {
        assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
    }
    assert_eq!(world.finish(first).map(drop).unwrap_err().code(), "invalid_scope");
    world.timers.store(true, SeqCst);
    let came = world.finish(second).unwrap();
    assert!(is_for(&world, &came.tokens, ORDERS));
    let other = world.finish(third).map(drop).unwrap_err();
    assert_eq!(other.new_refresh_token(), came.tokens.refresh_token.as_ref());
    assert_eq!(world.count(EndpointName::Token), 3, "the code, and one request for each of two");
}

/// Whoever has no turn at all gets the reason of the request that had it, and not that the token was replaced.
#[test]
fn a_caller_without_a_turn_gets_the_real_reason() {
    for scope in ["admin", "root", "everything"] {
        let (world, handle, token) = scene();
        let (refused, stock) = (wanted(&token, STOCK).scopes([scope]), wanted(&token, STOCK));
        let mut first = pin!(handle.refresh_with(&refused, None));
        let mut second = pin!(handle.refresh_with(&stock, None));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        world.settle();
        // Every wait is over at once, and the first caller still has not looked.
        world.impatient.store(true, SeqCst);
        assert_eq!(world.finish(second).map(drop).unwrap_err().code(), "invalid_scope");
        assert_eq!(world.finish(first).map(drop).unwrap_err().code(), "invalid_scope");
    }
}

#[test]
fn service_tokens_are_kept_for_each_resource_and_each_right() {
    each(|world, handle| {
        world.change(|provider| provider.offer_details(&["payment"]));
        let payment = |action: &str| AuthorizationDetail::new("payment").actions([action.to_owned()]);
        let service = || ClientCredentialsRequest::new(["jobs"]);
        let requests = [
            service().resource(ORDERS),
            service().resource(STOCK),
            service().resource(STOCK).authorization_detail(payment("initiate")),
            service().resource(STOCK).authorization_detail(payment("status")),
        ];
        let tokens =
            |wanted: &ClientCredentialsRequest| handle.service(wanted).unwrap().value.access_token.clone();
        let first: Vec<_> = requests.iter().map(tokens).collect();
        let again: Vec<_> = requests.iter().map(tokens).collect();
        assert_eq!(first, again, "the second time, nothing is sent");
        assert_eq!(world.count(EndpointName::Token), requests.len());
        for (at, one) in first.iter().enumerate() {
            assert!(!first[..at].contains(one), "{at}");
        }
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_device_names_its_resource_at_the_handle() {
    let world = World::new();
    world.change(|provider| provider.allow_grant("app", DEVICE_GRANT));
    let handle = world.asynchronous().build().unwrap();
    let request = DeviceAuthorizationRequest::new(["openid"]).resource(STOCK);
    let device = world.finish(handle.device_authorization(&request)).unwrap();
    world.change(|provider| provider.enter_user_code(device.user_code(), true));
    world.timers.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut granted = pin!(handle.poll(device));
    for _ in 0..5 {
        assert!(poll(granted.as_mut()).is_pending(), "there is an interval");
    }
    world.clock.advance(5);
    let granted = world.finish(granted).unwrap();
    assert!(is_for(&world, &granted.tokens, STOCK) && granted.id_token.is_some());
    world.change(|provider| provider.assert_clean());
}
