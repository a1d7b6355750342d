//! Nodes that share their refreshes and ask for different things: nobody gets tokens for something else, or for another
//! key, and no refresh token is sent twice.

use super::{
    colour::*,
    nodes::{Spied, node, scene, shared, thread_node, why},
};
use oidc_drive::{ProviderError, source::Source, store::SharedRefreshError};
use oidc_proto::{
    Secret,
    flow::{DpopKey, RefreshRequest},
    jose::Algorithm,
};
use oidc_testkit::{EndpointName, hostile};
use serde_json::json;
use std::{pin::pin, sync::atomic::Ordering::SeqCst};

fn narrowed(token: &Secret) -> RefreshRequest {
    RefreshRequest::new(token.clone()).scopes(["openid"])
}

fn log_in(world: &World, handle: &dyn Handle) -> Secret {
    super::login::log_in(world, handle).tokens.refresh_token.expect("a refresh token")
}

fn spent(error: ProviderError) -> Option<Secret> {
    match error {
        ProviderError::RefreshTokenSpent { next } => next,
        other => panic!("{other}"),
    }
}

#[test]
fn a_node_that_asks_for_less_gets_the_next_token_and_no_tokens_of_another_request() {
    let (world, store, token, previous) = scene();
    let before = world.count(EndpointName::Token);
    let whole =
        thread_node(&world, shared(&store)).refresh(&token, Some(previous.clone())).expect("new tokens");
    let other = thread_node(&world, shared(&store)).refresh_with(&narrowed(&token), Some(previous.clone()));
    let next = spent(other.map(drop).unwrap_err());
    assert_eq!(next, whole.tokens.refresh_token, "the token to go on with");
    assert_eq!(world.count(EndpointName::Token), before + 1, "the old one is not sent again");
    let less = thread_node(&world, shared(&store));
    let less = less.refresh_with(&narrowed(&next.expect("a token")), Some(previous)).expect("less");
    assert_ne!(less.tokens.access_token, whole.tokens.access_token);
    // A third node that asks for the same gets the same; one that asks for everything does not.
    let token = whole.tokens.refresh_token.clone().expect("a token");
    let same = thread_node(&world, shared(&store)).refresh_with(&narrowed(&token), None).expect("the same");
    assert_eq!(same.tokens.access_token, less.tokens.access_token);
    let all = thread_node(&world, shared(&store)).refresh(&token, None);
    assert_eq!(spent(all.map(drop).unwrap_err()), less.tokens.refresh_token);
    assert_eq!(world.count(EndpointName::Token), before + 2);
    world.change(|provider| provider.assert_clean());
}

#[test]
fn without_rotation_each_request_has_its_own_tokens() {
    let (world, store, token, _) = scene();
    world.change(|provider| provider.rotate_refresh_tokens(false));
    let before = world.count(EndpointName::Token);
    let whole = thread_node(&world, shared(&store)).refresh(&token, None).expect("tokens");
    let less = thread_node(&world, shared(&store)).refresh_with(&narrowed(&token), None).expect("less");
    assert_ne!(less.tokens.access_token, whole.tokens.access_token);
    assert_eq!(world.count(EndpointName::Token), before + 2);
}

/// The tokens of one key are of no use to another, and neither is the refresh token that came with them.
#[test]
fn the_tokens_of_another_key_are_not_adopted() {
    let (world, store, mut token, _) = scene();
    world.change(|provider| provider.accept_dpop([Algorithm::EdDSA]));
    let key = |byte: u8| {
        let moment = oidc_proto::Moment::new(world.clock.now(), [byte; 32]);
        DpopKey::ed25519(moment).expect("a key")
    };
    for first in [None, Some(1), Some(2)] {
        let with = |byte: Option<u8>| {
            let node = thread_node(&world, shared(&store));
            byte.map_or_else(|| node.clone(), |byte| node.with_dpop_key(&key(byte)))
        };
        let came = with(first).refresh(&token, None).expect("new tokens");
        let before = world.count(EndpointName::Token);
        for byte in [None, Some(1), Some(2), Some(3)].into_iter().filter(|byte| *byte != first) {
            for wanted in [RefreshRequest::new(token.clone()), narrowed(&token)] {
                let error = with(byte).refresh_with(&wanted, None).map(drop).unwrap_err();
                assert_eq!((error.code(), error.new_refresh_token()), ("config_other_dpop_key", None));
            }
        }
        let same = with(first).refresh(&token, None).expect("the same tokens");
        assert_eq!(same.tokens.access_token, came.tokens.access_token);
        assert_eq!(world.count(EndpointName::Token), before);
        token = log_in(&world, &thread_node(&world, shared(&store)));
    }
}

/// What says nothing about the token is not that the token was replaced.
#[test]
fn a_caller_for_something_else_gets_the_failure_of_the_store() {
    for text in ["all", "a part", "a part again"] {
        let (world, store, token, _) = scene();
        let handle = node(&world, shared(&store));
        world.finish(handle.keys()).expect("keys");
        let (all, part) = (RefreshRequest::new(token.clone()), narrowed(&token));
        let (one, two) = if text == "all" { (all, part) } else { (part, all) };
        let mut first = pin!(handle.refresh_with(&one, None));
        let mut second = pin!(handle.refresh_with(&two, None));
        store.down.store(true, SeqCst);
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        let before = world.count(EndpointName::Token);
        for error in [world.finish(first), world.finish(second)] {
            assert_eq!(error.map(drop).unwrap_err().code(), "store_no_answer", "{text}");
        }
        assert_eq!(world.count(EndpointName::Token), before);
    }
}

#[test]
fn a_node_that_asks_for_something_else_learns_that_the_response_was_not_believed() {
    for (member, value) in [("scope", json!(7)), ("expires_in", json!("soon")), ("token_type", json!([]))] {
        let (world, store, token, _) = scene();
        world.change(|provider| {
            provider.alter_response(EndpointName::Token, hostile::set_member(member, value));
        });
        let first = thread_node(&world, shared(&store)).refresh(&token, None).map(drop).unwrap_err();
        let new = first.new_refresh_token().cloned().expect("it is not lost");
        let other = thread_node(&world, shared(&store)).refresh_with(&narrowed(&token), None).map(drop);
        assert_eq!(why(other.unwrap_err()), SharedRefreshError::NotBelieved(Some(new)), "{member}");
    }
}

/// A node whose platform gives no credential sends nothing, and leaves the token to the next node.
#[test]
fn a_node_without_a_credential_sends_nothing_and_the_next_node_goes_on() {
    let (world, store, token, _) = scene();
    let before = world.count(EndpointName::Token);
    let source = Source::environment("OIDC_NOBODY_SETS_THIS");
    let node = |store: &Spied| {
        world
            .blocking()
            .assertion_source(source.clone())
            .shared_refreshes(shared(store))
            .build()
            .expect("settings")
    };
    assert_eq!(node(&store).refresh(&token, None).map(drop).unwrap_err().code(), "source_environment");
    assert_eq!(world.count(EndpointName::Token), before);
    assert!(thread_node(&world, shared(&store)).refresh(&token, None).expect("new tokens").rotated);
    world.change(|provider| provider.assert_clean());
}
