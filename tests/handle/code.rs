//! A code is sent once, however often and however soon its callback comes again.

use super::colour::*;
use oidc_drive::{Event, Observer, ProviderError};
use oidc_proto::{Secret, flow::PendingAuthorization, message::AuthorizationResponse};
use oidc_testkit::{EndpointName, hostile};
use std::{
    mem::take,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    thread,
};

/// The same login with one of its secrets changed.
fn altered(pending: &PendingAuthorization, member: &str) -> PendingAuthorization {
    let mut saved = serde_json::to_value(pending).unwrap();
    let text = saved[member].as_str().unwrap();
    let last = if text.ends_with('A') { "B" } else { "A" };
    saved[member] = format!("{}{last}", &text[..text.len() - 1]).into();
    serde_json::from_value(saved).unwrap()
}

fn token_requests(world: &World) -> usize {
    world.count(EndpointName::Token)
}

/// A reloaded page, or a cookie that was removed too late.
#[test]
fn a_repeated_callback_leads_to_the_same_login_for_a_minute() {
    each(|world, handle| {
        let (url, pending) = handle.authorize().unwrap();
        let response = world.visit(&url);
        let first = handle.callback(pending.clone(), response.clone()).unwrap();
        let sent = world.sent();
        for _ in 0..3 {
            let again = handle.callback(pending.clone(), response.clone()).unwrap();
            assert_eq!(first.tokens.access_token, again.tokens.access_token);
            assert_eq!(first.id_token.sub, again.id_token.sub);
        }
        world.clock.advance(59);
        assert!(handle.callback(pending.clone(), response.clone()).is_ok());
        assert_eq!((world.sent(), token_requests(&world)), (sent, 1));
        world.change(|provider| provider.assert_clean());
        // After that minute, the result is forgotten, and so is the fact that the code was sent.
        world.clock.advance(2);
        assert_eq!(handle.callback(pending, response).unwrap_err().code(), "invalid_grant");
    });
}

/// A caller with another pending login gets nothing, and its request does not send the code.
#[test]
fn a_login_is_returned_only_to_its_own_session() {
    each(|world, handle| {
        let (url, pending) = handle.authorize().unwrap();
        let response = world.visit(&url);
        handle.callback(pending.clone(), response.clone()).unwrap();
        let sent = world.sent();
        for member in ["n", "p"] {
            let refused = handle.callback(altered(&pending, member), response.clone()).unwrap_err();
            assert_eq!(refused, ProviderError::CodeSpent, "{member}");
        }
        // An attacker's own login, with the code of another user in its callback.
        let (_, other) = handle.authorize().unwrap();
        let refused = handle.callback(other.clone(), response.clone()).unwrap_err();
        assert_eq!(refused.code(), "callback_state");
        let mut stolen = response.clone();
        stolen.state = Some(other.state().to_owned());
        assert_eq!(handle.callback(other, stolen).unwrap_err(), ProviderError::CodeSpent);
        assert_eq!((world.sent(), token_requests(&world)), (sent, 1));
        assert!(
            handle.callback(pending, response).is_ok(),
            "the attempt does not take the login away from its owner"
        );
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_failed_login_is_not_repeated_with_the_same_code() {
    each(|world, handle| {
        drop(handle.subject(&world.token()));
        for down in [true, false] {
            let (url, pending) = handle.authorize().unwrap();
            let response = world.visit(&url);
            world.down(down);
            if !down {
                world.change(|provider| provider.alter_id_token(hostile::set_claim("nonce", "another")));
            }
            let first = handle.callback(pending.clone(), response.clone()).unwrap_err();
            let sent = world.sent();
            world.down(false);
            world.clock.advance(2);
            assert_eq!(handle.callback(pending, response).unwrap_err(), first);
            assert_eq!(world.sent(), sent, "{first}");
        }
        world.change(|provider| provider.assert_clean());
    });
}

/// A double click: both requests are there at once.
#[test]
fn two_callbacks_at_once_are_one_login() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&told);
    let observer = Observer::new(move |event| {
        if let Event::Ended { flow, .. } = event {
            lock(&seen).push((*flow).to_owned());
        }
    });
    let world = World { observer, ..World::new() };
    let handle = world.asynchronous().build().unwrap();
    let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
    let response = world.visit(&url);
    let callback = || Box::pin(handle.callback(pending.clone(), response.clone()));
    let mut all = [callback(), callback(), callback()];
    let mut logins = Vec::new();
    for _ in 0..200 {
        for one in &mut all {
            if let (0..3, Poll::Ready(login)) = (logins.len(), poll(one.as_mut())) {
                logins.push(login.unwrap().tokens.access_token);
            }
        }
        if logins.len() == 3 {
            break;
        }
        world.step();
    }
    assert!(logins.len() == 3 && logins.iter().all(|token| *token == logins[0]));
    assert_eq!(token_requests(&world), 1);
    assert_eq!(*lock(&told), ["Login"], "the login is reported once");
    world.change(|provider| provider.assert_clean());
}

#[test]
fn two_threads_at_once_are_one_login() {
    for _ in 0..20 {
        let world = World::new();
        let handle = world.blocking().build().unwrap();
        let (url, pending) = handle.authorize(&request()).unwrap();
        let response = world.visit(&url);
        let logins: Vec<Secret> = thread::scope(|scope| {
            let callback = || handle.callback(pending.clone(), response.clone()).unwrap().tokens.access_token;
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(callback)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(logins.iter().all(|token| *token == logins[0]));
        assert_eq!(token_requests(&world), 1);
        world.change(|provider| provider.assert_clean());
    }
}

/// A browser hangs up when its user clicks again. The first request is dropped at any point, and the second
/// gets its result.
#[test]
fn a_login_whose_caller_hung_up_at_any_step_is_there_for_the_next_caller() {
    for steps in 0..30 {
        let world = World::new();
        let handle = world.asynchronous().build().unwrap();
        let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
        let response = world.visit(&url);
        {
            let mut first = pin!(handle.callback(pending.clone(), response.clone()));
            for _ in 0..steps {
                if poll(first.as_mut()).is_ready() {
                    break;
                }
                world.step();
            }
        }
        let login = world.finish(handle.callback(pending, response));
        assert!(login.is_ok(), "after {steps} steps: {login:?}");
        assert_eq!(token_requests(&world), 1, "after {steps} steps");
        world.change(|provider| provider.assert_clean());
    }
}

fn under_way(world: &World) -> (oidc_drive::Provider, PendingAuthorization, AuthorizationResponse) {
    let handle = world.asynchronous().build().unwrap();
    world.finish(handle.keys()).unwrap();
    let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
    let response = world.visit(&url);
    let sent = world.sent();
    assert!(poll(pin!(handle.callback(pending.clone(), response.clone()))).is_pending());
    while world.sent() == sent {
        world.step();
    }
    (handle, pending, response)
}

/// The runtime has stopped the task that sent the code. The outcome is unknown, so the code is not sent
/// again.
#[test]
fn a_code_whose_sender_was_stopped_is_not_sent_again() {
    let world = World::new();
    let (handle, pending, response) = under_way(&world);
    let sent = world.sent();
    drop(take(&mut *lock(&world.background)));
    for _ in 0..3 {
        let refused = world.finish(handle.callback(pending.clone(), response.clone())).unwrap_err();
        assert_eq!(refused.code(), "no_response", "{refused}");
    }
    assert_eq!(world.sent(), sent);
}

/// The clock may be set to any time in the meantime.
#[test]
fn a_clock_that_jumps_while_a_code_is_on_its_way_causes_no_second_request() {
    for seconds in [100, 3_500, -3_600] {
        let world = World::new();
        let (handle, pending, response) = under_way(&world);
        world.clock.advance(seconds);
        drop(poll(pin!(handle.callback(pending.clone(), response.clone()))));
        world.settle();
        drop(world.finish(handle.callback(pending, response)));
        let codes = lock(&world.sent).iter().filter(|path| *path == "/token").count();
        assert_eq!(codes, 1, "by {seconds} s");
        world.change(|provider| provider.assert_clean());
    }
}
