//! A resource server introspects a token at the authorization server (RFC 7662).

use crate::support::*;
use oidc_proto::{
    Error, Secret,
    base::JsonError,
    flow::{
        Client, ClientCredentialsRequest, ConfigError, Discovery, Endpoint, MAX_INTROSPECTED, MAX_RETRIES,
        ResponseRule, Step, TokenTypeHint,
    },
    message::IntrospectionResponse,
};
use oidc_testkit::{EndpointName, Registration, TestProvider, hostile};
use serde_json::json;
use std::time::Duration;

fn provider() -> TestProvider {
    let mut provider = TestProvider::new(ISSUER);
    provider.register(Registration::basic("service", SECRET).grant_type("client_credentials"));
    provider.register(Registration::basic("api", SECRET));
    provider.register(Registration::post("api-post", SECRET));
    provider.register(Registration::public("public"));
    provider
}

fn client(provider: &mut TestProvider, id: &str, secret: Option<&str>) -> Client {
    let metadata = run(provider, Discovery::start(ISSUER, &policy()).unwrap()).unwrap();
    let builder = Client::builder(metadata, id);
    let builder = match secret {
        Some(secret) => builder.secret(secret),
        None => builder,
    };
    let builder = match id {
        "api-post" => builder.authentication(oidc_proto::flow::ClientAuthentication::ClientSecretPost),
        _ => builder,
    };
    builder.build().unwrap()
}

fn token(provider: &mut TestProvider) -> Secret {
    let service = client(provider, "service", Some(SECRET));
    let wanted = ClientCredentialsRequest::new(["read", "write"]);
    run(provider, service.client_credentials_once(&wanted, moment(NOW)).unwrap()).unwrap().access_token
}

#[test]
fn an_opaque_token_is_described_and_its_end_is_a_response_and_not_an_error() {
    for id in ["api", "api-post"] {
        let mut provider = provider();
        provider.opaque_access_tokens(true);
        let token = token(&mut provider);
        assert!(!token.expose().contains('.'));
        let api = client(&mut provider, id, Some(SECRET));
        let hint = Some(TokenTypeHint::AccessToken);
        let said = run(&mut provider, api.introspect(&token, hint, moment(NOW)).unwrap()).unwrap();
        assert!(said.active && said.has_scope("write"));
        assert_eq!((said.iss.as_deref(), said.client_id.as_deref()), (Some(ISSUER), Some("service")));
        assert_eq!((said.exp, said.aud), (Some(NOW.plus(300)), vec!["https://api.example".to_owned()]));
        let mut later = NOW.plus(300);
        let said =
            run_at(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap(), &mut later).unwrap();
        assert!(!said.active);
        assert_eq!(said.extra.len(), 0);
        let unknown =
            run(&mut provider, api.introspect_once(&"unknown".into(), hint, moment(NOW)).unwrap()).unwrap();
        assert!(!unknown.active);
        provider.assert_clean();
    }
}

#[test]
fn wrong_credentials_are_never_blamed_on_the_token() {
    for (id, secret) in [("api", Some("wrong")), ("nobody", Some(SECRET)), ("public", None)] {
        let mut provider = provider();
        let token = token(&mut provider);
        let api = client(&mut provider, id, secret);
        let ended = run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap());
        let Err(Error::OAuth(error)) = ended else { panic!("{id}: {ended:?}") };
        assert_eq!((error.endpoint, error.status), (Endpoint::Introspection, 401));
        assert_eq!(error.response.error, "invalid_client");
    }
}

#[test]
fn a_401_without_a_body_means_wrong_credentials_too() {
    let mut provider = provider();
    let api = client(&mut provider, "api", Some(SECRET));
    let ask = || api.introspect_once(&"t".into(), None, moment(NOW)).unwrap();
    let Err(Error::OAuth(error)) = answer(ask(), 401, "text/html", "<html>") else { panic!() };
    assert_eq!(error.response.error, "invalid_client");
    let (_, _, pending) = ask().into_parts();
    let challenge = r#"Bearer error="invalid_token""#;
    let response =
        http::Response::builder().status(401).header("www-authenticate", challenge).body("").unwrap();
    let Err(Error::OAuth(error)) = pending.receive(response, moment(NOW)) else { panic!() };
    assert_eq!(error.response.error, "invalid_token");
}

#[test]
fn every_other_response_has_its_own_error() {
    let mut provider = provider();
    let api = client(&mut provider, "api", Some(SECRET));
    let ask = |status, media: &str, body: &str| match answer(
        api.introspect_once(&"t".into(), None, moment(NOW)).unwrap(),
        status,
        media,
        body,
    ) {
        Ok(Step::Done(said)) => Ok(said),
        Err(Error::Response(error)) => Err(error.rule),
        Ok(other) => panic!("{other:?}"),
        Err(other) => panic!("{other:?}"),
    };
    let json = "application/json";
    assert_eq!(ask(200, json, r#"{"active":true}"#).map(|said: IntrospectionResponse| said.active), Ok(true));
    let wrong = |member, expected| ResponseRule::Json(JsonError::WrongType { member, expected });
    assert_eq!(ask(200, json, r#"{"active":"true"}"#), Err(wrong("active", "a boolean")));
    assert_eq!(ask(200, json, r#"{"active":true,"exp":"x"}"#), Err(wrong("exp", "a date in seconds")));
    assert_eq!(ask(200, json, r#"{"exp":5}"#), Err(ResponseRule::Missing("active")));
    assert_eq!(
        ask(200, json, r#"{"active":false,"active":true}"#),
        Err(ResponseRule::Json(JsonError::DuplicateMember))
    );
    assert_eq!(ask(200, json, "[]"), Err(ResponseRule::Json(JsonError::NotAnObject)));
    assert_eq!(ask(200, json, ""), Err(ResponseRule::Json(JsonError::NotJson)));
    assert_eq!(ask(200, "application/token-introspection+jwt", "a.b.c"), Err(ResponseRule::UnexpectedJwt));
    assert_eq!(ask(302, json, r#"{"active":true}"#), Err(ResponseRule::Redirect));
    assert_eq!(ask(404, json, r#"{"active":true}"#), Err(ResponseRule::Status));
    let long = format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(ask(200, json, &long), Err(ResponseRule::TooLarge { limit: 64 * 1024 }));
}

#[test]
fn introspection_is_repeated_within_a_budget() {
    let mut provider = provider();
    let token = token(&mut provider);
    let api = client(&mut provider, "api", Some(SECRET));
    provider.alter_response(EndpointName::Introspection, hostile::times(2, hostile::retry_after(5)));
    let mut now = NOW;
    let said = run_at(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap(), &mut now).unwrap();
    assert!(said.active && now >= NOW.plus(10));
    assert_eq!(provider.count(EndpointName::Introspection), 3);
    provider.assert_clean();
    // A busy server gets no more requests than the budget allows. `introspect_once` sends one request only.
    provider.alter_response(EndpointName::Introspection, hostile::retry_after(1));
    let ended = run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap());
    assert!(matches!(ended, Err(Error::Unavailable(busy)) if busy.endpoint == Endpoint::Introspection));
    assert_eq!(provider.count(EndpointName::Introspection), 4 + usize::from(MAX_RETRIES));
    let ended = run(&mut provider, api.introspect_once(&token, None, moment(NOW)).unwrap());
    assert!(
        matches!(ended, Err(Error::Unavailable(busy)) if busy.retry_after() == Some(Duration::from_secs(1)))
    );
    assert_eq!(provider.count(EndpointName::Introspection), 5 + usize::from(MAX_RETRIES));
}

#[test]
fn a_lost_response_is_requested_again_except_by_introspect_once() {
    let mut provider = provider();
    let api = client(&mut provider, "api", Some(SECRET));
    let (_, _, pending) = api.introspect(&"t".into(), None, moment(NOW)).unwrap().into_parts();
    assert!(matches!(pending.fail(moment(NOW)), Ok(Some(Step::Wait(pause))) if pause.until() > NOW));
    let (_, terms, pending) = api.introspect_once(&"t".into(), None, moment(NOW)).unwrap().into_parts();
    assert_eq!(terms.endpoint, Endpoint::Introspection);
    assert!(pending.fail(moment(NOW)).unwrap().is_none());
}

#[test]
fn an_impossible_token_is_never_sent() {
    let mut provider = provider();
    let api = client(&mut provider, "api", Some(SECRET));
    let ask = |token: &str| api.introspect(&Secret::new(token), None, moment(NOW)).err();
    assert_eq!(ask(&"t".repeat(MAX_INTROSPECTED)), None);
    let too_long = ConfigError::TokenTooLong { limit: MAX_INTROSPECTED };
    assert_eq!(ask(&"t".repeat(MAX_INTROSPECTED + 1)), Some(Error::Config(too_long)));
    for bad in [String::new(), "a\nb".into(), "é".into(), "a\0".into()] {
        assert_eq!(ask(&bad), Some(Error::Config(ConfigError::Parameter("token"))));
    }
    provider.alter_response(EndpointName::Discovery, hostile::remove_member("introspection_endpoint"));
    let silent = client(&mut provider, "api", Some(SECRET));
    assert_eq!(
        silent.introspect(&"t".into(), None, moment(NOW)).err(),
        Some(Error::Config(ConfigError::NoEndpoint("introspection_endpoint")))
    );
}

#[test]
fn the_result_is_always_the_current_response_of_the_server() {
    // The library remembers nothing: each changed response counts.
    let mut provider = provider();
    let api = client(&mut provider, "api", Some(SECRET));
    let token = token(&mut provider);
    assert!(run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap()).unwrap().active);
    let no = json!({"active": false}).to_string();
    provider.alter_response(EndpointName::Introspection, hostile::respond(200, "application/json", no));
    assert!(!run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap()).unwrap().active);
}
