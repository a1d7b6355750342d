//! A client revokes a token that it was issued (RFC 7009).

use crate::support::*;
use oidc_proto::{
    Error,
    flow::{ConfigError, Endpoint, MAX_INTROSPECTED, MAX_RETRIES, Step, TokenTypeHint},
    message::AuthorizationRequest,
};
use oidc_testkit::{EndpointName, Party, drive, hostile};

fn logged_in(party: &mut Party) -> (oidc_proto::Secret, oidc_proto::flow::PreviousLogin) {
    let request = AuthorizationRequest::new(["offline_access"]);
    let login = party.login_with(&request, None).unwrap();
    (login.tokens.refresh_token.unwrap(), (&login.id_token).into())
}

#[test]
fn a_revoked_refresh_token_refreshes_nothing() {
    for hint in [None, Some(TokenTypeHint::RefreshToken), Some(TokenTypeHint::AccessToken)] {
        let mut party = Party::new();
        let (token, previous) = logged_in(&mut party);
        for _ in 0..2 {
            // A second revocation is no error: the token is revoked, as requested.
            let call = party.client.revoke(&token, hint, party.clock.moment()).unwrap();
            let () = drive(call, &mut party.provider, &mut party.clock).unwrap();
        }
        let seen = party.provider.requests().last().unwrap();
        assert_eq!(seen.endpoint, EndpointName::Revocation);
        party.provider.assert_clean();
        let refused = party.refresh_with(&token, Some(previous), None).unwrap_err();
        assert!(matches!(refused, Error::OAuth(refused) if refused.response.error == "invalid_grant"));
    }
}

#[test]
fn only_the_status_counts_and_not_the_body() {
    let revoke = |response: http::Response<Vec<u8>>| {
        let party = Party::new();
        let call = party.client.revoke(&"a-token".into(), None, moment(NOW)).unwrap();
        let (_, terms, pending) = call.into_parts();
        assert_eq!(terms.endpoint, Endpoint::Revocation);
        pending.receive(response, moment(NOW))
    };
    let response =
        |status: u16, body: &str| http::Response::builder().status(status).body(body.into()).unwrap();
    for body in ["", "{}", "<p>done</p>", r#"{"error": "invalid_request"}"#] {
        assert!(matches!(revoke(response(200, body)), Ok(Step::Done(()))), "{body}");
    }
    let kind = r#"{"error": "unsupported_token_type"}"#;
    let refused = revoke(response(400, kind)).unwrap_err();
    assert!(matches!(refused, Error::OAuth(refused) if refused.response.error == "unsupported_token_type"));
    let refused = revoke(response(401, "")).unwrap_err();
    assert!(matches!(refused, Error::OAuth(refused) if refused.response.error == "invalid_client"));
    assert_eq!(revoke(response(404, "")).unwrap_err().code(), "response_status");
    assert_eq!(revoke(response(302, "")).unwrap_err().code(), "response_redirect");
    // RFC 7009 section 2.2.1: the token still exists, and the request is repeated later.
    assert!(matches!(revoke(response(503, "")), Ok(Step::Wait(pause)) if pause.until() > NOW));
}

#[test]
fn a_busy_server_gets_the_request_again_within_bounds() {
    let mut party = Party::new();
    let (token, previous) = logged_in(&mut party);
    party.provider.alter_response(EndpointName::Revocation, hostile::times(2, hostile::retry_after(5)));
    let call = party.client.revoke(&token, None, party.clock.moment()).unwrap();
    drive(call, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(party.provider.count(EndpointName::Revocation), 3);
    party.provider.alter_response(EndpointName::Revocation, hostile::retry_after(5));
    let call = party.client.revoke(&token, None, party.clock.moment()).unwrap();
    let busy = drive(call, &mut party.provider, &mut party.clock).unwrap_err();
    assert_eq!(busy.code(), "unavailable", "the token may still be valid, and the caller is told");
    assert_eq!(party.provider.count(EndpointName::Revocation), 3 + 1 + usize::from(MAX_RETRIES));
    drop(previous);
}

#[test]
fn a_client_cannot_revoke_the_token_of_another() {
    let mut party = Party::new();
    let (token, previous) = logged_in(&mut party);
    party.provider.register(oidc_testkit::Registration::basic("other", SECRET));
    let metadata = party.discover().unwrap();
    let other = oidc_proto::flow::Client::builder(metadata, "other").secret(SECRET).build().unwrap();
    let refused = run(&mut party.provider, other.revoke(&token, None, moment(NOW)).unwrap()).unwrap_err();
    assert!(matches!(refused, Error::OAuth(refused) if refused.response.error == "invalid_grant"));
    assert!(party.refresh_with(&token, Some(previous), None).is_ok(), "the token is still valid");
}

#[test]
fn an_impossible_token_is_never_sent() {
    let party = Party::new();
    let long = party.client.revoke(&"x".repeat(MAX_INTROSPECTED + 1).into(), None, moment(NOW)).unwrap_err();
    assert_eq!(long, ConfigError::TokenTooLong { limit: MAX_INTROSPECTED }.into());
    for token in ["", "a\nb", "é"] {
        let refused = party.client.revoke(&token.into(), None, moment(NOW)).unwrap_err();
        assert_eq!(refused, ConfigError::Parameter("token").into(), "{token:?}");
    }
    let mut party = Party::new();
    party.provider.alter_response(EndpointName::Discovery, hostile::remove_member("revocation_endpoint"));
    let metadata = party.discover().unwrap();
    let client = oidc_proto::flow::Client::builder(metadata, "app").build().unwrap();
    let refused = client.revoke(&"a-token".into(), None, moment(NOW)).unwrap_err();
    assert_eq!(refused, ConfigError::NoEndpoint("revocation_endpoint").into());
}
