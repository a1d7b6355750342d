//! Scenarios E29 to E45: defects of the nearest peer, each by its smallest input, as far as login and refresh go.

use oidc_proto::{Error, flow::CallbackError, message::AuthorizationRequest, token::VerificationError};
use oidc_testkit::{EndpointName, Party, drive::NOW, hostile, scenario::SECRET};
use std::time::Duration;

/// A party whose metadata do not say that responses have `iss`.
fn silent() -> Party {
    let mut party = Party::new();
    let gone = hostile::remove_member("authorization_response_iss_parameter_supported");
    party.provider.alter_response(EndpointName::Discovery, gone);
    let metadata = party.discover().unwrap();
    let client = oidc_proto::flow::Client::builder(metadata, "app").secret(SECRET);
    party.client = client.redirect_uri("https://app.example/callback").build().unwrap();
    party
}

fn called_back(party: &mut Party, query: &str) -> Error {
    let (_, pending) =
        party.client.authorize(&AuthorizationRequest::default(), party.clock.moment()).unwrap();
    let query = query.replace("{state}", pending.state());
    party.callback(pending, &query, None).unwrap_err()
}

#[test]
fn e29_another_issuer_is_refused_even_if_the_metadata_do_not_mention_iss() {
    for iss in ["https://evil.example", "https://op.example/", ""] {
        let error = called_back(&mut silent(), &format!("code=c&state={{state}}&iss={iss}"));
        assert_eq!(error, CallbackError::Issuer.into(), "{iss}");
    }
}

#[test]
fn e30_a_refusal_of_another_issuer_is_not_that_of_this_one() {
    for mut party in [silent(), Party::new()] {
        let error = called_back(&mut party, "error=access_denied&state={state}&iss=https://evil.example");
        assert_eq!(error, CallbackError::Issuer.into());
        let error = called_back(&mut party, "error=access_denied&iss=https://evil.example");
        assert_eq!(error, CallbackError::State.into(), "not even its text is shown");
    }
}

#[test]
fn e31_the_answer_to_a_demand_is_checked() {
    let old = NOW.0 - 86_400;
    let demands =
        || AuthorizationRequest::default().max_age(Duration::from_secs(600)).essential_acr(["gold"]);
    let refused = |claim: &str, value: serde_json::Value| {
        let mut party = Party::new();
        party.provider.alter_id_token(hostile::set_claim("acr", "gold"));
        party.provider.alter_id_token(hostile::set_claim(claim, value));
        match party.login_with(&demands(), None) {
            Err(Error::Token(why)) => why,
            other => panic!("{claim}: {other:?}"),
        }
    };
    assert!(matches!(refused("auth_time", old.into()), VerificationError::AuthenticationTooOld { .. }));
    assert_eq!(refused("acr", "bronze".into()), VerificationError::AuthenticationContext);
    assert_eq!(refused("at_hash", "AAAA".into()), VerificationError::AccessTokenHash);
}

#[test]
fn e41_a_success_that_is_an_error_shows_what_the_provider_said() {
    for (body, said) in [
        (
            r#"{"error":"bad_verification_code","error_description":"The code is incorrect"}"#,
            "The code is incorrect",
        ),
        (r#"{"error":"slow","access_token":null}"#, "`slow`"),
        (r#"{"error":"unknown_app","error_uri":"https://op.example/help"}"#, "https://op.example/help"),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Token, hostile::respond(200, "application/json", body));
        let error = party.login().unwrap_err();
        assert!(matches!(error, Error::OAuth(_)) && error.to_string().contains(said), "{error}");
    }
}

#[test]
fn e45_the_text_of_a_stranger_is_never_that_of_a_refusal() {
    for query in [
        "error=access_denied&error_description=Call+0900+now&state=none-of-ours",
        "error=Call+0900+now&state=x",
    ] {
        let error = called_back(&mut Party::new(), query);
        assert_eq!(error, CallbackError::State.into());
        assert!(!error.to_string().contains("0900"), "{error}");
    }
    let error = called_back(&mut Party::new(), "error=access_denied&error_description=Call+0900+now");
    assert!(error.to_string().contains("nobody vouches for what it says"), "{error}");
    assert_ne!(error.code(), "callback_denied");
}
