//! Claims of an odd type: nobody asked for them, so the login goes on, and a check that needs them does not.

use oidc_proto::{
    Error,
    base::JsonError,
    flow::{ClientBuilder, PreviousLogin},
    message::AuthorizationRequest,
    token::VerificationError,
};
use oidc_testkit::{EndpointName, Party, User, hostile};
use serde_json::{Value, json};

fn with(claim: &'static str, value: &Value) -> Party {
    let mut party = Party::new();
    party.provider.alter_id_token(hostile::set_claim(claim, value.clone()));
    party
}

fn wrong_type(error: &Error) -> Option<&'static str> {
    match error {
        Error::Token(VerificationError::Claims(JsonError::WrongType { member, .. })) => Some(member),
        _ => None,
    }
}

#[test]
fn a_claim_that_nobody_asked_for_is_set_aside_with_a_reason() {
    for (claim, value) in [
        ("acr", json!(2)),
        ("acr", json!({"level": "high"})),
        ("acr", json!(["a", "b"])),
        ("sid", json!(77)),
        ("sid", json!([])),
        ("auth_time", json!("1799999990")),
        ("auth_time", json!("yesterday")),
        ("auth_time", json!(1e300)),
        ("amr", json!(5)),
        ("amr", json!(["pwd", 5])),
        ("amr", json!({"pwd": true})),
    ] {
        let user = with(claim, &value).login().unwrap_or_else(|error| panic!("{claim}={value}: {error}"));
        let [odd] = user.id_token.set_aside[..] else { panic!("{claim}: {:?}", user.id_token.set_aside) };
        assert_eq!(odd.claim, claim);
        assert!(odd.expected.starts_with('a'), "{}", odd.expected);
        assert_eq!(user.id_token.claims[claim], value, "the value is not lost");
        let id_token = &user.id_token;
        assert!(id_token.acr.is_none() || claim != "acr");
        assert!(id_token.auth_time.is_none() || claim != "auth_time");
        assert!(id_token.sid.is_none() && id_token.amr.is_empty());
        // A refresh compares what there is.
        PreviousLogin::from(id_token).check(id_token).unwrap();
    }
    assert!(Party::new().login().unwrap().id_token.set_aside.is_empty());
    let one = with("amr", &json!("pwd")).login().unwrap();
    assert_eq!((one.id_token.amr, one.id_token.set_aside), (vec!["pwd".to_owned()], vec![]));
}

#[test]
fn claims_of_access_tokens_do_not_refuse_a_login_in_any_type() {
    for (claim, value) in [
        ("jti", json!(5)),
        ("client_id", json!(["app"])),
        ("scope", json!(7)),
        ("scp", json!({})),
        ("cnf", json!("k")),
    ] {
        let user = with(claim, &value).login().unwrap_or_else(|error| panic!("{claim}={value}: {error}"));
        assert_eq!(user.id_token.claims[claim], value);
    }
}

#[test]
fn a_claim_that_a_check_needs_stays_strict() {
    let max_age = AuthorizationRequest::default().max_age(std::time::Duration::from_secs(600));
    let acr = AuthorizationRequest::default().essential_acr(["2"]);
    for (claim, value, request) in [
        ("auth_time", json!("1799999990"), &max_age),
        ("auth_time", json!({}), &max_age),
        ("acr", json!(2), &acr),
        ("acr", json!(["2"]), &acr),
    ] {
        let error = with(claim, &value).login_with(request, None).unwrap_err();
        assert_eq!(wrong_type(&error), Some(claim), "{claim}={value}: {error}");
    }
    for (claim, value) in [
        ("sub", json!(35)),
        ("exp", json!("1800000300")),
        ("iat", json!("now")),
        ("nbf", json!([])),
        ("nonce", json!(5)),
        ("azp", json!(["app"])),
        ("at_hash", json!(1)),
        ("aud", json!(5)),
    ] {
        let error = with(claim, &value).login().unwrap_err();
        assert_eq!(wrong_type(&error), Some(claim), "{claim}={value}: {error}");
    }
    // Setting aside is no way to hide a member behind another of the same name.
    let nested = serde_json::from_str::<Value>(r#"{"a":{"b":[1]}}"#).unwrap();
    assert!(with("acr", &nested).login().is_ok());
}

#[test]
fn booleans_and_numbers_are_read_from_strings_on_request() {
    let user = User::new("alice")
        .claim("email_verified", "true")
        .claim("phone_number_verified", "False")
        .claim("updated_at", "1700000000")
        .claim("age", 7)
        .claim("half", 3.5)
        .claim("active", true)
        .claim("word", "yes");
    let mut party = Party::builder().client(ClientBuilder::fetch_userinfo).build();
    party.provider.user(user);
    let odd = json!({"email_verified": "true", "updated_at": "1700000000", "age": 7});
    for (name, value) in odd.as_object().unwrap() {
        party.provider.alter_id_token(hostile::set_claim(name, value.clone()));
        party
            .provider
            .alter_response(EndpointName::UserInfo, hostile::set_member(name.clone(), value.clone()));
    }
    for (name, value) in [
        ("phone_number_verified", json!("False")),
        ("half", json!(3.5)),
        ("active", json!(true)),
        ("word", json!("yes")),
    ] {
        party.provider.alter_response(EndpointName::UserInfo, hostile::set_member(name, value));
    }
    let user = party.login().unwrap();
    let userinfo = user.userinfo.unwrap();
    assert_eq!(userinfo.boolean("email_verified"), Some(true));
    assert_eq!(userinfo.boolean("phone_number_verified"), Some(false));
    assert_eq!(userinfo.boolean("active"), Some(true));
    assert_eq!(
        (userinfo.boolean("word"), userinfo.boolean("age"), userinfo.boolean("none")),
        (None, None, None)
    );
    assert_eq!(userinfo.integer("updated_at"), Some(1_700_000_000));
    assert_eq!(userinfo.integer("age"), Some(7));
    assert_eq!((userinfo.integer("half"), userinfo.integer("word")), (None, None));
    assert_eq!(userinfo.claim::<bool>("email_verified"), None, "a typed reading stays strict");
    assert_eq!(user.id_token.boolean("email_verified"), Some(true));
    assert_eq!(
        (user.id_token.integer("updated_at"), user.id_token.integer("age")),
        (Some(1_700_000_000), Some(7))
    );
}
