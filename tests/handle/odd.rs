//! Odd answers of providers at a handle: no session is lost, and posted callbacks end a login.

use super::colour::*;
use oidc_proto::{Error, flow::PreviousLogin, message::AuthorizationResponse, token::VerificationError};
use oidc_testkit::{EndpointName, hostile};
use serde_json::json;

#[test]
fn a_refresh_that_is_not_believed_hands_the_new_token_to_every_caller_and_is_sent_once() {
    for (member, value) in [("expires_in", json!("3600")), ("scope", json!(["a"])), ("token_type", json!(""))]
    {
        each(|world, handle| {
            let (url, pending) = handle.authorize().unwrap();
            let user = handle.callback(pending, world.visit(&url)).unwrap();
            let token = user.tokens.refresh_token.unwrap();
            let odd = value.clone();
            world.change(|provider| {
                provider.alter_response(EndpointName::Token, hostile::set_member(member, odd));
            });
            let sent = world.count(EndpointName::Token);
            let error = handle.refresh(&token, None).map(drop).unwrap_err();
            let again = handle.refresh(&token, None).map(drop).unwrap_err();
            assert_eq!(error, again, "a second use would look like theft");
            assert_eq!(world.count(EndpointName::Token), sent + 1);
            let new = error.new_refresh_token().expect("the session is not lost").clone();
            assert!(new != token && !format!("{error:?}").contains(new.expose()));
            world.change(|provider| provider.clear_alterations());
            assert!(handle.refresh(&new, None).unwrap().rotated);
        });
    }
}

/// A changed claim costs no session, unless the tokens may be another user's.
#[test]
fn a_changed_claim_costs_no_session_at_a_handle() {
    for (name, kept) in [("nonce", true), ("sub", false)] {
        each(|world, handle| {
            let (url, pending) = handle.authorize().unwrap();
            let user = handle.callback(pending, world.visit(&url)).unwrap();
            let token = user.tokens.refresh_token.unwrap();
            world.change(|provider| provider.alter_id_token(hostile::set_claim(name, "of another")));
            let previous = PreviousLogin::from(&user.id_token);
            let error = handle.refresh(&token, Some(previous)).map(drop).unwrap_err();
            assert_eq!(error.new_refresh_token().is_some(), kept, "{error}");
            let oidc_drive::ProviderError::Protocol(error) = error else { panic!("{error}") };
            assert_eq!(error.cause(), &Error::Token(VerificationError::Changed(name)));
        });
    }
}

/// A login fetches its own keys with the client, so the handle's method is shown by what the handle keeps.
#[test]
fn a_handle_reads_metadata_and_keys_of_any_media_type_only_if_it_is_told_to() {
    for endpoint in [EndpointName::Discovery, EndpointName::Jwks] {
        for media_type in ["text/plain", "binary/octet-stream", "text/html; charset=utf-8"] {
            let world = World::new();
            let token = world.token();
            let typed = hostile::set_header("content-type", media_type);
            world.change(|provider| provider.alter_response(endpoint, typed));
            for handle in world.both_of_any_type(false) {
                let error = handle.subject(&token).unwrap_err();
                let text = error.to_string();
                assert_eq!(error.code(), "response_media_type", "{text}");
                assert!(text.contains("any_media_type`"), "{text}");
            }
            for handle in world.both_of_any_type(true) {
                assert_eq!(handle.subject(&token).as_deref(), Ok("app"), "{endpoint:?} {media_type}");
            }
        }
    }
    // The document must be what it is for, whatever its type.
    for body in ["<html></html>", "[]", r#"{"issuer":"https://evil.example"}"#] {
        let world = World::new();
        let token = world.token();
        world.change(|provider| {
            provider.alter_response(EndpointName::Discovery, hostile::respond(200, "text/html", body));
        });
        for handle in world.both_of_any_type(true) {
            assert!(handle.subject(&token).is_err(), "{body}");
        }
    }
}

#[test]
fn a_callback_without_state_ends_no_login_at_a_handle_and_a_posted_one_does() {
    each(|world, handle| {
        let (url, pending) = handle.authorize().unwrap();
        let told =
            AuthorizationResponse::from_query("error=invalid_scope&error_description=no+such+scope").unwrap();
        let error = handle.callback(pending.clone(), told).map(drop).unwrap_err();
        assert_eq!(error.code(), "callback_unattributed");
        assert!(error.to_string().contains("`invalid_scope` (no such scope)"), "{error}");
        let mut response = world.visit(&url);
        let user = r#"{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"ada@example.com"}"#;
        response.extra.push(("user".to_owned(), user.into()));
        let claimed = response.claimed_user().unwrap();
        assert_eq!(claimed.last_name.as_deref(), Some("Lovelace"));
        assert_eq!(handle.callback(pending, response).unwrap().id_token.sub, "alice");
    });
}
