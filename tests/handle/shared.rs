//! Sharing between callers: a caller takes only its own part of another's result, waits for no code of
//! another, and no result is kept past its lifetime.

use super::colour::*;
use oidc_drive::{Provider, ProviderError, blocking};
use oidc_proto::{
    Error, Secret,
    flow::{Authenticated, ClientCredentialsRequest, PreviousLogin},
    renew::RenewalPolicy,
    token::VerificationError,
};
use oidc_testkit::EndpointName;
use std::{
    mem::take,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::Poll,
    thread,
    time::Duration,
};

fn log_in(world: &World, handle: &dyn Handle) -> (Secret, PreviousLogin) {
    let (url, pending) = handle.authorize().expect("a provider that is up");
    let Authenticated { tokens, id_token, .. } =
        handle.callback(pending, world.visit(&url)).expect("a login");
    (tokens.refresh_token.expect("a refresh token"), PreviousLogin::from(&id_token))
}

/// The same login with another user.
fn of(sub: &str, login: &PreviousLogin) -> PreviousLogin {
    let mut saved = serde_json::to_value(login).expect("JSON");
    saved["sub"] = sub.into();
    serde_json::from_value(saved).expect("a saved login")
}

#[test]
fn the_result_of_a_refresh_is_checked_against_the_login_of_each_caller() {
    each(|world, handle| {
        let (token, alice) = log_in(&world, handle);
        let bob = of("bob", &alice);
        let before = world.count(EndpointName::Token);
        let changed = |refused: ProviderError| {
            let ProviderError::Protocol(error) = refused else { panic!("{refused}") };
            assert_eq!(error.cause(), &Error::Token(VerificationError::Changed("sub")));
        };
        changed(handle.refresh(&token, Some(bob.clone())).map(drop).unwrap_err());
        // A mistake of one caller takes no result from another, in either order.
        let first = handle.refresh(&token, Some(alice.clone())).expect("her own tokens");
        changed(handle.refresh(&token, Some(bob)).map(drop).unwrap_err());
        assert!(Arc::ptr_eq(&first, &handle.refresh(&token, None).expect("no login to hold it to")));
        assert_eq!(world.count(EndpointName::Token), before + 1);
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_login_at_another_issuer_is_refused_before_anything_is_sent() {
    each(|world, handle| {
        let (token, alice) = log_in(&world, handle);
        let mut elsewhere = serde_json::to_value(&alice).expect("JSON");
        elsewhere["iss"] = "https://other.example".into();
        let elsewhere = serde_json::from_value(elsewhere).expect("a saved login");
        let before = world.sent();
        let error = handle.refresh(&token, Some(elsewhere)).map(drop).expect_err("another issuer");
        assert_eq!((error.code(), world.sent()), ("config_saved_state", before));
        handle.refresh(&token, Some(alice)).expect("at the same second: nobody else is concerned");
    });
}

#[test]
fn the_result_of_a_refresh_is_forgotten_after_its_minute() {
    each(|world, handle| {
        let (token, alice) = log_in(&world, handle);
        let refreshed = handle.refresh(&token, Some(alice)).expect("new tokens");
        let kept = Arc::downgrade(&refreshed);
        drop(refreshed);
        world.clock.advance(59);
        handle.authorize().expect("a provider that is up");
        assert!(kept.upgrade().is_some(), "there for the next caller");
        world.clock.advance(2);
        handle.authorize().expect("a provider that is up");
        assert!(kept.upgrade().is_none(), "whatever the handle is used for next");
    });
}

/// However many other callers refresh in the meantime, a second caller with a token that is on its way
/// waits for it.
#[test]
fn a_flood_of_refreshes_sends_no_token_twice() {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
    let login = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
    let token = login.tokens.refresh_token.unwrap();
    let (before, sent) = (world.count(EndpointName::Token), world.sent());
    assert!(poll(pin!(handle.refresh(&token, None))).is_pending());
    while world.sent() == sent {
        world.step();
    }
    let under_way = take(&mut *lock(&world.background));
    assert_eq!(under_way.len(), 1, "the request has left, and no caller waits for it any more");

    world.down(true);
    world.clock.advance(1);
    for other in 0..5_000 {
        let made_up = Secret::new(format!("made up {other}"));
        assert!(world.finish(handle.refresh(&made_up, None)).is_err());
    }
    world.down(false);
    lock(&world.background).extend(under_way);
    let refreshed = world.finish(handle.refresh(&token, None)).expect("what came of it");
    assert!(refreshed.rotated);
    assert_eq!(world.count(EndpointName::Token), before + 1);
    world.change(|provider| provider.assert_clean());
}

/// The minute of an earlier failed attempt does not apply to the next attempt.
#[test]
fn a_second_attempt_under_way_causes_no_third() {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
    let login = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
    let token = login.tokens.refresh_token.unwrap();
    world.down(true);
    assert_eq!(world.finish(handle.refresh(&token, None)).map(drop).unwrap_err().code(), "no_response");
    world.down(false);
    world.clock.advance(59);
    let sent = world.sent();
    assert!(poll(pin!(handle.refresh(&token, None))).is_pending());
    world.step();
    assert_eq!(world.sent(), sent, "on its way, and no caller waits for it any more");
    world.clock.advance(2);
    assert!(world.finish(handle.refresh(&token, None)).expect("new tokens").rotated);
    assert_eq!(world.sent(), sent + 1);
    world.change(|provider| provider.assert_clean());
}

/// A program that slept past the end of its token waits for the next one as it did for the first.
#[test]
fn a_caller_with_an_expired_token_waits_as_long_as_one_with_none() {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    let wanted = ClientCredentialsRequest::new(["api:read"]);
    world.impatient.store(true, SeqCst);
    let first = world.finish(handle.client_credentials(&wanted)).expect("a token");
    world.clock.advance(2 * first.value.expires_in.unwrap().as_secs().cast_signed());
    let second = world.finish(handle.client_credentials(&wanted)).expect("another one");
    assert_ne!(first.epoch, second.epoch);

    // The same for metadata that was not needed for days.
    world.clock.advance(200_000);
    let before = world.count(EndpointName::Discovery);
    world.finish(handle.metadata()).expect("metadata");
    assert_eq!(world.count(EndpointName::Discovery), before + 1);
}

/// A provider that once did not respond, a minute ago.
fn after_an_outage() -> (World, Provider) {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    world.down(true);
    assert_eq!(world.finish(handle.metadata()).map(drop).unwrap_err().code(), "no_response");
    world.down(false);
    world.clock.advance(60);
    (world, handle)
}

/// The outcome of another caller's exchange is not known yet. That differs from no response.
#[test]
fn a_caller_that_waited_in_vain_gets_no_report_of_an_earlier_outage() {
    let (world, handle) = after_an_outage();
    let mut first = pin!(handle.metadata());
    assert!(poll(first.as_mut()).is_pending());
    world.impatient.store(true, SeqCst);
    let mut second = pin!(handle.metadata());
    let Poll::Ready(Err(error)) = poll(second.as_mut()) else { panic!("it has no patience") };
    assert!(!error.to_string().contains("no route to host"), "{error}");
    assert!(world.finish(first).is_ok());
}

/// The same for a caller that needs metadata while another caller requests it.
#[test]
fn a_caller_that_needs_pending_metadata_gets_no_report_of_an_earlier_outage() {
    let (world, handle) = after_an_outage();
    let mut first = pin!(handle.metadata());
    assert!(poll(first.as_mut()).is_pending());
    world.impatient.store(true, SeqCst);
    let wanted = ClientCredentialsRequest::new(["api:read"]);
    let Poll::Ready(Err(error)) = poll(pin!(handle.client_credentials(&wanted))) else {
        panic!("it has no patience")
    };
    let waits = "https://op.example: openid-configuration: it has been asked for, and is not there yet";
    assert_eq!(error, ProviderError::NoResponse(waits.to_owned()));
    assert!(world.finish(first).is_ok());
}

/// A background renewal that needs metadata waits for it as long as necessary: a slow provider is not down.
#[test]
fn every_caller_that_needs_slow_metadata_waits_for_it() {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    world.timers.store(true, SeqCst);
    let wanted = request();
    let mut login = pin!(handle.authorize(&wanted));
    assert!(poll(login.as_mut()).is_pending());
    let token = world.token();
    let mut verifying = pin!(handle.verify(&token, |_| ()));
    assert!(poll(verifying.as_mut()).is_pending());
    world.step();
    world.clock.advance(4);
    world.settle();
    let Poll::Ready(Err(error)) = poll(verifying.as_mut()) else { panic!("a request waits for 3 s") };
    assert_eq!(error.code(), "unavailable", "{error}");
    assert!(world.finish(login).is_ok());
    assert!(world.finish(handle.verify(&token, |_| ())).is_ok(), "in the same second");
}

/// The same between threads, one of which does not wait for others at all.
#[test]
fn a_renewing_thread_waits_for_metadata_that_another_thread_requests() {
    let world = World::new();
    let ((asked, asks), (answer, answers)) = (mpsc::channel(), mpsc::channel::<()>());
    let (asked, answers, inner) = (Mutex::new(asked), Mutex::new(answers), world.clone());
    let io = blocking::Io::new(move |request, _| {
        if request.uri().path().ends_with("openid-configuration") {
            lock(&asked).send(()).expect("somebody waits for it");
            lock(&answers).recv().expect("an answer");
        }
        inner.answer(&request)
    });
    let mut policy = RenewalPolicy::METADATA;
    policy.patience = Duration::ZERO;
    let (clock, looked) = (world.clock.clone(), Arc::new(AtomicUsize::new(0)));
    let looks = Arc::clone(&looked);
    let clock = move || {
        looks.fetch_add(1, SeqCst);
        clock.moment()
    };
    let handle = blocking::Provider::builder(ISSUER, io).client_id("app").secret("its secret");
    let handle = handle.metadata_policy(policy).clock(clock).build().unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| handle.metadata().map(drop));
        asks.recv().expect("metadata is asked for");
        let before = looked.load(SeqCst);
        let second =
            scope.spawn(|| handle.client_credentials(&ClientCredentialsRequest::default()).map(drop));
        // It has begun. Then it has time enough to give up, and not so much that it may.
        while looked.load(SeqCst) == before {
            thread::yield_now();
        }
        (0..200).for_each(|_| thread::yield_now());
        answer.send(()).expect("it is waited for");
        assert_eq!(second.join().expect("no panic"), Ok(()));
        assert_eq!(first.join().expect("no panic"), Ok(()));
    });
    assert_eq!(world.count(EndpointName::Discovery), 1);
}

/// A failure of the token endpoint does not count as a failure of the keys, whichever was reported last.
#[test]
fn an_outage_is_reported_for_its_own_endpoint() {
    each(|world, handle| {
        let (wanted, token) = (ClientCredentialsRequest::new(["api:read"]), world.token());
        handle.subject(&token).expect("keys and metadata");
        world.clock.advance(280);
        world.down(true);
        let lost = ProviderError::NoResponse(
            "https://op.example: token_endpoint at op.example:443: no route to host".to_owned(),
        );
        assert_eq!(handle.service(&wanted).map(drop), Err(lost.clone()));
        let before = world.sent();
        handle.subject(&token).expect("it is good with the keys of before");
        world.settle();
        assert!(world.sent() > before, "the keys are due, and cannot be fetched");
        assert_eq!(handle.service(&wanted).map(drop), Err(lost), "too soon for another attempt");
    });
}

/// Settings are code of the program, which may take long or use the handle itself.
#[test]
fn no_lock_is_held_while_the_settings_build_the_client() {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        let world = World::new();
        let (itself, made) = (Arc::new(OnceLock::<blocking::Provider>::new()), Arc::new(AtomicUsize::new(0)));
        let (inner, count) = (Arc::downgrade(&itself), Arc::clone(&made));
        let shape = move |client| {
            if count.fetch_add(1, SeqCst) == 0 {
                let handle = inner.upgrade().expect("it is in use");
                handle.get().expect("it is built").client().expect("a client");
            }
            client
        };
        let handle = world.blocking().client(shape).build().unwrap();
        itself.set(handle.clone()).expect("once");
        handle.client().expect("a client");
        handle.client().expect("the same one");
        done.send(made.load(SeqCst)).expect("somebody waits for it");
    });
    assert_eq!(finished.recv_timeout(Duration::from_secs(60)), Ok(2), "the renewal ends");
}

#[test]
fn a_reader_of_a_token_may_verify_another_one_or_panic() {
    let world = World::new();
    let handle = world.blocking().build().unwrap();
    let (outer, inner) = (world.token(), world.token());
    let read = |token: &oidc_proto::token::VerifiedAccessToken<'_>| {
        let before = token.claims().jti.as_deref().map(str::to_owned);
        let other = handle.verify(&inner, |token| token.claims().jti.as_deref().map(str::to_owned));
        assert_eq!(token.claims().jti.as_deref(), before.as_deref(), "the token is still the same");
        (before, other.expect("a good token"))
    };
    let (first, second) = handle.verify(&outer, read).expect("a good token");
    assert!(first.is_some() && first != second);
    let broken = catch_unwind(AssertUnwindSafe(|| handle.verify(&outer, |_| panic!("while it is read"))));
    assert!(broken.is_err());
    assert_eq!(Handle::subject(&handle, &outer).as_deref(), Ok("app"));
}
