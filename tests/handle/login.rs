//! Logins, and the sessions that follow.

use super::colour::*;
use oidc_drive::{Event, Observer, ProviderError};
use oidc_proto::{
    Error,
    flow::{Authenticated, CallbackError, ClientBuilder, ClientCredentialsRequest, PreviousLogin},
    message::AuthorizationResponse,
};
use oidc_testkit::{EndpointName, TestProvider, hostile};
use std::{
    mem::take,
    pin::pin,
    sync::{Arc, Mutex},
};

pub(crate) fn log_in(world: &World, handle: &dyn Handle) -> Authenticated {
    let (url, pending) = handle.authorize().expect("a provider that is up");
    handle.callback(pending, world.visit(&url)).expect("a login")
}

#[test]
fn metadata_and_keys_are_fetched_once_for_all_logins() {
    each(|world, handle| {
        assert_eq!(world.sent(), 0, "nothing is fetched before it is needed");
        for _ in 0..3 {
            assert_eq!(log_in(&world, handle).id_token.sub, "alice");
        }
        let counts = [EndpointName::Discovery, EndpointName::Jwks, EndpointName::Token];
        assert_eq!(counts.map(|endpoint| world.count(endpoint)), [1, 1, 3]);
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn keys_that_a_login_fetched_are_kept() {
    each(|world, handle| {
        log_in(&world, handle);
        world.change(TestProvider::rotate_keys);
        let login = log_in(&world, handle);
        assert!(login.learned.keys.is_some());
        let fetched = world.count(EndpointName::Jwks);
        log_in(&world, handle);
        assert_eq!(handle.subject(&world.token()).as_deref(), Ok("app"));
        assert_eq!(world.count(EndpointName::Jwks), fetched, "the keys serve the next caller");
    });
}

#[test]
fn an_outage_names_the_provider_and_needs_no_restart_of_the_program() {
    each(|world, handle| {
        world.down(true);
        let error = handle.authorize().unwrap_err();
        assert_eq!(
            error,
            ProviderError::NoResponse(
                "https://op.example: openid-configuration at op.example:443: no route to host".to_owned()
            )
        );
        assert_eq!(
            error.to_string(),
            "the provider did not answer: https://op.example: openid-configuration at op.example:443: no route to host"
        );
        world.down(false);
        world.clock.advance(10);
        log_in(&world, handle);
    });
}

#[test]
fn metadata_serves_while_the_provider_is_down_and_is_renewed_when_it_is_back() {
    each(|world, handle| {
        log_in(&world, handle);
        world.clock.advance(4_000);
        world.down(true);
        handle.authorize().expect("what is known of the provider");
        world.down(false);
        world.clock.advance(1_000);
        handle.authorize().expect("what is known of the provider");
        assert_eq!(world.count(EndpointName::Discovery), 2);
    });
}

#[test]
fn an_error_tells_who_is_to_blame() {
    each(|world, handle| {
        world.change(|provider| provider.deny_next("access_denied"));
        let (url, pending) = handle.authorize().unwrap();
        let denied = handle.callback(pending, world.visit(&url)).unwrap_err();
        assert!(matches!(&denied, ProviderError::Protocol(Error::Callback(CallbackError::Denied(_)))));
        assert_eq!(denied.code(), "callback_denied");

        let (_, pending) = handle.authorize().unwrap();
        let forged = AuthorizationResponse::from_query("code=stolen&state=another").unwrap();
        assert_eq!(handle.callback(pending, forged).unwrap_err().code(), "callback_state");

        let (url, pending) = handle.authorize().unwrap();
        let response = world.visit(&url);
        world.down(true);
        let lost = handle.callback(pending, response).unwrap_err();
        assert_eq!(lost.code(), "no_response");
    });
}

#[test]
fn impossible_settings_fail_as_early_as_possible() {
    let world = World::new();
    let plain = oidc_drive::blocking::Provider::builder(
        "http://op.example",
        oidc_drive::blocking::Io::new(|_, _| Err::<http::Response<Vec<u8>>, _>("never asked")),
    );
    assert_eq!(plain.build().unwrap_err().code(), "config_issuer");
    let nobody = world.blocking().client_id("").build().unwrap();
    assert_eq!(Handle::authorize(&nobody).unwrap_err().code(), "config_characters");
    world.change(|provider| {
        let change = hostile::remove_member("authorization_endpoint");
        provider.alter_response(EndpointName::Discovery, change);
    });
    let no_provider = Handle::authorize(&world.blocking().build().unwrap()).unwrap_err();
    assert_eq!(no_provider.code(), "metadata_missing_members", "{no_provider}");
    world.change(TestProvider::clear_alterations);
    let nowhere = world.blocking().redirect_uri("http://app.example/").build().unwrap();
    assert_eq!(Handle::authorize(&nowhere).unwrap_err().code(), "config_redirect_uri");
}

#[test]
fn settings_that_the_handle_lacks_are_made_on_the_client() {
    let world = World::new();
    let handle = world.blocking().client(|client| client.fetch_userinfo()).build().unwrap();
    let login = log_in(&world, &handle);
    assert_eq!(login.userinfo.unwrap().sub, "alice");
    let userinfo = Handle::userinfo(&handle, &login.tokens.access_token, "alice").unwrap();
    assert_eq!(userinfo.sub, "alice");
    let other = Handle::userinfo(&handle, &login.tokens.access_token, "bob").unwrap_err();
    assert_eq!(other.code(), "userinfo_other_subject");
}

/// The provider gives the name at UserInfo alone, as OpenID Connect Core 1.0 section 5.4 has it.
#[test]
fn a_login_gives_the_name_of_the_user_where_userinfo_is_fetched() {
    for (name, options) in [
        (None, (|client| client) as fn(ClientBuilder) -> ClientBuilder),
        (Some("Alice Example"), |client| client.fetch_userinfo()),
    ] {
        for colour in 0..2 {
            let world = World::new();
            let login = log_in(&world, &*world.both_with(options)[colour]);
            assert_eq!(login.id_token.claim::<String>("name"), None);
            assert_eq!(login.name(), name);
        }
    }
}

#[test]
fn a_refresh_token_is_sent_once_however_many_callers_ask() {
    each(|world, handle| {
        let login = log_in(&world, handle);
        let (token, previous) =
            (login.tokens.refresh_token.clone().unwrap(), PreviousLogin::from(&login.id_token));
        let before = world.count(EndpointName::Token);
        let first = handle.refresh(&token, Some(previous.clone())).unwrap();
        let again = handle.refresh(&token, Some(previous.clone())).unwrap();
        assert!(first.rotated && Arc::ptr_eq(&first, &again));
        world.clock.advance(58);
        assert!(Arc::ptr_eq(&first, &handle.refresh(&token, Some(previous.clone())).unwrap()));
        assert_eq!(world.count(EndpointName::Token), before + 1);
        let next = first.tokens.refresh_token.clone().unwrap();
        let second = handle.refresh(&next, Some(previous.clone())).unwrap();
        assert!(second.rotated && second.tokens.refresh_token != first.tokens.refresh_token);
        world.change(|provider| provider.assert_clean());

        // A minute later the token counts as used up, which it is.
        world.clock.advance(3);
        let spent = handle.refresh(&token, Some(previous)).unwrap_err();
        assert_eq!(spent.code(), "invalid_grant");
    });
}

#[test]
fn a_refresh_token_that_was_not_spent_may_be_used_again_at_once() {
    each(|world, handle| {
        world.change(|provider| provider.rotate_refresh_tokens(false));
        let token = log_in(&world, handle).tokens.refresh_token.unwrap();
        let first = handle.refresh(&token, None).unwrap();
        let second = handle.refresh(&token, None).unwrap();
        assert!(!first.rotated);
        assert_ne!(first.tokens.access_token, second.tokens.access_token);
    });
}

/// A caller that goes away during a refresh loses nothing: the exchange goes on, and its result is there
/// for the next caller.
#[test]
fn a_refresh_that_is_dropped_at_any_step_is_not_lost() {
    for steps in 0..20 {
        let world = World::new();
        let handle = world.asynchronous().build().unwrap();
        let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
        let login = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
        let token = login.tokens.refresh_token.unwrap();
        let before = world.count(EndpointName::Token);
        {
            let mut refresh = pin!(handle.refresh(&token, None));
            for _ in 0..steps {
                if poll(refresh.as_mut()).is_ready() {
                    break;
                }
                world.step();
            }
        }
        let refreshed = world.finish(handle.refresh(&token, None)).unwrap();
        assert!(refreshed.rotated, "dropped after {steps} steps");
        assert_eq!(world.count(EndpointName::Token), before + 1, "dropped after {steps} steps");
        world.change(|provider| provider.assert_clean());
    }
}

#[test]
fn two_callers_that_refresh_at_the_same_time_get_the_same_tokens() {
    let world = World::new();
    let handle = world.asynchronous().build().unwrap();
    let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
    let login = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
    let token = login.tokens.refresh_token.unwrap();
    let mut second = pin!(handle.refresh(&token, None));
    let first = world.finish(async {
        let mut first = pin!(handle.refresh(&token, None));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        first.await
    });
    let second = world.finish(second);
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
    world.change(|provider| provider.assert_clean());
}

#[test]
fn a_handle_shows_no_secret() {
    each(|world, handle| {
        log_in(&world, handle);
        let shown = handle.debug();
        assert!(shown.contains(ISSUER) && !shown.contains("its secret"), "{shown}");
    });
    let world = World::new();
    let shown = format!("{:?} {:?}", world.blocking(), world.asynchronous());
    assert!(shown.contains("app.example") && !shown.contains("its secret"), "{shown}");
}

#[test]
fn a_moved_endpoint_is_used_once_the_metadata_names_it() {
    each(|world, handle| {
        world.change(|provider| provider.max_age(3_600));
        log_in(&world, handle);
        let elsewhere = hostile::set_member("authorization_endpoint", "https://op.example/elsewhere");
        world.change(|provider| provider.alter_response(EndpointName::Discovery, elsewhere));
        assert_eq!(handle.authorize().unwrap().0.path(), "/authorize");
        world.clock.advance(3_500);
        world.hold_jobs();
        assert_eq!(
            handle.authorize().unwrap().0.path(),
            "/authorize",
            "the old endpoint serves while the metadata is renewed"
        );
        world.settle();
        world.run_jobs();
        assert_eq!(handle.authorize().unwrap().0.path(), "/elsewhere");
    });
}

/// Each request, flow and renewal is reported once, in order.
#[test]
fn a_login_and_a_verification_are_reported_as_they_happen() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let list = Arc::clone(&told);
    let observer = Observer::new(move |event| {
        lock(&list).push(match event {
            Event::Sent { to, .. } => format!("{:?}?", to.endpoint),
            Event::Answered { to, status, .. } => format!("{:?} {}", to.endpoint, status.as_u16()),
            Event::Lost { to, .. } => format!("{:?} lost", to.endpoint),
            Event::Renewed { what, issuer, outcome, .. } => format!("{what} of {issuer} {outcome:?}"),
            Event::Ended { flow, outcome, .. } => format!("{flow} {outcome:?}"),
            other => format!("{other:?}"),
        });
    });
    let make = || World { observer: observer.clone(), ..World::new() };
    each_in(make, |world, handle| {
        log_in(&world, handle);
        let expected = [
            "Discovery?",
            "Discovery 200",
            "metadata of https://op.example Ok(())",
            "Jwks?",
            "Jwks 200",
            "keys of https://op.example Ok(())",
            "Token?",
            "Token 200",
            "Login Ok(())",
        ];
        assert_eq!(take(&mut *lock(&told)), expected);
        let token = world.token();
        assert!(handle.subject(&token).is_ok());
        assert_eq!(handle.subject("a.b.c").unwrap_err().code(), "jws_base64");
        world.down(true);
        assert!(handle.service(&ClientCredentialsRequest::new(["api:read"])).is_err());
        let expected = [
            "Verification Ok(())",
            "Verification Err(\"jws_base64\")",
            "Token?",
            "Token lost",
            "token of https://op.example Err(\"no_response\")",
        ];
        assert_eq!(take(&mut *lock(&told)), expected);
    });
}

#[test]
fn a_refresh_token_is_revoked_at_logout() {
    each(|world, handle| {
        let login = log_in(&world, handle);
        let token = login.tokens.refresh_token.clone().expect("a refresh token");
        handle.revoke(&token).expect("a provider that is up");
        handle.revoke(&token).expect("once more is no error");
        let refused = handle.refresh(&token, Some((&login.id_token).into())).unwrap_err();
        let ProviderError::Protocol(Error::OAuth(refused)) = refused else { panic!("{refused}") };
        assert_eq!(refused.response.error, "invalid_grant");
        world.change(|provider| assert_eq!(provider.count(EndpointName::Revocation), 2));
    });
}
