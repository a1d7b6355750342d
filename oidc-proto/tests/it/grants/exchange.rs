//! Token exchange (RFC 8693).

use super::*;
use oidc_proto::{
    Error,
    flow::{ConfigError, MAX_RETRIES, ResponseRule, TokenExchangeRequest, TokenTypeIdentifier},
    jose::Algorithm,
    token::{AccessTokenVerifier, Scratch},
};
use oidc_testkit::{EndpointName, KeyRing, Party, TOKEN_EXCHANGE_GRANT, drive, hostile};
use serde_json::json;

const ACCESS: TokenTypeIdentifier = TokenTypeIdentifier::ACCESS_TOKEN;

fn party() -> Party {
    let mut party = Party::new();
    party.provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
    party
}

fn wanted() -> TokenExchangeRequest {
    TokenExchangeRequest::new("the subject's token", ACCESS)
}

#[test]
fn an_access_token_becomes_one_for_other_apis() {
    let mut party = party();
    let user = party.login().unwrap();
    let service = party.client_credentials(&Default::default()).unwrap();
    let wanted = TokenExchangeRequest::new(user.tokens.access_token, ACCESS)
        .actor(service.access_token, ACCESS)
        .requesting(ACCESS)
        .resource("https://orders.example/")
        .resource("https://stock.example/")
        .audience("billing")
        .audience("reports")
        .scopes(["profile"]);
    let call = party.client.exchange(&wanted, party.clock.moment()).unwrap();
    let exchanged = drive(call, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(exchanged.issued_token_type, ACCESS);
    assert!(exchanged.tokens.is_bearer() && exchanged.tokens.refresh_token.is_some());
    assert!(!exchanged.tokens.extra.contains_key("issued_token_type"), "it has a field");

    let keys = party.keys().unwrap();
    for audience in ["https://orders.example/", "https://stock.example/", "billing", "reports"] {
        let api = AccessTokenVerifier::new("https://op.example", audience);
        let mut scratch = Scratch::new();
        let token = exchanged.tokens.access_token.expose();
        let verified = api.verify(token, &keys, &mut scratch, party.clock.now()).unwrap();
        assert_eq!(verified.claims().sub.as_deref(), Some("alice"), "{audience}");
        assert!(verified.has_scope("profile") && !verified.has_scope("email"));
    }
    let seen = party.provider.requests().iter().find(|seen| !all(seen, "subject_token").is_empty()).unwrap();
    for (name, value) in [
        ("grant_type", TOKEN_EXCHANGE_GRANT),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("actor_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("scope", "profile"),
    ] {
        assert_eq!(all(seen, name), [value], "{name}");
    }
    party.provider.assert_clean();
}

#[test]
fn a_token_of_another_issuer_and_an_id_token_are_exchanged_too() {
    let ring = KeyRing::new();
    for (kind, algorithm) in
        [(TokenTypeIdentifier::ID_TOKEN, None), (TokenTypeIdentifier::JWT, Some(Algorithm::EdDSA))]
    {
        let mut party = party();
        party.provider.trust_assertions("https://cluster.example", ring.document());
        let subject = match algorithm {
            None => party.login().unwrap().id_token.token.expose().to_owned(),
            Some(algorithm) => {
                let claims = json!({"iss": "https://cluster.example", "sub": "alice", "jti": "1",
                    "aud": "https://op.example", "exp": NOW.0 + 60});
                let (signer, _) = ring.signer(algorithm, 1, None);
                oidc_proto::jose::sign_compact(&*signer, Default::default(), claims.to_string().as_bytes())
                    .unwrap()
            }
        };
        let wanted = TokenExchangeRequest::new(subject, kind.clone());
        let call = party.client.exchange(&wanted, party.clock.moment()).unwrap();
        let exchanged = drive(call, &mut party.provider, &mut party.clock).unwrap();
        assert_eq!(exchanged.issued_token_type, ACCESS, "{kind:?}");
        party.provider.assert_clean();
    }
}

#[test]
fn a_response_must_say_what_was_issued_and_it_must_be_what_was_asked_for() {
    let party = party();
    let (jwt, other) = (TokenTypeIdentifier::JWT, TokenTypeIdentifier::new("urn:example:badge"));
    let answer = |issued: Value, token_type: &str| {
        let mut members = json!({"access_token": "issued", "token_type": token_type});
        if !issued.is_null() {
            members["issued_token_type"] = issued;
        }
        members
    };
    let exchanged = |requested: Option<&TokenTypeIdentifier>, members: &Value| {
        let wanted = requested.map_or_else(wanted, |requested| wanted().requesting(requested.clone()));
        told(party.client.exchange(&wanted, moment(NOW)).unwrap(), 200, members)
    };
    for (requested, issued, token_type) in [
        (None, ACCESS.as_str(), "Bearer"),
        (Some(&ACCESS), ACCESS.as_str(), "bearer"),
        (Some(&jwt), jwt.as_str(), "N_A"),
        (Some(&jwt), jwt.as_str(), "Bearer"),
        (Some(&other), "urn:example:badge", "n_a"),
        (None, "urn:example:badge", "N_A"),
    ] {
        let step = exchanged(requested, &answer(issued.into(), token_type));
        let Ok(Step::Done(exchanged)) = step else { panic!("{issued} {token_type}: {step:?}") };
        assert_eq!(exchanged.issued_token_type.as_str(), issued);
        assert_eq!(exchanged.tokens.is_access_token(), !token_type.eq_ignore_ascii_case("n_a"));
    }
    const MEMBER: &str = "issued_token_type";
    for (requested, issued, token_type, rule) in [
        (None, Value::Null, "Bearer", ResponseRule::Missing(MEMBER)),
        (Some(&ACCESS), Value::Null, "Bearer", ResponseRule::Missing(MEMBER)),
        (None, "".into(), "Bearer", ResponseRule::Value(MEMBER)),
        (None, json!(["urn:example:badge"]), "Bearer", ResponseRule::Value(MEMBER)),
        (None, 7.into(), "Bearer", ResponseRule::Value(MEMBER)),
        (Some(&jwt), ACCESS.as_str().into(), "Bearer", ResponseRule::Value(MEMBER)),
        (Some(&ACCESS), jwt.as_str().into(), "Bearer", ResponseRule::Value(MEMBER)),
        (
            Some(&ACCESS),
            "URN:ietf:params:oauth:token-type:access_token".into(),
            "Bearer",
            ResponseRule::Value(MEMBER),
        ),
        // An access token that is none.
        (None, ACCESS.as_str().into(), "N_A", ResponseRule::Value("token_type")),
        (Some(&ACCESS), ACCESS.as_str().into(), "n_a", ResponseRule::Value("token_type")),
    ] {
        let refused = exchanged(requested, &answer(issued.clone(), token_type)).unwrap_err();
        let Error::Response(refused) = refused else { panic!("{issued}: {refused:?}") };
        assert_eq!(refused.rule, rule, "{issued} {token_type}");
    }
    let without_type = json!({"access_token": "issued", "issued_token_type": ACCESS.as_str()});
    assert_eq!(exchanged(None, &without_type).unwrap_err().code(), "response_missing_member");
}

/// With a DPoP key, an access token must be bound. What is no access token opens no API.
#[test]
fn a_client_with_a_dpop_key_gets_no_access_token_that_is_not_bound() {
    let (key, _) = KeyRing::new().signer(Algorithm::ES256, 1, None);
    let party = Party::builder().client(move |builder| builder.dpop_key(key.into())).build();
    let jwt = TokenTypeIdentifier::JWT;
    for (issued, token_type, good) in [
        (&ACCESS, "DPoP", true),
        (&ACCESS, "Bearer", false),
        (&ACCESS, "N_A", false),
        (&jwt, "N_A", true),
        (&jwt, "Bearer", false),
    ] {
        let members =
            json!({"access_token": "a", "token_type": token_type, "issued_token_type": issued.as_str()});
        let step = told(party.client.exchange(&wanted(), moment(NOW)).unwrap(), 200, &members);
        assert_eq!(step.is_ok(), good, "{issued:?} {token_type}");
    }
}

#[test]
fn an_exchange_is_sent_once_unless_the_caller_says_that_it_may_be_repeated() {
    for (wanted, requests) in [(wanted(), 1), (wanted().repeatable(), 1 + usize::from(MAX_RETRIES))] {
        let mut party = party();
        party.provider.alter_response(EndpointName::Token, hostile::retry_after(5));
        let call = party.client.exchange(&wanted, party.clock.moment()).unwrap();
        let busy = drive(call, &mut party.provider, &mut party.clock).unwrap_err();
        assert_eq!((busy.code(), party.provider.count(EndpointName::Token)), ("unavailable", requests));
        let (_, _, pending) = party.client.exchange(&wanted, moment(NOW)).unwrap().into_parts();
        assert_eq!(pending.fail(moment(NOW)).unwrap().is_some(), requests > 1);
    }
}

#[test]
fn no_parameter_of_an_application_takes_the_place_of_one_that_is_checked() {
    let party = party();
    let refused = |wanted: TokenExchangeRequest| party.client.exchange(&wanted, moment(NOW)).unwrap_err();
    for name in [
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type",
        "audience",
        "grant_type",
    ] {
        assert_eq!(refused(wanted().parameter(name, "x")), ConfigError::Reserved(name).into());
    }
    assert_eq!(
        refused(TokenExchangeRequest::new("", ACCESS)),
        ConfigError::Parameter("subject_token").into()
    );
    assert_eq!(refused(wanted().actor("", ACCESS)), ConfigError::Parameter("actor_token").into());
    let nameless = TokenTypeIdentifier::new("");
    assert_eq!(refused(wanted().requesting(nameless)), ConfigError::Parameter("requested_token_type").into());
    // The last actor counts, and there is one.
    let wanted = wanted().actor("first", ACCESS).actor("second", TokenTypeIdentifier::JWT);
    let call = party.client.exchange(&wanted, moment(NOW)).unwrap();
    let body = String::from_utf8_lossy(call.request().body()).into_owned();
    assert!(!body.contains("first") && body.contains("actor_token=second"), "{body}");
    assert_eq!(body.matches("actor_token_type=").count(), 1);
}

#[test]
fn the_provider_refuses_what_it_does_not_allow_and_its_words_come_through() {
    let mut party = party();
    let user = party.login().unwrap();
    let token = user.tokens.access_token;
    let subject = || TokenExchangeRequest::new(token.clone(), ACCESS);
    for (wanted, code) in [
        (TokenExchangeRequest::new("unknown", ACCESS), "invalid_request"),
        (TokenExchangeRequest::new("x", TokenTypeIdentifier::SAML1), "invalid_request"),
        (subject().scopes(["admin"]), "invalid_scope"),
        (subject().requesting(TokenTypeIdentifier::SAML2), "invalid_request"),
    ] {
        let call = party.client.exchange(&wanted, party.clock.moment()).unwrap();
        let refused = drive(call, &mut party.provider, &mut party.clock).unwrap_err();
        assert_eq!(refused.code(), code);
    }
    let members =
        json!({"error": "invalid_target", "error_description": "the subject's token is not for orders"});
    let call = party.client.exchange(&wanted().audience("orders"), moment(NOW)).unwrap();
    let refused = told(call, 400, &members).unwrap_err();
    assert_eq!(refused.code(), "invalid_target");
    assert!(
        refused.to_string().contains("ask for a resource or an audience that the client may have"),
        "{refused}"
    );
    assert!(!refused.to_string().contains("the subject's token"), "it was sent: {refused}");
}
