//! Backchannel authentication by either handle.

use super::colour::*;
use oidc_drive::ProviderError;
use oidc_proto::flow::{
    BackchannelAuthenticationRequest, ClientNotification, Delivery, DeliveryMode, NotificationError,
};
use oidc_testkit::EndpointName;
use std::sync::atomic::Ordering::SeqCst;

fn wanted(mode: DeliveryMode) -> BackchannelAuthenticationRequest {
    BackchannelAuthenticationRequest::login_hint("alice").delivery_mode(mode)
}

fn notification(world: &World) -> ClientNotification {
    let sent = world.change(oidc_testkit::TestProvider::take_notifications);
    let [request] = &sent[..] else { panic!("one notification: {}", sent.len()) };
    ClientNotification::read(request).unwrap()
}

/// The story of a notification, to the letter the same for both handles. `finish` carries a future out, or is nothing.
macro_rules! notified {
    ($world:ident, $provider:ident, $finish:expr) => {{
        for (mode, requests) in [(DeliveryMode::Ping, 1), (DeliveryMode::Push, 0)] {
            $world.change(|provider| provider.allow_backchannel("app", mode.name()));
            let before = $world.count(EndpointName::Token);
            let asked = $finish($provider.backchannel_authentication(&wanted(mode))).unwrap();
            $world.change(|provider| provider.decide(asked.auth_req_id().expose(), true));
            let told = notification(&$world);
            let delivery = $finish($provider.receive_backchannel(&asked, &told)).unwrap().unwrap();
            let login = $finish($provider.backchannel_tokens(asked, delivery)).unwrap();
            assert_eq!(login.id_token.sub, "alice");
            assert_eq!($world.count(EndpointName::Token) - before, requests, "{mode:?}");

            // A notification for another authentication is answered with 401, and ends nothing.
            let other = $finish($provider.backchannel_authentication(&wanted(mode))).unwrap();
            let refused = $finish($provider.receive_backchannel(&other, &told)).unwrap().unwrap_err();
            assert_eq!((&refused, refused.response().status().as_u16()), (&NotificationError::Token, 401));
        }
        // The keys were fetched once, and kept.
        assert_eq!($world.count(EndpointName::Jwks), 1);

        let asked = $finish($provider.backchannel_authentication(&wanted(DeliveryMode::Push))).unwrap();
        $world.change(|provider| provider.decide(asked.auth_req_id().expose(), false));
        let told = notification(&$world);
        let delivery = $finish($provider.receive_backchannel(&asked, &told)).unwrap().unwrap();
        assert!(matches!(delivery, Delivery::Failed(_)));
        let denied = $finish($provider.backchannel_tokens(asked, delivery)).unwrap_err();
        assert_eq!(denied.code(), "access_denied");
        $world.down(true);
        let lost = $finish($provider.backchannel_authentication(&wanted(DeliveryMode::Push))).unwrap_err();
        assert!(matches!(lost, ProviderError::NoResponse(_)));
        $world.down(false);
        $world.change(|provider| provider.assert_clean());
    }};
}

#[test]
fn a_notification_brings_the_tokens_by_the_async_handle() {
    let world = World::new();
    let provider = world.asynchronous().build().expect("settings that fit");
    notified!(world, provider, |future| world.finish(future));
}

#[test]
fn a_notification_brings_the_tokens_by_the_blocking_handle() {
    let world = World::new();
    let provider = world.blocking().build().expect("settings that fit");
    notified!(world, provider, std::convert::identity);
}

#[test]
fn a_handle_polls_until_the_user_has_decided() {
    for agrees in [true, false] {
        let world = World::new();
        world.impatient.store(true, SeqCst);
        world.change(|provider| provider.allow_backchannel("app", "poll"));
        let provider = world.asynchronous().build().expect("settings that fit");
        let asked = world.finish(provider.backchannel_authentication(&wanted(DeliveryMode::Poll))).unwrap();
        world.change(|provider| provider.decide(asked.auth_req_id().expose(), agrees));
        let login = world.finish(provider.poll_backchannel(asked));
        match login {
            Ok(login) => assert!(agrees && login.id_token.sub == "alice"),
            Err(error) => assert!(!agrees && error.code() == "access_denied", "{error}"),
        }
        assert_eq!(lock(&world.slept).last().map(std::time::Duration::as_secs), Some(5), "it waits first");
        world.change(|provider| provider.assert_clean());
    }
}
