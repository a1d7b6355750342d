//! A grant of one's own.

use super::*;
use oidc_proto::{
    Error,
    flow::{ClientAuthentication, ConfigError, GrantRequest, MAX_RETRIES, ResponseRule},
    jose::Algorithm,
};
use oidc_testkit::{EndpointName, KeyRing, Party, drive, hostile};
use serde_json::json;

const BADGE: &str = "urn:example:grant:badge";

fn party() -> Party {
    let mut party = Party::new();
    party.provider.accept_grant(BADGE, &["badge"]);
    party.provider.allow_grant("app", BADGE);
    party
}

fn wanted() -> GrantRequest {
    GrantRequest::new(BADGE).parameter("badge", "number 7")
}

#[test]
fn a_grant_of_ones_own_sends_its_parameters_and_gets_tokens() {
    for (wanted, scopes, resources, audiences) in [
        (wanted(), vec![], vec![], vec![]),
        (wanted().scopes(["doors", "lift"]), vec!["doors lift"], vec![], vec![]),
        (
            wanted().resource("https://a.example").resource("https://b.example").audience("x").audience("y"),
            vec![],
            vec!["https://a.example", "https://b.example"],
            vec!["x", "y"],
        ),
    ] {
        let mut party = party();
        let call = party.client.grant(&wanted, party.clock.moment()).unwrap();
        let tokens = drive(call, &mut party.provider, &mut party.clock).unwrap();
        assert!(tokens.is_bearer() && tokens.is_access_token());
        let seen = party.provider.requests().last().unwrap();
        assert_eq!(all(seen, "grant_type"), [BADGE]);
        assert_eq!(all(seen, "badge"), ["number 7"]);
        assert_eq!((all(seen, "scope"), all(seen, "resource")), (owned(&scopes), owned(&resources)));
        assert_eq!(all(seen, "audience"), owned(&audiences));
        assert!(seen.header("authorization").is_some_and(|value| value.starts_with("Basic ")));
        party.provider.assert_clean();
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_grant_is_sent_once_unless_its_author_says_that_it_may_be_repeated() {
    for (wanted, requests) in [(wanted(), 1), (wanted().repeatable(), 1 + usize::from(MAX_RETRIES))] {
        let mut party = party();
        party.provider.alter_response(EndpointName::Token, hostile::retry_after(5));
        let call = party.client.grant(&wanted, party.clock.moment()).unwrap();
        let busy = drive(call, &mut party.provider, &mut party.clock).unwrap_err();
        assert_eq!((busy.code(), party.provider.count(EndpointName::Token)), ("unavailable", requests));
        // A response that is lost.
        let (_, _, pending) = party.client.grant(&wanted, moment(NOW)).unwrap().into_parts();
        assert_eq!(pending.fail(moment(NOW)).unwrap().is_some(), requests > 1);
    }
}

/// Authentication and DPoP are those of every grant: a new assertion and a new proof for each attempt.
#[test]
fn each_attempt_of_a_grant_authenticates_and_proves_anew() {
    let ring = KeyRing::new();
    let key =
        || -> std::sync::Arc<dyn oidc_proto::jose::Sign> { ring.signer(Algorithm::ES256, 1, None).0.into() };
    let metadata = party().client.metadata().clone();
    let client = oidc_proto::flow::Client::builder(metadata, "app")
        .authentication(ClientAuthentication::PrivateKeyJwt)
        .signer(key())
        .dpop_key(key())
        .build()
        .unwrap();
    let call = client.grant(&wanted().repeatable(), moment(NOW)).unwrap();
    let secrets = |request: &http::Request<Vec<u8>>| {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(request.body()).into_owned().collect();
        let assertion = form.iter().find(|(name, _)| name == "client_assertion").unwrap().1.clone();
        (assertion, request.headers()["dpop"].clone())
    };
    let (first, _, pending) = call.into_parts();
    let mut demand = response(400, &json!({"error": "use_dpop_nonce"}));
    demand.headers_mut().insert("dpop-nonce", "n1".parse().unwrap());
    let Ok(Step::Send(call)) = pending.receive(demand, oidc_proto::Moment::new(NOW, [8; 32])) else {
        panic!("the same request again")
    };
    let (second, _, pending) = call.into_parts();
    let Ok(Some(Step::Wait(pause))) = pending.fail(oidc_proto::Moment::new(NOW, [9; 32])) else {
        panic!("it waits")
    };
    let Ok(Step::Send(call)) = pause.wake(oidc_proto::Moment::new(NOW.plus(60), [10; 32])) else {
        panic!("and repeats")
    };
    let (third, _, pending) = call.into_parts();
    let sent = [secrets(&first), secrets(&second), secrets(&third)];
    for (at, (assertion, proof)) in sent.iter().enumerate() {
        assert!(sent[..at].iter().all(|(other, another)| other != assertion && another != proof));
    }
    // And no token that is not bound.
    let bearer = json!({"access_token": "a", "token_type": "Bearer"});
    let refused = pending.receive(response(200, &bearer), moment(NOW)).unwrap_err();
    let Error::Response(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.rule, ResponseRule::NotBound);
}

#[test]
fn the_response_must_have_what_the_grant_requires() {
    let party = party();
    let begin = |wanted: GrantRequest| party.client.grant(&wanted, moment(NOW)).unwrap();
    let good = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 60, "door": 7});
    for member in ["access_token", "token_type", "expires_in", "door"] {
        assert!(matches!(told(begin(wanted().requires(member)), 200, &good), Ok(Step::Done(_))), "{member}");
    }
    for member in ["refresh_token", "scope", "id_token", "window"] {
        let Err(Error::Response(error)) = told(begin(wanted().requires(member)), 200, &good) else {
            panic!("{member}")
        };
        assert_eq!(error.rule, ResponseRule::Missing(member));
    }
    // What is no access token is none. Only a token exchange issues others.
    for spelling in ["N_A", "n_a"] {
        let other = json!({"access_token": "a", "token_type": spelling});
        let Err(Error::Response(error)) = told(begin(wanted()), 200, &other) else { panic!("{spelling}") };
        assert_eq!(error.rule, ResponseRule::Value("token_type"));
    }
    // An ID token that nothing has checked is no login.
    let with_id_token = json!({"access_token": "a", "token_type": "Bearer", "id_token": "e30.e30."});
    let tokens = told(begin(wanted()), 200, &with_id_token);
    assert!(matches!(tokens, Ok(Step::Done(tokens)) if tokens.id_token.is_none()));
}

#[test]
fn a_request_that_would_contradict_the_library_is_not_sent() {
    let party = party();
    let refused = |wanted: GrantRequest| party.client.grant(&wanted, moment(NOW)).unwrap_err();
    for name in
        ["grant_type", "scope", "resource", "audience", "client_id", "client_secret", "client_assertion"]
    {
        assert_eq!(refused(wanted().parameter(name, "x")), ConfigError::Reserved(name).into());
    }
    assert_eq!(refused(wanted().parameter("badge", "8")), ConfigError::Reserved("extra").into());
    // The grants of RFC 6749 have flows of their own. The password grant has none, on purpose.
    for name in ["authorization_code", "refresh_token", "password", ""] {
        assert_eq!(refused(GrantRequest::new(name)), ConfigError::Parameter("grant_type").into(), "{name}");
    }
    for resource in ["orders", "", "https://api.example/#part"] {
        assert_eq!(refused(wanted().resource(resource)), ConfigError::Parameter("resource").into());
    }
}

#[test]
fn a_refused_grant_ends_with_the_words_of_the_provider_but_without_the_parameters() {
    let party = party();
    for (error, description) in [
        ("invalid_grant", "badge number 7 is lost"),
        ("invalid_target", "number 7"),
        ("invalid_request", "number+7"),
    ] {
        let call = party.client.grant(&wanted(), moment(NOW)).unwrap();
        let members = json!({"error": error, "error_description": description});
        let refused = told(call, 400, &members).unwrap_err();
        assert_eq!(refused.code(), error);
        assert!(!format!("{refused} {refused:?}").contains("number"), "{refused}");
    }
}
