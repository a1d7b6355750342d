//! Spent refresh tokens: one request spends a token, whatever the clock and the network do in the meantime.

use super::colour::*;
use oidc_drive::{Event, Observer, ProviderError};
use oidc_proto::{
    Secret,
    flow::{ClientCredentialsRequest, Endpoint},
};
use oidc_testkit::{EndpointName, SimClock, hostile};
use std::{
    mem::take,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    task::Poll,
};

/// Makes the clock jump by this many seconds, once, at the first event of this kind.
#[derive(Clone, Default)]
struct Jump(Arc<AtomicI64>, Arc<Mutex<Option<SimClock>>>);

impl Jump {
    fn world(at: fn(&Event) -> bool) -> (Self, World) {
        let jump = Self::default();
        let told = jump.clone();
        let observer = Observer::new(move |event| {
            if let (true, Some(clock)) = (at(event), &*lock(&told.1)) {
                clock.advance(told.0.swap(0, SeqCst));
            }
        });
        let world = World { observer, ..World::new() };
        *lock(&jump.1) = Some(world.clock.clone());
        (jump, world)
    }

    fn by(&self, seconds: i64) {
        self.0.store(seconds, SeqCst);
    }
}

fn log_in(world: &World, handle: &dyn Handle) -> Secret {
    let (url, pending) = handle.authorize().expect("a provider that is up");
    let login = handle.callback(pending, world.visit(&url)).expect("a login");
    login.tokens.refresh_token.expect("a refresh token")
}

/// A handle, and a refresh token that another caller has sent and that is not answered yet.
fn under_way(world: &World) -> (oidc_drive::Provider, Secret) {
    let handle = world.asynchronous().build().unwrap();
    let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
    let login = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
    let token = login.tokens.refresh_token.unwrap();
    let sent = world.sent();
    assert!(poll(pin!(handle.refresh(&token, None))).is_pending());
    while world.sent() == sent {
        world.step();
    }
    (handle, token)
}

/// A second passes between the end of a refresh and the check of a waiting caller.
#[test]
fn the_reason_of_a_failed_refresh_is_reported_even_a_second_later() {
    for down in [true, false] {
        for colour in 0..2 {
            let (jump, world) = Jump::world(|event| matches!(event, Event::Renewed { what: "refresh", .. }));
            let handle = &*world.both()[colour];
            log_in(&world, handle);
            world.down(down);
            jump.by(1);
            let error = handle.refresh(&"made up".into(), None).map(drop).unwrap_err();
            assert_eq!(error.code(), if down { "no_response" } else { "invalid_grant" }, "{error}");
        }
    }
}

/// A second that passes in the meantime does not start another attempt: the token may have arrived.
#[test]
fn a_caller_that_waits_for_a_failing_refresh_does_not_send_the_token_again() {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    world.finish(handle.keys()).unwrap();
    let token: Secret = "a token".into();
    let (mut first, mut second) = (pin!(handle.refresh(&token, None)), pin!(handle.refresh(&token, None)));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    world.down(true);
    let before = world.sent();
    world.settle();
    assert_eq!(world.sent(), before + 1);
    world.clock.advance(1);
    for waiting in [first, second] {
        let Poll::Ready(Err(error)) = poll(waiting) else { panic!("it is over") };
        assert_eq!(
            error,
            ProviderError::NoResponse(
                "https://op.example: token_endpoint at op.example:443: no route to host".to_owned()
            )
        );
    }
    world.settle();
    assert_eq!(world.sent(), before + 1, "no caller asked for that");
    // A new call is a decision to try again.
    world.down(false);
    assert_eq!(world.finish(handle.refresh(&token, None)).map(drop).unwrap_err().code(), "invalid_grant");
    assert_eq!(world.sent(), before + 2);
}

#[test]
fn a_refresh_during_which_the_clock_jumps_is_not_lost() {
    for (colour, seconds) in [(0, 3_500), (0, -3_600), (1, 3_500), (1, -3_600)] {
        let at = |event: &Event| matches!(event, Event::Sent { to, .. } if to.endpoint == Endpoint::Token);
        let (jump, world) = Jump::world(at);
        let handle = &*world.both()[colour];
        let token = log_in(&world, handle);
        let before = world.count(EndpointName::Token);
        jump.by(seconds);
        let first = handle.refresh(&token, None).expect("new tokens");
        let again = handle.refresh(&token, None).expect("the same ones");
        assert!(first.rotated && Arc::ptr_eq(&first, &again));
        assert_eq!(world.count(EndpointName::Token), before + 1);
        world.clock.advance(59);
        assert!(Arc::ptr_eq(&first, &handle.refresh(&token, None).expect("for a minute from then on")));
        world.change(|provider| provider.assert_clean());
        world.clock.advance(2);
        assert_eq!(
            handle.refresh(&token, None).map(drop).unwrap_err().code(),
            "invalid_grant",
            "not any longer"
        );
    }
}

#[test]
fn a_clock_that_jumps_while_a_token_is_on_its_way_causes_no_second_request() {
    let world = World::new();
    let (handle, token) = under_way(&world);
    let sent = world.sent();
    world.clock.advance(100);
    let Poll::Ready(Err(error)) = poll(pin!(handle.refresh(&token, None))) else { panic!("it is late") };
    let ProviderError::Unavailable(unavailable) = error else { panic!("{error}") };
    assert_eq!(unavailable.until, world.clock.now().plus(30), "another caller still uses it");
    world.settle();
    let refreshed = world.finish(handle.refresh(&token, None)).expect("what came of it");
    assert!(refreshed.rotated);
    assert_eq!(world.sent(), sent, "the keys are known");
    world.change(|provider| provider.assert_clean());
}

#[test]
fn a_caller_that_waits_for_an_aborted_refresh_does_not_send_the_token_again() {
    let world = World::new();
    let (handle, token) = under_way(&world);
    let sent = world.sent();
    let mut waiting = pin!(handle.refresh(&token, None));
    assert!(poll(waiting.as_mut()).is_pending());
    drop(take(&mut *lock(&world.background)));
    let Poll::Ready(Err(error)) = poll(waiting.as_mut()) else { panic!("there is nothing to wait for") };
    assert!(matches!(error, ProviderError::Unavailable(_)), "{error}");
    world.settle();
    assert_eq!(world.sent(), sent);
}

/// Many providers that do not rotate return the same refresh token each time.
#[test]
fn a_refresh_token_that_is_returned_unchanged_is_not_spent() {
    each(|world, handle| {
        world.change(|provider| provider.rotate_refresh_tokens(false));
        let token = log_in(&world, handle);
        let same = hostile::set_member("refresh_token", token.expose());
        world.change(|provider| provider.alter_response(EndpointName::Token, same));
        let first = handle.refresh(&token, None).unwrap();
        let second = handle.refresh(&token, None).unwrap();
        assert!(first.tokens.refresh_token == Some(token.clone()));
        assert_ne!(first.tokens.access_token, second.tokens.access_token);
    });
}

/// After a login, a program may use its provider only to verify tokens.
#[test]
fn the_result_of_a_refresh_is_forgotten_after_its_minute_whatever_follows() {
    type Next = fn(&World, &dyn Handle);
    let nexts: [Next; 2] = [
        |world, handle| drop(handle.subject(&world.token())),
        |_, handle| drop(handle.service(&ClientCredentialsRequest::new(["api:read"]))),
    ];
    for next in nexts {
        each(|world, handle| {
            let token = log_in(&world, handle);
            next(&world, handle);
            let refreshed = handle.refresh(&token, None).expect("new tokens");
            let kept = Arc::downgrade(&refreshed);
            drop(refreshed);
            world.clock.advance(61);
            next(&world, handle);
            assert!(kept.upgrade().is_none());
        });
    }
}

#[test]
fn an_impatient_caller_learns_that_the_refresh_is_not_over() {
    let world = World::new();
    let (handle, token) = under_way(&world);
    let sent = world.sent();
    world.impatient.store(true, SeqCst);
    let Poll::Ready(Err(error)) = poll(pin!(handle.refresh(&token, None))) else { panic!("no patience") };
    assert_eq!(error.code(), "unavailable");
    world.impatient.store(false, SeqCst);
    assert!(world.finish(handle.refresh(&token, None)).expect("what came of it").rotated);
    assert_eq!(world.sent(), sent);
}

/// However often a refresh breaks off before the token was sent, no caller has to wait for a lease to
/// expire.
#[test]
fn a_refresh_that_is_aborted_again_and_again_leaves_no_lease_behind() {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
    let login = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
    let token = login.tokens.refresh_token.unwrap();
    for _ in 0..20 {
        assert!(poll(pin!(handle.refresh(&token, None))).is_pending());
        assert_eq!(take(&mut *lock(&world.background)).len(), 1);
    }
    assert!(world.finish(handle.refresh(&token, None)).expect("new tokens").rotated);
    world.change(|provider| provider.assert_clean());
}
