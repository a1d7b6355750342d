//! Verification of access tokens, where an outage on our side never becomes a 401.

use super::colour::*;
use oidc_drive::ProviderError;
use oidc_proto::{
    Secret,
    flow::ClientCredentialsRequest,
    jose::AlgorithmSet,
    message::AuthorizationResponse,
    renew::RenewalPolicy,
    resource::{RequestView, ResourceServer, TrustedIssuer, Verdict},
    token::{Scratch, VerifiedAccessToken},
};
use oidc_testkit::{EndpointName, TestProvider, hostile};
use std::{pin::pin, task::Poll, time::Duration};

#[test]
fn a_valid_token_is_verified_and_its_keys_are_fetched_once() {
    each(|world, handle| {
        let token = world.token();
        for _ in 0..5 {
            assert_eq!(handle.subject(&token).as_deref(), Ok("app"));
        }
        assert_eq!(world.count(EndpointName::Jwks), 1);
    });
}

#[test]
fn after_a_rotation_new_tokens_are_accepted_at_once_and_forged_ones_cost_little() {
    each(|world, handle| {
        assert!(handle.subject(&world.token()).is_ok());
        world.change(TestProvider::rotate_keys);
        let new = world.token();
        assert_eq!(handle.subject(&new).as_deref(), Ok("app"));
        assert_eq!(world.count(EndpointName::Jwks), 2);
        world.change(|provider| {
            provider.alter_access_token(oidc_testkit::hostile::set_header_member("kid", "forged"));
        });
        let forged = world.token();
        for _ in 0..50 {
            let error = handle.subject(&forged).unwrap_err();
            assert!(matches!(error, ProviderError::AccessToken(_)), "{error}");
        }
        assert!(world.count(EndpointName::Jwks) <= 4, "{}", world.count(EndpointName::Jwks));
        assert_eq!(handle.subject(&new).as_deref(), Ok("app"));
    });
}

#[test]
fn an_outage_is_not_blamed_on_the_sender_of_a_token() {
    each(|world, handle| {
        let token = world.token();
        world.down(true);
        let error = handle.subject(&token).unwrap_err();
        assert_eq!(
            error,
            ProviderError::NoResponse(
                "https://op.example: openid-configuration at op.example:443: no route to host".to_owned()
            ),
            "no keys yet"
        );
        world.down(false);
        world.clock.advance(10);
        assert!(handle.subject(&token).is_ok());

        world.change(TestProvider::rotate_keys);
        let new = world.token();
        world.down(true);
        let error = handle.subject(&new).unwrap_err();
        assert_eq!(error.code(), "no_response", "the key may be a new one");
        assert!(handle.subject(&token).is_ok(), "the known keys serve");
    });
}

/// A slow renewal is our own problem, too: it is not known yet whether the key is forged.
#[test]
fn an_unfinished_renewal_is_no_reason_to_refuse_a_token() {
    let world = World::new();
    let mut policy = RenewalPolicy::KEYS;
    policy.patience = Duration::ZERO;
    let handle = world.blocking().key_policy(policy).build().unwrap();
    assert!(Handle::subject(&handle, &world.token()).is_ok());
    world.clock.advance(60);
    world.change(TestProvider::rotate_keys);
    let new = world.token();
    world.hold_jobs();
    assert_eq!(Handle::subject(&handle, &new).unwrap_err().code(), "unavailable");
    assert_eq!(world.run_jobs(), 1);
    assert!(Handle::subject(&handle, &new).is_ok());
}

#[test]
fn moved_keys_are_found_through_newer_metadata() {
    each(|world, handle| {
        let token = world.token();
        assert!(handle.subject(&token).is_ok());
        world.move_keys();
        world.change(TestProvider::rotate_keys_keeping_old);
        let new = world.token();
        assert_eq!(handle.subject(&new).as_deref(), Ok("app"));
        assert_eq!(world.count(EndpointName::Discovery), 2);
    });
}

#[test]
fn a_token_that_no_key_can_save_is_refused_without_a_request() {
    each(|world, handle| {
        world.change(|provider| provider.access_token_lifetime(60));
        let token = world.token();
        world.clock.advance(3_600);
        world.down(true);
        assert_eq!(handle.subject(&token).unwrap_err().code(), "token_expired");
        assert_eq!(handle.subject("not a token").unwrap_err().code(), "jws_not_compact");
        assert_eq!(world.sent(), 0);
    });
}

#[test]
fn no_token_is_verified_without_an_audience() {
    let world = World::new();
    let io = oidc_drive::blocking::Io::new(|_, _| Err::<http::Response<Vec<u8>>, _>("never asked"));
    let handle = oidc_drive::blocking::Provider::builder(ISSUER, io).build().unwrap();
    assert_eq!(Handle::subject(&handle, &world.token()), Err(ProviderError::NoAudience));
    let other = world.blocking().audience("https://other.example").build().unwrap();
    assert_eq!(Handle::subject(&other, &world.token()).unwrap_err().code(), "token_audience");
}

#[test]
fn other_demands_on_tokens_are_set_on_the_verifier() {
    let world = World::new();
    world.change(|provider| {
        provider.alter_access_token(oidc_testkit::hostile::set_header_member("typ", "JWT"));
    });
    let strict = world.blocking().build().unwrap();
    assert_eq!(Handle::subject(&strict, &world.token()).unwrap_err().code(), "token_typ");
    let lenient = world.blocking().access_tokens(|verifier| verifier.accept_plain_jwt()).build().unwrap();
    assert!(Handle::subject(&lenient, &world.token()).is_ok());
    // Two calls of a setting both count.
    let both = world
        .blocking()
        .access_tokens(|verifier| verifier.algorithms(AlgorithmSet::EMPTY))
        .access_tokens(|verifier| verifier.accept_plain_jwt());
    let refused = Handle::subject(&both.build().unwrap(), &world.token()).unwrap_err();
    assert_eq!(refused.code(), "jws_alg_not_allowed");
    let two =
        world.blocking().client_id("app").secret("a secret").client(|client| client.secret("two\nlines"));
    let two = two.client(|client| client.leeway(Duration::from_secs(5))).build().unwrap();
    let asked = two.client().map(drop).unwrap_err();
    assert_eq!(asked.code(), "config_characters", "the first of the two counts");
}

#[test]
fn keys_are_renewed_by_the_configured_policy_and_clock() {
    let world = World::new();
    let mut policy = RenewalPolicy::KEYS;
    (policy.min_ttl, policy.max_ttl) = (Duration::from_secs(600), Duration::from_secs(600));
    policy.refresh_ahead = Duration::ZERO;
    let handle = world.blocking().key_policy(policy).build().unwrap();
    let token = {
        world.change(|provider| provider.access_token_lifetime(7_200));
        world.token()
    };
    for (seconds, fetched) in [(0, 1), (599, 1), (2, 2), (598, 2), (2, 3)] {
        world.clock.advance(seconds);
        assert!(Handle::subject(&handle, &token).is_ok());
        assert_eq!(world.count(EndpointName::Jwks), fetched, "after {seconds} s more");
    }
}

/// A clock that is set back does not extend the life of keys, and a clock that is set right again does not
/// shorten it.
#[test]
fn a_clock_that_is_set_back_does_not_keep_old_keys_in_use() {
    each(|world, handle| {
        world.change(|provider| provider.access_token_lifetime(7_200));
        let token = world.token();
        let verified_at = |seconds: i64, fetched: usize| {
            world.clock.set(START.plus(seconds));
            assert!(handle.subject(&token).is_ok());
            world.settle();
            assert_eq!(world.count(EndpointName::Jwks), fetched, "at {seconds}");
        };
        verified_at(0, 1);
        verified_at(200, 1);
        // The keys are 200 s old by now, and are renewed after 243 to 270 s.
        verified_at(10, 1);
        verified_at(52, 1);
        verified_at(81, 2);
        verified_at(323, 2);
        verified_at(352, 3);
    });
}

#[test]
fn a_token_is_introspected_and_its_client_is_named() {
    each(|world, handle| {
        let said = handle.introspect(&world.token().into()).unwrap();
        assert!(said.active);
        assert_eq!(said.client_id.as_deref(), Some("app"));
        assert!(!handle.introspect(&"made up".into()).unwrap().active);
    });
}

#[test]
fn waits_for_keys_and_for_newer_keys_share_one_patience() {
    let world = World::new();
    world.change(|provider| {
        provider.alter_access_token(oidc_testkit::hostile::set_header_member("kid", "forged"));
    });
    let (handle, forged) = (world.asynchronous().build().unwrap(), world.token());
    let mut verifying = pin!(handle.verify(&forged, |_| ()));
    assert!(poll(verifying.as_mut()).is_pending());
    world.clock.advance(2);
    world.settle();
    assert!(poll(verifying.as_mut()).is_pending(), "the keys are there, and newer ones are under way");
    world.settle();
    let refused = poll(verifying.as_mut());
    assert!(matches!(refused, Poll::Ready(Err(ProviderError::AccessToken(_)))));
    let slept = lock(&world.slept).iter().map(|span| span.as_secs()).collect::<Vec<_>>();
    assert_eq!(slept, [3, 1]);
}

/// Keys are as old as they are, however far the clock is set back. If no newer keys can be fetched, it is
/// not known whether a key is forged.
#[test]
fn a_clock_that_was_set_back_is_no_reason_to_refuse_a_token_whose_key_may_be_new() {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    assert!(world.finish(handle.verify(&world.token(), |_| ())).is_ok());
    world.clock.advance(-86_400);
    world.change(|provider| provider.access_token_lifetime(200_000));
    world.change(TestProvider::rotate_keys);
    let new = world.token();
    world.clock.advance(40);
    let mut verifying = pin!(handle.verify(&new, |_| ()));
    let verdict = loop {
        // The job that fetches newer keys never runs.
        if let Poll::Ready(verdict) = poll(verifying.as_mut()) {
            break verdict;
        }
        lock(&world.background).clear();
    };
    assert_eq!(verdict.unwrap_err().code(), "unavailable");

    // Once they are fetched again, no newer keys are worth a request.
    world.clock.advance(30);
    assert!(world.finish(handle.verify(&new, |_| ())).is_ok());
    world.change(|provider| {
        provider.alter_access_token(oidc_testkit::hostile::set_header_member("kid", "forged"));
    });
    let forged = world.token();
    for _ in 0..5 {
        let refused = world.finish(handle.verify(&forged, |_| ()));
        assert!(matches!(refused, Err(ProviderError::AccessToken(_))), "{refused:?}");
    }
}

/// A server may share a handle, and use it in any task.
#[test]
fn a_handle_and_its_futures_may_be_moved_between_threads() {
    fn moved<T: Send>(future: T) -> T {
        future
    }
    fn shared<T: Send + Sync + Clone + 'static>(handle: T) -> T {
        handle
    }
    let world = World::new();
    let handle = shared(world.asynchronous().build().unwrap());
    let (wanted, secret) = (ClientCredentialsRequest::default(), Secret::new("a token"));
    drop(moved(handle.authorize(&request())));
    drop(moved(handle.refresh(&secret, None)));
    drop(moved(handle.client_credentials(&wanted)));
    drop(moved(handle.verify("a.b.c", |_| ())));
    drop(moved(handle.userinfo(&secret, "alice")));
    drop(moved(handle.introspect(&secret, None)));
    drop((moved(handle.keys()), moved(handle.metadata()), moved(handle.client())));
    let (_, pending) = world.finish(handle.authorize(&request())).unwrap();
    let response = AuthorizationResponse::from_query("code=one&state=another").unwrap();
    drop(moved(handle.callback(pending, response)));
    drop(shared(world.blocking().build().unwrap()));
}

/// A handle, a verifier of its own and a resource server read the same settings.
#[test]
fn a_preset_and_a_claim_for_scopes_serve_a_handle_as_they_serve_an_api() {
    let world = World::new();
    world.change(|provider| {
        provider.alter_access_token(hostile::set_header_member("typ", "JWT"));
        provider.alter_access_token(hostile::set_claim("permissions", serde_json::json!(["a b", "c"])));
        provider.alter_access_token(hostile::set_claim("scope", "orders.read"));
    });
    let token = world.token();
    let strict = world.blocking().build().unwrap();
    assert_eq!(Handle::subject(&strict, &token).unwrap_err().code(), "token_typ");
    let preset = || TrustedIssuer::keycloak(ISSUER);
    for (rules, scopes) in [
        (preset(), &["orders.read"][..]),
        (preset().scope_claim("permissions"), &["a b", "c"]),
        (preset().access_tokens(|tokens| tokens.scope_claim("permissions")), &["a b", "c"]),
        (preset().scope_claim("roles"), &[]),
    ] {
        let of = |token: &VerifiedAccessToken<'_>| token.scopes().map(str::to_owned).collect::<Vec<_>>();
        let handle = world.blocking().trust(rules.clone()).build().unwrap();
        let read = handle.verify(&token, of).unwrap();
        assert_eq!(read, scopes);
        let (keys, now) = (handle.keys().unwrap().value, world.clock.now());
        let verifier = rules.clone().for_audience(API);
        assert_eq!(
            verifier.verify(&token, &keys, &mut Scratch::new(), now).map(|token| of(&token)),
            Ok(read.clone())
        );
        let server = ResourceServer::builder(API).trust(rules).build().unwrap();
        let head =
            http::Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
        let (head, ()) = head.into_parts();
        let inspected = server.inspect(&RequestView::of(&head), &mut Scratch::new()).unwrap();
        let Verdict::Accepted(access) = server.judge(&inspected, &keys, &mut Scratch::new(), now) else {
            panic!("it is accepted");
        };
        assert_eq!(access.scopes().collect::<Vec<_>>(), read);
    }
    // The rules of another issuer are no rules for this one, and other settings go on.
    let other = world.blocking().trust(TrustedIssuer::keycloak("https://other.example")).build();
    assert_eq!(other.map(drop), Err(ProviderError::OtherIssuer("https://other.example".to_owned())));
    let narrowed =
        world.blocking().trust(preset()).access_tokens(|tokens| tokens.algorithms(AlgorithmSet::EMPTY));
    assert_eq!(
        Handle::subject(&narrowed.build().unwrap(), &token).unwrap_err().code(),
        "jws_alg_not_allowed"
    );
}
