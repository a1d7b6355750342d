//! How often a request is sent if the credentials come from a source: the handle repeats it, and the flow does not.

use super::{colour::*, login::log_in, sourced::Platform};
use oidc_drive::{ProviderBuilder, source::Source};
use oidc_proto::{
    Error, Secret,
    flow::{
        AssertionGrantRequest, BackchannelAuthenticationRequest, ClientCredentialsRequest,
        ClientNotification, DeliveryMode, DeviceAuthorizationRequest,
    },
    jose::Algorithm,
};
use oidc_testkit::{DEVICE_GRANT, EndpointName, JWT_BEARER_GRANT, KeyRing, hostile};
use std::{
    future::ready,
    pin::pin,
    sync::{Arc, atomic::Ordering::SeqCst},
};

/// The secret of the client, read anew for each attempt.
fn vault() -> Source {
    Source::from_fn("the vault", || ready(Ok::<Secret, String>("its secret".into())))
}

fn proving<W>(builder: ProviderBuilder<W>, userinfo: bool) -> ProviderBuilder<W> {
    let (key, _) = KeyRing::client_key(Algorithm::ES256);
    builder.client(move |client| {
        let client = client.dpop_key(Arc::clone(&key));
        if userinfo { client.fetch_userinfo() } else { client }
    })
}

/// Both handles, with a secret from the vault and a DPoP key.
fn each_sourced(userinfo: bool, story: impl Fn(World, &dyn Handle)) {
    let world = || {
        let world = World::new();
        world.change(|provider| provider.accept_dpop([Algorithm::ES256]));
        world
    };
    let here = world();
    let handle = proving(here.asynchronous().secret_source(vault()), userinfo).build().expect("settings");
    story(here.clone(), &Async(handle, here));
    let here = world();
    let handle = proving(here.blocking().secret_source(vault()), userinfo).build().expect("settings");
    story(here, &handle);
}

/// Another nonce is wanted, always.
fn never_content(world: &World, endpoint: EndpointName, status: u16) {
    let refuse = move |response: &mut http::Response<Vec<u8>>| {
        hostile::respond(status, "application/json", r#"{"error": "use_dpop_nonce"}"#)(response);
        let headers = response.headers_mut();
        headers.insert("dpop-nonce", http::HeaderValue::from_static("newest"));
        headers.insert("www-authenticate", http::HeaderValue::from_static(r#"DPoP error="use_dpop_nonce""#));
    };
    world.change(|provider| provider.alter_response(endpoint, refuse));
}

#[test]
fn another_nonce_is_sent_once_and_not_by_the_flow_too() {
    each_sourced(false, |world, handle| {
        let refresh = log_in(&world, handle).tokens.refresh_token.expect("a refresh token");
        let (url, pending) = handle.authorize().expect("a URL");
        let back = world.visit(&url);
        never_content(&world, EndpointName::Token, 400);
        let count = |send: &dyn Fn() -> Outcome<()>| {
            let before = world.count(EndpointName::Token);
            assert_eq!(send().unwrap_err().code(), "use_dpop_nonce");
            world.count(EndpointName::Token) - before
        };
        assert_eq!(count(&|| handle.callback(pending.clone(), back.clone()).map(drop)), 2, "a code");
        assert_eq!(count(&|| handle.refresh(&refresh, None).map(drop)), 2, "a refresh token");
        let wanted = ClientCredentialsRequest::new(["api:read"]);
        assert_eq!(count(&|| handle.service(&wanted).map(drop)), 2, "no token at all");
    });
}

#[test]
fn a_busy_provider_is_asked_four_times_and_not_sixteen() {
    for status in [503, 429] {
        let world = World::new();
        let handle = world.asynchronous().secret_source(vault()).build().expect("settings");
        let handle = Async(handle, world.clone());
        world.impatient.store(true, SeqCst);
        for endpoint in [EndpointName::Revocation, EndpointName::Introspection] {
            let busy = hostile::respond(status, "text/plain", "busy");
            world.change(|provider| provider.alter_response(endpoint, busy));
        }
        assert_eq!(handle.revoke(&"a token".into()).unwrap_err().code(), "unavailable");
        assert_eq!(world.count(EndpointName::Revocation), 4);
        assert_eq!(handle.introspect(&"a token".into()).unwrap_err().code(), "unavailable");
        assert_eq!(world.count(EndpointName::Introspection), 4);
    }
}

#[test]
fn the_token_of_a_workload_is_sent_twice_at_most() {
    for sourced in [false, true] {
        let world = World::new();
        world.change(|provider| provider.allow_grant("app", JWT_BEARER_GRANT));
        never_content(&world, EndpointName::Token, 400);
        let builder = proving(world.asynchronous(), false);
        let builder = if sourced { builder.secret_source(vault()) } else { builder };
        let source = Source::from_fn("the platform", || ready(Ok::<Secret, String>("a token".into())));
        let tokens = builder.build().expect("settings").workload(source, AssertionGrantRequest::jwt);
        assert_eq!(world.finish(tokens.token()).map(drop).unwrap_err().code(), "use_dpop_nonce");
        assert_eq!(world.count(EndpointName::Token), 2, "sourced: {sourced}");
    }
}

/// The code is spent by then. Sent again, it would end the session that has just begun.
#[test]
fn another_nonce_at_the_userinfo_endpoint_does_not_send_the_code_again() {
    each_sourced(true, |world, handle| {
        let (url, pending) = handle.authorize().expect("a URL");
        let back = world.visit(&url);
        never_content(&world, EndpointName::UserInfo, 401);
        let error = handle.callback(pending, back).map(drop).unwrap_err();
        let oidc_drive::ProviderError::Protocol(inner) = &error else { panic!("{error}") };
        assert!(matches!(inner, Error::OAuth(_)), "{error}");
        assert_eq!(error.code(), "use_dpop_nonce");
        assert_eq!((world.count(EndpointName::Token), world.count(EndpointName::UserInfo)), (1, 2));
    });
}

/// The platform gives each of its tokens once, and the provider takes each of them once.
#[test]
fn a_device_is_asked_for_with_a_new_token_of_the_platform_each_time() {
    for pending in [1, 2, 3] {
        let world = World::new();
        let platform = Platform::trusted(&world);
        world.change(|provider| provider.allow_grant("app", DEVICE_GRANT));
        world.timers.store(true, SeqCst);
        let handle = world.asynchronous().assertion_source(platform.source()).build().expect("settings");
        let asked = DeviceAuthorizationRequest::new(["openid"]);
        let device = world.finish(handle.device_authorization(&asked)).expect("a device");
        let code = device.user_code().to_owned();
        let mut granted = pin!(handle.poll(device));
        for polls in 0..=pending {
            for _ in 0..20 {
                assert!(poll(granted.as_mut()).is_pending(), "there is an interval");
            }
            assert_eq!(world.count(EndpointName::Token), polls);
            if polls == pending {
                world.change(|provider| provider.enter_user_code(&code, true));
            }
            world.clock.advance(5);
        }
        assert!(world.finish(granted).expect("tokens").id_token.is_some());
        assert_eq!(world.count(EndpointName::Token), pending + 1);
        assert_eq!(platform.given(), pending + 2, "one for each request");
        world.change(|provider| provider.assert_clean());
    }
}

#[test]
fn a_user_elsewhere_is_asked_for_with_a_new_token_of_the_platform_each_time() {
    for (mode, pending) in [(DeliveryMode::Poll, 0), (DeliveryMode::Poll, 2), (DeliveryMode::Ping, 0)] {
        let world = World::new();
        let platform = Platform::trusted(&world);
        world.change(|provider| provider.allow_backchannel("app", mode.name()));
        world.timers.store(true, SeqCst);
        let handle = world.asynchronous().assertion_source(platform.source()).build().expect("settings");
        let wanted = BackchannelAuthenticationRequest::login_hint("alice").delivery_mode(mode);
        let asked = world.finish(handle.backchannel_authentication(&wanted)).expect("it is asked");
        let id = asked.auth_req_id().expose().to_owned();
        let decide = || world.change(|provider| provider.decide(&id, true));
        let login = if mode == DeliveryMode::Ping {
            decide();
            let told = world.change(oidc_testkit::TestProvider::take_notifications);
            let told = ClientNotification::read(&told[0]).expect("a notification");
            let delivery = world.finish(handle.receive_backchannel(&asked, &told)).expect("metadata");
            world.finish(handle.backchannel_tokens(asked, delivery.expect("a ping")))
        } else {
            let mut login = pin!(handle.poll_backchannel(asked));
            for polls in 0..=pending {
                for _ in 0..20 {
                    assert!(poll(login.as_mut()).is_pending(), "there is an interval");
                }
                assert_eq!(world.count(EndpointName::Token), polls);
                if polls == pending {
                    decide();
                }
                world.clock.advance(5);
            }
            world.finish(login)
        };
        assert_eq!(login.expect("tokens").id_token.sub, "alice");
        assert_eq!(platform.given(), pending + 2, "one for each request");
        world.change(|provider| provider.assert_clean());
    }
}

/// A nonce that is demanded in the middle costs one more token of the platform, and no more.
#[test]
fn another_nonce_while_a_device_is_asked_for_is_sent_once() {
    let world = World::new();
    let platform = Platform::trusted(&world);
    world.change(|provider| provider.allow_grant("app", DEVICE_GRANT));
    let builder = proving(world.asynchronous().assertion_source(platform.source()), false);
    let handle = builder.build().expect("settings");
    let device = world
        .finish(handle.device_authorization(&DeviceAuthorizationRequest::new(["openid"])))
        .expect("a device");
    never_content(&world, EndpointName::Token, 400);
    world.impatient.store(true, SeqCst);
    let error = world.finish(handle.poll(device)).map(drop).unwrap_err();
    assert_eq!(error.code(), "use_dpop_nonce");
    assert_eq!((world.count(EndpointName::Token), platform.given()), (2, 3));
}
