//! The program's own tokens: they are kept, renewed ahead of time, and never mixed up.

use super::colour::*;
use oidc_drive::{ProviderError, blocking, provider::MAX_SERVICE_TOKENS};
use oidc_proto::flow::ClientCredentialsRequest;
use oidc_testkit::EndpointName;
use std::{pin::pin, task::Poll};

fn read() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["api:read"])
}

#[test]
fn a_token_is_fetched_once_and_each_scope_has_its_own() {
    each(|world, handle| {
        let first = handle.service(&read()).unwrap();
        for _ in 0..10 {
            assert_eq!(handle.service(&read()).unwrap().value.access_token, first.value.access_token);
        }
        let write = handle.service(&ClientCredentialsRequest::new(["api:write"])).unwrap();
        assert_ne!(write.value.access_token, first.value.access_token);
        assert_eq!(world.count(EndpointName::Token), 2);
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_token_is_renewed_before_its_end_and_no_caller_waits() {
    each(|world, handle| {
        let first = handle.service(&read()).unwrap();
        let life = first.value.expires_in.unwrap().as_secs().cast_signed();
        // A minute before the end, and by chance up to a tenth of the remaining time earlier.
        let soonest = (life - 60) * 9 / 10 - 1;
        world.clock.advance(soonest);
        assert_eq!(handle.service(&read()).unwrap().epoch, first.epoch, "valid for a while");
        assert_eq!(world.count(EndpointName::Token), 1);
        world.clock.advance(life - 59 - soonest);
        assert_eq!(
            handle.service(&read()).unwrap().epoch,
            first.epoch,
            "the old token serves while it is renewed"
        );
        world.settle();
        assert_eq!(world.count(EndpointName::Token), 2);
        assert_ne!(handle.service(&read()).unwrap().epoch, first.epoch);
    });
}

#[test]
fn a_caller_that_comes_when_a_renewal_is_due_does_not_perform_it() {
    let world = World::new();
    let blocking = world.blocking().build().unwrap();
    let first = blocking.client_credentials(&read()).unwrap();
    let due = first.value.expires_in.unwrap().as_secs().cast_signed() - 59;
    world.clock.advance(due);
    world.hold_jobs();
    assert_eq!(blocking.client_credentials(&read()).unwrap().epoch, first.epoch);
    assert_eq!(world.count(EndpointName::Token), 1, "the renewal is a job for another thread");
    assert_eq!(world.run_jobs(), 1);
    assert_eq!(world.count(EndpointName::Token), 2);

    world.change(|provider| provider.max_age(3_600));
    let blocking = world.blocking().build().unwrap();
    blocking.metadata().unwrap();
    world.clock.advance(3_500);
    world.hold_jobs();
    let fetched = world.count(EndpointName::Discovery);
    blocking.metadata().unwrap();
    assert_eq!((world.count(EndpointName::Discovery), world.run_jobs()), (fetched, 1), "the metadata, too");

    let world = World::new();
    let asynchronous = world.asynchronous().build().unwrap();
    let first = world.finish(asynchronous.client_credentials(&read())).unwrap();
    world.clock.advance(due);
    let wanted = read();
    let at_once = poll(pin!(asynchronous.client_credentials(&wanted)));
    assert!(matches!(at_once, Poll::Ready(Ok(token)) if token.epoch == first.epoch));
    world.settle();
    assert_eq!(world.count(EndpointName::Token), 2);
}

/// An authorization server that is no OpenID Provider (RFC 8414) is found, too.
#[test]
fn a_service_finds_metadata_in_either_form() {
    for (openid, oauth) in [(true, false), (false, true)] {
        let world = World::new();
        world.change(|provider| provider.metadata_forms(openid, oauth));
        let io = blocking::Io::new({
            let world = world.clone();
            move |request, _| world.answer(&request)
        });
        let clock = world.clock.clone();
        let service = blocking::Provider::builder(ISSUER, io)
            .client_id("app")
            .secret("its secret")
            .clock(move || clock.moment())
            .build()
            .unwrap();
        assert!(service.client_credentials(&read()).is_ok(), "openid: {openid}, oauth: {oauth}");
        let users = world.blocking().build().unwrap();
        assert_eq!(Handle::authorize(&users).is_ok(), openid, "users log in at an OpenID Provider");
    }
}

#[test]
fn a_token_is_never_used_after_its_end() {
    each(|world, handle| {
        let first = handle.service(&read()).unwrap();
        world.clock.advance(first.value.expires_in.unwrap().as_secs().cast_signed() - 30);
        world.down(true);
        assert_eq!(handle.service(&read()).unwrap().epoch, first.epoch);
        world.settle();
        world.clock.advance(30);
        let error = handle.service(&read()).map(|token| token.epoch).unwrap_err();
        assert_eq!(
            error,
            ProviderError::NoResponse(
                "https://op.example: token_endpoint at op.example:443: no route to host".to_owned()
            )
        );
        world.down(false);
        world.clock.advance(30);
        assert_ne!(handle.service(&read()).unwrap().epoch, first.epoch);
    });
}

#[test]
fn a_token_that_was_refused_is_replaced_but_not_without_end() {
    each(|world, handle| {
        let mut token = handle.service(&read()).unwrap();
        let mut replaced = 0;
        let refused = loop {
            match handle.newer(&read(), token.epoch) {
                Ok(newer) => {
                    assert_ne!(newer.epoch, token.epoch);
                    token = newer;
                    replaced += 1;
                }
                Err(refused) => break refused,
            }
            assert!(replaced < 10, "a resource server that refuses everything causes a flood");
        };
        assert_eq!(replaced, 2);
        assert_eq!(refused.code(), "unavailable");
        assert_eq!(handle.service(&read()).unwrap().epoch, token.epoch, "the newest token stays");
        world.clock.advance(15);
        assert!(handle.newer(&read(), token.epoch).is_ok());
    });
}

/// If a token was forgotten because of many others, any fetched token is newer than the refused one, and
/// serves every caller that has the refused one.
#[test]
fn a_refused_token_that_was_forgotten_is_replaced_by_any_other() {
    each(|world, handle| {
        let mut old = handle.service(&read()).unwrap();
        for _ in 0..2 {
            old = handle.newer(&read(), old.epoch).unwrap();
        }
        world.down(true);
        for other in 0..MAX_SERVICE_TOKENS {
            assert!(handle.service(&ClientCredentialsRequest::new([format!("api:{other}")])).is_err());
        }
        world.down(false);
        let before = world.count(EndpointName::Token);
        for _ in 0..3 {
            let newer = handle.newer(&read(), old.epoch).unwrap();
            assert_ne!(newer.value.access_token, old.value.access_token);
        }
        assert_eq!(world.count(EndpointName::Token), before + 1);
    });
}

#[test]
fn a_refusal_by_the_provider_reaches_every_caller() {
    each(|_, handle| {
        let error = handle.service(&ClientCredentialsRequest::new(["openid"])).map(drop).unwrap_err();
        assert_eq!(error.code(), "invalid_scope");
        assert!(error.to_string().contains("invalid_scope"), "{error}");
    });
}

#[test]
fn a_caller_that_goes_away_during_a_fetch_leaves_no_lease_behind() {
    for steps in 0..10 {
        let world = World::new();
        let handle = world.asynchronous().build().unwrap();
        {
            let wanted = read();
            let mut asking = pin!(handle.client_credentials(&wanted));
            for _ in 0..steps {
                if poll(asking.as_mut()).is_ready() {
                    break;
                }
            }
        }
        // At once, in the same second of the clock.
        let token = world.finish(handle.client_credentials(&read()));
        assert!(token.is_ok(), "dropped after {steps} steps: {:?}", token.map(|token| token.epoch));
    }
}
