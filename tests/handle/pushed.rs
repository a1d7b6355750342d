//! Logins at a provider that demands pushed or signed requests: a program does nothing for them.

use super::{colour::*, login::log_in};
use oidc_drive::ProviderError;
use oidc_testkit::{EndpointName, TestProvider, hostile};

const PUSHED: EndpointName = EndpointName::PushedAuthorizationRequest;

fn carried(url: &url::Url) -> Vec<String> {
    url.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

#[test]
fn a_provider_that_demands_pushed_requests_needs_no_other_code() {
    each(|world, handle| {
        world.change(|provider| provider.require_pushed_requests(true));
        for pushed in 1..=3 {
            let (url, pending) = handle.authorize().unwrap();
            assert_eq!(carried(&url), ["client_id", "request_uri"]);
            assert_eq!(handle.callback(pending, world.visit(&url)).unwrap().id_token.sub, "alice");
            assert_eq!(world.count(PUSHED), pushed, "each login has a reference of its own");
        }
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_registration_that_demands_pushed_requests_pushes_at_any_provider() {
    let world = World::new();
    for handle in world.both_with(|client| client.require_pushed_authorization_requests()) {
        assert_eq!(log_in(&world, &*handle).id_token.sub, "alice");
    }
    assert_eq!(world.count(PUSHED), 2);
    for handle in world.both() {
        assert_eq!(log_in(&world, &*handle).id_token.sub, "alice");
    }
    assert_eq!(world.count(PUSHED), 2, "nobody else pushes");
    world.change(|provider| provider.assert_clean());
}

#[test]
fn a_provider_that_demands_pushed_and_signed_requests_gets_both() {
    let world = World::new();
    world.change(|provider| {
        provider.require_pushed_requests(true);
        provider.require_signed_requests(true);
        let registration = oidc_testkit::Registration::basic("app", "its secret").redirect_uri(CALLBACK);
        let (_, jwk) = oidc_testkit::KeyRing::client_key(oidc_testkit::Algorithm::ES256);
        provider.register(registration.request_object_key(jwk));
    });
    let key = |client: oidc_proto::flow::ClientBuilder| {
        client.request_object_signer(oidc_testkit::KeyRing::client_key(oidc_testkit::Algorithm::ES256).0)
    };
    for handle in world.both_with(key) {
        assert_eq!(log_in(&world, &*handle).id_token.sub, "alice");
    }
    world.change(|provider| {
        let pushed = provider.requests().iter().filter(|seen| seen.endpoint == PUSHED);
        let signed = pushed.filter(|seen| seen.parameter("request").is_some()).count();
        assert_eq!(signed, 2);
        provider.assert_clean();
    });
    // Without a key, the error says what to do.
    for handle in world.both() {
        let refused = handle.authorize().unwrap_err();
        assert_eq!(refused.code(), "config_signed_requests_only");
    }
}

#[test]
fn a_push_that_fails_says_why_and_the_next_one_is_anew() {
    each(|world, handle| {
        world.change(|provider| provider.require_pushed_requests(true));
        log_in(&world, handle);
        world.down(true);
        let lost = handle.authorize().unwrap_err();
        let ProviderError::NoResponse(text) = &lost else { panic!("{lost}") };
        assert!(text.contains("pushed_authorization_request_endpoint at op.example:443"), "{text}");
        world.down(false);
        for (change, code) in [(503, "unavailable"), (400, "invalid_request"), (401, "invalid_client")] {
            let refuse = hostile::oauth_error(change, code);
            world.change(|provider| provider.alter_response(PUSHED, refuse));
            assert_eq!(handle.authorize().unwrap_err().code(), code);
            world.change(TestProvider::clear_alterations);
        }
        let sent = world.count(PUSHED);
        log_in(&world, handle);
        assert_eq!(world.count(PUSHED), sent + 1);
    });
}

#[test]
fn a_provider_that_begins_to_demand_pushed_requests_gets_them_with_its_new_metadata() {
    each(|world, handle| {
        log_in(&world, handle);
        world.change(|provider| provider.require_pushed_requests(true));
        world.clock.advance(2 * 24 * 3_600);
        // The first call may still use the old metadata, while the new ones are fetched.
        drop(handle.authorize());
        world.settle();
        assert_eq!(log_in(&world, handle).id_token.sub, "alice");
        assert!(world.count(PUSHED) > 0);
    });
}
