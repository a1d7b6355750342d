//! Nodes that share their refreshes and ask for different things: nobody gets tokens for something else, or for another
//! key, and no refresh token is sent twice.

use super::nodes::{Spied, scene, shared, thread_node};
use oidc_drive::{ProviderError, source::Source};
use oidc_proto::{
    Secret,
    flow::{DpopKey, RefreshRequest},
};
use oidc_testkit::EndpointName;

fn narrowed(token: &Secret) -> RefreshRequest {
    RefreshRequest::new(token.clone()).scopes(["openid"])
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

/// The tokens of one key are of no use to another.
#[test]
fn the_tokens_of_another_key_are_not_adopted() {
    let (world, store, token, _) = scene();
    let key = |byte: u8| {
        let moment = oidc_proto::Moment::new(world.clock.now(), [byte; 32]);
        DpopKey::ed25519(moment).expect("a key")
    };
    thread_node(&world, shared(&store)).refresh(&token, None).expect("new tokens");
    let before = world.count(EndpointName::Token);
    for byte in [1, 2, 3] {
        let other = thread_node(&world, shared(&store)).with_dpop_key(&key(byte));
        assert!(spent(other.refresh(&token, None).map(drop).unwrap_err()).is_some());
    }
    assert_eq!(world.count(EndpointName::Token), before);
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
