//! A refresh whose answer is odd: whatever is wrong after the 2xx, the new refresh token is not lost.

use oidc_proto::{
    Error, Secret,
    flow::{PreviousLogin, Quirks},
    token::VerificationError,
};
use oidc_testkit::{EndpointName, Party, hostile};
use serde_json::{Value, json};

type Response = http::Response<Vec<u8>>;
type Alteration = Box<dyn FnMut(&mut Response) + Send>;

/// A login, and a party whose provider is about to answer a refresh.
fn logged_in(quirks: Quirks, login: impl FnOnce(&mut Party)) -> (Party, Secret, PreviousLogin) {
    let configure = move |client: oidc_proto::flow::ClientBuilder| client.quirks(quirks);
    let mut party = Party::builder().client(configure).build();
    login(&mut party);
    let user = party.login().unwrap();
    party.provider.clear_alterations();
    party.clock.advance(60);
    (party, user.tokens.refresh_token.unwrap(), PreviousLogin::from(&user.id_token))
}

/// Refreshes, expects a refusal, and shows that the session goes on with the token of the error.
#[track_caller]
fn survives(alter: impl FnOnce(&mut Party), because: &str) -> Error {
    let (mut party, old, previous) = logged_in(Quirks::default(), |_| {});
    alter(&mut party);
    let error = party.refresh_with(&old, Some(previous.clone()), None).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(because), "{text}");
    let new = error.new_refresh_token().unwrap_or_else(|| panic!("{text}: the session is lost")).clone();
    assert_ne!(new, old);
    assert!(!format!("{error:?} {text}").contains(new.expose()), "the error shows no token");
    assert_eq!(error.code(), error.cause().code());
    party.provider.clear_alterations();
    party.provider.break_signatures(false);
    let next = party.refresh_with(&new, Some(previous), None).unwrap();
    assert_eq!(next.id_token.unwrap().sub, "alice");
    error
}

/// Puts a piece of JSON in front of the last brace.
fn append(piece: &'static str) -> Alteration {
    Box::new(move |response: &mut Response| {
        let body = response.body_mut();
        body.pop();
        body.extend_from_slice(piece.as_bytes());
    })
}

#[test]
fn an_odd_member_of_the_answer_does_not_cost_the_session() {
    let set = |name: &str, value: Value| -> Alteration { Box::new(hostile::set_member(name, value)) };
    for (alteration, because) in [
        (set("expires_in", json!("3600")), "`expires_in`"),
        (set("expires_in", json!({"seconds": 3600})), "`expires_in`"),
        (set("scope", json!(["openid", "email"])), "`scope`"),
        (set("token_type", json!(7)), "`token_type`"),
        (set("token_type", json!("")), "lacks the member `token_type`"),
        (Box::new(hostile::remove_member("token_type")), "lacks the member `token_type`"),
        (Box::new(hostile::remove_member("access_token")), "lacks the member `access_token`"),
        (set("access_token", json!("")), "lacks the member `access_token`"),
        (set("access_token", json!("a\nb")), "`access_token`"),
        (set("id_token", json!(["x"])), "`id_token`"),
        (append(r#","scope":"again"}"#), "two members of the same name"),
        (append(r#","name":"Ada \ud83d"}"#), "not JSON"),
        (append(r#","more":"#), "not JSON"),
    ] {
        survives(|party| party.provider.alter_response(EndpointName::Token, alteration), because);
    }
    // A success that calls itself an error.
    let both = |response: &mut Response| {
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        *response.body_mut() = json!({"error": "temporarily_odd", "refresh_token": body["refresh_token"]})
            .to_string()
            .into_bytes();
    };
    survives(|party| party.provider.alter_response(EndpointName::Token, both), "temporarily_odd");
}

#[test]
fn an_id_token_that_is_not_believed_does_not_cost_the_session() {
    type Altered = Box<dyn FnOnce(&mut Party)>;
    let claim = |name: &'static str, value: Value| -> Altered {
        Box::new(move |party| party.provider.alter_id_token(hostile::set_claim(name, value)))
    };
    let now = oidc_testkit::drive::NOW.0;
    for (alter, because) in [
        (claim("auth_time", json!(now + 30)), "`Quirks::refreshed_auth_time_differs`"),
        (claim("azp", json!("app")), "another `azp`"),
        (claim("nonce", json!("of another login")), "another `nonce`"),
        (claim("exp", json!(now - 600)), "expired"),
        (claim("iat", json!(now + 6_000)), "in the future (`iat`)"),
        (claim("at_hash", json!("AAAA")), "at_hash"),
        (claim("exp", json!("soon")), "`exp`"),
        (Box::new(|party: &mut Party| party.provider.break_signatures(true)), "signature"),
        (
            Box::new(|party: &mut Party| {
                party.provider.alter_response(EndpointName::Token, hostile::set_member("id_token", "no.jwt"));
            }),
            "ID token",
        ),
    ] {
        let error = survives(alter, because);
        assert!(matches!(error.cause(), Error::Token(_)), "{error}");
    }
}

#[test]
fn tokens_that_may_be_another_users_are_not_kept() {
    for (name, value) in [
        ("sub", json!("mallory")),
        ("iss", json!("https://evil.example")),
        ("aud", json!("another-client")),
        ("aud", json!(["another-client", "third"])),
    ] {
        let (mut party, old, previous) = logged_in(Quirks::default(), |_| {});
        party.provider.alter_id_token(hostile::set_claim(name, value));
        let error = party.refresh_with(&old, Some(previous), None).unwrap_err();
        assert_eq!(error.new_refresh_token(), None, "{name}");
        assert!(error.to_string().ends_with("end the session"), "{error}");
    }
}

#[test]
fn without_a_new_refresh_token_the_error_is_the_plain_one() {
    let (mut party, old, previous) =
        logged_in(Quirks::default(), |party| party.provider.rotate_refresh_tokens(false));
    party.provider.alter_id_token(hostile::set_claim("sub", "mallory"));
    let error = party.refresh_with(&old, Some(previous), None).unwrap_err();
    assert_eq!(error, VerificationError::Changed("sub").into());
    assert_eq!(error.new_refresh_token(), None);
    // What is no success brings no tokens, even if it says so.
    let (mut party, old, _) = logged_in(Quirks::default(), |_| {});
    let body = r#"{"error":"invalid_grant","refresh_token":"of an attacker"}"#;
    party.provider.alter_response(EndpointName::Token, hostile::respond(400, "application/json", body));
    assert_eq!(party.refresh_with(&old, None, None).unwrap_err().new_refresh_token(), None);
}

#[test]
fn a_claim_that_changes_is_accepted_by_its_quirk_and_by_no_other() {
    let later = oidc_testkit::drive::NOW.0 + 600;
    let moved = || hostile::set_claim("auth_time", later);
    let mut quirks = Quirks::default();
    quirks.refreshed_auth_time_differs = true;
    let (mut party, old, previous) = logged_in(quirks, |_| {});
    party.provider.alter_id_token(moved());
    let next = party.refresh_with(&old, Some(previous.clone()), None).unwrap();
    assert_eq!(next.id_token.unwrap().auth_time.unwrap().0, later);
    party.provider.alter_id_token(hostile::set_claim("sub", "mallory"));
    let error = party.refresh_with(&next.tokens.refresh_token.unwrap(), Some(previous), None).unwrap_err();
    assert_eq!(error.cause(), &VerificationError::Changed("sub").into(), "another user is never believed");

    let azp = |party: &mut Party| party.provider.alter_id_token(hostile::set_claim("azp", "app"));
    let (mut party, old, previous) = logged_in(quirks, azp);
    let error = party.refresh_with(&old, Some(previous), None).unwrap_err();
    assert!(error.to_string().contains("`Quirks::refreshed_without_azp`"), "{error}");
    quirks.refreshed_without_azp = true;
    let (mut party, old, previous) = logged_in(quirks, azp);
    let next = party.refresh_with(&old, Some(previous), None).unwrap();
    assert_eq!(next.id_token.unwrap().azp, None);
    // A party that is there must still be the right one.
    let (mut party, old, previous) = logged_in(quirks, azp);
    party.provider.alter_id_token(hostile::set_claim("azp", "other"));
    let error = party.refresh_with(&old, Some(previous), None).unwrap_err();
    assert_eq!(error.cause(), &VerificationError::AuthorizedParty.into());
}

/// Scenario E42: a Rust peer loses the new refresh token to an odd `token_type`, or to an array as `scope`.
#[test]
fn e42_a_refresh_with_quirks_believes_what_they_name() {
    let mut quirks = Quirks::default();
    quirks.scope_as_array = true;
    quirks.no_token_type = true;
    let (mut party, old, previous) = logged_in(quirks, |_| {});
    party
        .provider
        .alter_response(EndpointName::Token, hostile::set_member("scope", json!(["openid", "email"])));
    party.provider.alter_response(EndpointName::Token, hostile::remove_member("token_type"));
    let next = party.refresh_with(&old, Some(previous), None).unwrap();
    assert_eq!(next.tokens.scope.as_deref(), Some("openid email"));
    assert!(next.rotated && next.tokens.is_bearer());
}

#[test]
fn an_empty_token_is_one_that_the_provider_does_not_have() {
    let (mut party, old, previous) = logged_in(Quirks::default(), |_| {});
    party.provider.alter_response(EndpointName::Token, hostile::set_member("refresh_token", ""));
    party.provider.alter_response(EndpointName::Token, hostile::set_member("id_token", ""));
    let next = party.refresh_with(&old, Some(previous), None).unwrap();
    assert_eq!((next.rotated, next.tokens.refresh_token), (false, Some(old)), "the old one stays");
    assert!(next.id_token.is_none() && !next.id_token_unchecked);

    let mut party = Party::new();
    party.provider.alter_response(EndpointName::Token, hostile::set_member("refresh_token", ""));
    assert_eq!(party.login().unwrap().tokens.refresh_token, None);
    // A login cannot do without the ID token.
    let mut party = Party::new();
    party.provider.alter_response(EndpointName::Token, hostile::set_member("id_token", ""));
    let error = party.login().unwrap_err();
    assert!(error.to_string().contains("lacks the member `id_token`"), "{error}");
}
