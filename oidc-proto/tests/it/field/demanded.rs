//! What a program demands by the parameter `claims` is checked, and what it adds to a request for access is sent.

use oidc_proto::{
    Error,
    flow::ConfigError,
    message::{AccessRequest, AuthorizationRequest},
    token::VerificationError,
};
use oidc_testkit::{EndpointName, Party, hostile};
use serde_json::{Value, json};

fn asking(claims: &Value) -> AuthorizationRequest {
    let mut request = AuthorizationRequest::default();
    request.claims = Some(claims.as_object().unwrap().clone());
    request
}

fn login(claims: &Value, claim: &'static str, value: Option<Value>) -> Result<String, Error> {
    let mut party = Party::new();
    match value {
        Some(value) => party.provider.alter_id_token(hostile::set_claim(claim, value)),
        None => party.provider.alter_id_token(hostile::remove_claim(claim)),
    }
    party.login_with(&asking(claims), None).map(|user| user.id_token.sub)
}

#[test]
fn an_essential_class_in_the_parameter_claims_is_demanded_of_the_id_token() {
    let one = json!({"id_token": {"acr": {"essential": true, "value": "gold"}}});
    let two = json!({"id_token": {"acr": {"essential": true, "values": ["gold", "silver"]}}});
    for (claims, acr, verdict) in [
        (&one, Some(json!("gold")), Ok(())),
        (&one, Some(json!("silver")), Err(VerificationError::AuthenticationContext)),
        (&one, None, Err(VerificationError::Missing("acr"))),
        (&two, Some(json!("silver")), Ok(())),
        (&two, Some(json!("bronze")), Err(VerificationError::AuthenticationContext)),
        (&two, None, Err(VerificationError::Missing("acr"))),
    ] {
        let found = login(claims, "acr", acr.clone());
        assert_eq!(found.map(drop), verdict.map_err(Error::Token), "{claims} {acr:?}");
    }
    let odd = login(&one, "acr", Some(json!(["gold"])));
    assert!(matches!(odd, Err(Error::Token(VerificationError::Claims(_)))));
}

#[test]
fn a_wish_in_the_parameter_claims_is_no_demand() {
    for claims in [
        json!({"id_token": {"acr": {"value": "gold"}}}),
        json!({"id_token": {"acr": {"essential": false, "values": ["gold"]}}}),
        json!({"id_token": {"acr": {"essential": true}}}),
        json!({"id_token": {"acr": null, "auth_time": null}}),
        json!({"id_token": {"auth_time": {"essential": false}}}),
        json!({"userinfo": {"acr": {"essential": true, "value": "gold"}, "auth_time": {"essential": true}}}),
    ] {
        assert_eq!(login(&claims, "acr", None).unwrap(), "alice", "{claims}");
        assert_eq!(login(&claims, "auth_time", None).unwrap(), "alice", "{claims}");
    }
}

#[test]
fn an_essential_time_of_authentication_must_be_there_and_may_be_any() {
    let claims = json!({"id_token": {"auth_time": {"essential": true}}});
    for time in [0, 1, 1_700_000_000] {
        assert_eq!(login(&claims, "auth_time", Some(json!(time))).unwrap(), "alice", "{time}");
    }
    let missing = Err(Error::Token(VerificationError::Missing("auth_time")));
    assert_eq!(login(&claims, "auth_time", None), missing);
    assert!(matches!(
        login(&claims, "auth_time", Some(json!("1799999990"))),
        Err(Error::Token(VerificationError::Claims(_)))
    ));
    // A maximum age is the stronger demand, and stays.
    let request = asking(&claims).max_age(std::time::Duration::from_secs(60));
    let mut party = Party::new();
    party.provider.alter_id_token(hostile::set_claim("auth_time", 1_700_000_000));
    let error = party.login_with(&request, None).map(drop).unwrap_err();
    assert!(matches!(error, Error::Token(VerificationError::AuthenticationTooOld { .. })), "{error}");
}

#[test]
fn the_demand_of_a_login_survives_being_saved() {
    let mut party = Party::new();
    let claims =
        json!({"id_token": {"acr": {"essential": true, "value": "gold"}, "auth_time": {"essential": true}}});
    let (url, pending) = party.authorize(&asking(&claims)).unwrap();
    assert!(!url.as_str().contains("max_age"), "{url}");
    let saved = serde_json::to_string(&pending).unwrap();
    let query = party.callback_query(&url);
    let error = party.callback(serde_json::from_str(&saved).unwrap(), &query, None).map(drop).unwrap_err();
    assert_eq!(error, Error::Token(VerificationError::Missing("acr")));
}

#[test]
fn classes_that_cannot_be_read_are_refused_before_the_user_leaves() {
    for acr in [
        json!({"essential": true, "value": 2}),
        json!({"essential": true, "values": []}),
        json!({"essential": true, "values": ["gold", 2]}),
        json!({"essential": true, "values": "gold"}),
        json!({"essential": true, "value": "gold", "values": ["silver"]}),
        json!({"essential": true, "value": ""}),
    ] {
        let error = Party::new()
            .authorize(&asking(&json!({"id_token": {"acr": acr.clone()}})))
            .map(drop)
            .unwrap_err();
        assert_eq!(error, ConfigError::Parameter("claims").into(), "{acr}");
    }
}

#[test]
fn a_request_for_access_takes_the_parameters_for_which_only_a_login_has_setters() {
    for (name, value) in [
        ("prompt", "select_account"),
        ("login_hint", "alice@example.com"),
        ("ui_locales", "de-CH de"),
        ("acr_values", "gold"),
        ("max_age", "60"),
        ("display", "popup"),
        ("claims_locales", "fr"),
        ("id_token_hint", "a.b.c"),
        ("login", "octocat"),
        ("allow_signup", "false"),
    ] {
        let mut party = Party::new();
        let request = AccessRequest::new(["read"]).parameter(name, value);
        let (url, _) = party.client.authorize_access(&request, party.clock.moment()).unwrap();
        let sent: Vec<_> = url.query_pairs().filter(|(known, _)| known == name).collect();
        assert_eq!(sent.len(), 1, "{url}");
        assert_eq!(sent[0].1, value);
        let twice = request.parameter(name, "other");
        let error = party.client.authorize_access(&twice, party.clock.moment()).map(drop).unwrap_err();
        assert_eq!(error, ConfigError::Reserved("extra").into());
    }
    let party = &mut Party::new();
    for name in ["claims", "nonce", "state", "scope", "request", "client_id", "code_challenge", "dpop_jkt"] {
        let request = AccessRequest::new(["read"]).parameter(name, "x");
        let error = party.client.authorize_access(&request, party.clock.moment()).map(drop).unwrap_err();
        assert_eq!(error, ConfigError::Reserved(name).into());
    }
    // A login still has its setters, which it checks.
    let login = AuthorizationRequest::default().parameter("max_age", "60");
    assert_eq!(party.authorize(&login).map(drop).unwrap_err(), ConfigError::Reserved("max_age").into());
    assert_eq!(party.provider.count(EndpointName::Token), 0);
}
