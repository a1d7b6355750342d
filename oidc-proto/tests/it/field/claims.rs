//! Claims of an odd type: nobody asked for them, so the login goes on, and a check that needs them does not.

use crate::resource::world::key;
use oidc_proto::{
    Error, Secret,
    base::{JsonError, base64url},
    flow::{ClientBuilder, Quirks},
    jose::{Algorithm, KeySet, Sign},
    message::AuthorizationRequest,
    token::{Expected, IdToken, IdTokenVerifier, VerificationError},
};
use oidc_testkit::{EndpointName, Party, User, drive::NOW, hostile};
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
        // A refresh compares what there is. `auth_time` has a test of its own.
        let mut party = Party::new();
        let sound = party.login().unwrap();
        party.provider.alter_id_token(hostile::set_claim(claim, value.clone()));
        let refreshed = party.refresh(&sound);
        assert_eq!(refreshed.is_ok(), claim != "auth_time", "{claim}={value}: {:?}", refreshed.err());
        party.provider.clear_alterations();
        let mut party = with(claim, &value);
        let odd = party.login().unwrap();
        party.provider.clear_alterations();
        let next = party.refresh(&odd).unwrap().id_token.unwrap();
        assert!(next.set_aside.is_empty(), "{claim}={value}: nothing is remembered that was not there");
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
}

/// An ID token with this text among its claims, verified by itself.
fn read(claim: &str) -> Result<IdToken, VerificationError> {
    let signer = key("ed25519-1", Algorithm::EdDSA);
    let payload = format!(
        r#"{{"iss":"https://op.example","sub":"alice","aud":"app","iat":{0},"exp":{1},{claim}}}"#,
        NOW.0,
        NOW.0 + 300
    );
    let header = r#"{"alg":"EdDSA"}"#;
    let signed =
        format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()));
    let token = format!("{signed}.{}", base64url::encode(&signer.sign(signed.as_bytes()).unwrap()));
    let keys = KeySet::from_jwks(signer.public_jwk()).unwrap();
    IdTokenVerifier::new("https://op.example", "app").verify(
        &Secret::new(token),
        &keys,
        &Expected::default(),
        NOW,
    )
}

#[test]
fn setting_aside_hides_no_member_behind_another_of_the_same_name() {
    for claim in ["acr", "sid", "auth_time", "amr"] {
        let token = read(&format!(r#""{claim}":{{"a":1,"b":[2]}}"#)).unwrap();
        assert_eq!(token.set_aside[0].claim, claim);
        for hidden in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"a":1,"c":[{"a":1,"a":2}]}}"#,
            r#"[{"a":1,"a":2}]"#,
        ] {
            let refused = read(&format!(r#""{claim}":{hidden}"#)).unwrap_err();
            assert_eq!(refused, VerificationError::Claims(JsonError::DuplicateMember), "{claim}: {hidden}");
        }
        let twice = read(&format!(r#""{claim}":{{}},"{claim}":"x""#)).unwrap_err();
        assert_eq!(twice, VerificationError::Claims(JsonError::DuplicateMember), "{claim}");
        let deep = format!(r#""{claim}":{}{}"#, "[".repeat(60), "]".repeat(60));
        assert_eq!(read(&deep).unwrap_err(), VerificationError::Claims(JsonError::TooDeep), "{claim}");
    }
}

/// A time that cannot be compared is not the time of the login.
#[test]
fn an_odd_auth_time_is_no_way_around_the_comparison_of_a_refresh() {
    let mut lenient = Quirks::default();
    lenient.refreshed_auth_time_differs = true;
    let mut others = Quirks::default();
    (others.refreshed_without_azp, others.no_nonce, others.scope_as_array) = (true, true, true);
    for value in
        [json!("1799999990"), json!("yesterday"), json!([NOW.0]), json!({}), json!(true), json!(1e300)]
    {
        for (quirks, accepted) in [(Quirks::default(), false), (others, false), (lenient, true)] {
            let mut party = Party::builder().client(move |client| client.quirks(quirks)).build();
            let user = party.login().unwrap();
            let then = user.id_token.auth_time;
            assert!(then.is_some());
            party.provider.alter_id_token(hostile::set_claim("auth_time", value.clone()));
            match party.refresh(&user) {
                Ok(next) => {
                    assert!(accepted, "{value}");
                    let now = next.id_token.unwrap();
                    assert_eq!((now.auth_time, now.set_aside[0].claim), (None, "auth_time"));
                }
                Err(error) => {
                    assert!(!accepted, "{value}: {error}");
                    assert_eq!(error.cause(), &VerificationError::Changed("auth_time").into(), "{value}");
                    assert!(error.to_string().contains("`Quirks::refreshed_auth_time_differs`"), "{error}");
                    assert!(error.new_refresh_token().is_some(), "the session is not lost");
                }
            }
        }
    }
    // An absent time is no odd one, and a login without a time leaves nothing to compare.
    for value in [Value::Null, json!(NOW.0)] {
        let mut party = Party::new();
        if !value.is_null() {
            party.provider.alter_id_token(hostile::remove_claim("auth_time"));
        }
        let user = party.login().unwrap();
        party.provider.clear_alterations();
        party.provider.alter_id_token(hostile::set_claim("auth_time", value.clone()));
        assert!(party.refresh(&user).is_ok(), "{value}");
    }
    let mut party = with("auth_time", &json!("yesterday"));
    let user = party.login().unwrap();
    assert!(party.refresh(&user).is_ok(), "the login had no time that could be compared");
}

/// Whatever a later check compares keeps its type, on refresh as at login.
#[test]
fn a_claim_that_a_refresh_compares_stays_strict() {
    for (claim, values) in [
        ("azp", [json!(["app"]), json!(7), json!({})]),
        ("nonce", [json!(5), json!(["n"]), json!(true)]),
        ("at_hash", [json!(1), json!({}), json!(["h"])]),
        ("aud", [json!(5), json!({}), json!(["app", 7])]),
        ("sub", [json!(35), json!(["alice"]), json!(true)]),
        ("iss", [json!(1), json!({}), json!(["https://op.example"])]),
    ] {
        for value in values {
            let mut party = Party::new();
            let user = party.login().unwrap();
            party.provider.alter_id_token(hostile::set_claim(claim, value.clone()));
            let error = party.refresh(&user).unwrap_err();
            assert_eq!(wrong_type(error.cause()), Some(claim), "{claim}={value}: {error}");
        }
    }
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
