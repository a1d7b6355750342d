//! The token endpoint: client authentication, token responses, errors, and repeated requests (RFC 6749
//! sections 2.3, 4.4 and 5, RFC 9110 section 10.2.3).

use oidc_proto::{
    Error, Moment,
    base::JsonError,
    flow::{
        Client, ClientAuthentication as Method, ClientCredentialsRequest, ConfigError, Endpoint, MAX_RETRIES,
        OAuthError, Quirks, RETRY_AFTER_CAP, ResponseError, ResponseRule, Step,
    },
    message::TokenResponse,
};
use oidc_testkit::{
    ClientAuthentication, EndpointName, Party, Registration, TestProvider,
    drive::NOW,
    drive_with, hostile,
    scenario::{CLIENT_ID, SECRET},
};
use serde_json::{Value, json};
use std::time::Duration;

fn wanted() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["jobs:run"])
}

/// A client credentials grant whose response is altered.
fn answered(
    quirks: impl Fn(&mut Quirks) + 'static,
    alteration: impl FnMut(&mut http::Response<Vec<u8>>) + Send + 'static,
) -> Result<TokenResponse, Error> {
    let configure = move |client: oidc_proto::flow::ClientBuilder| {
        let mut chosen = Quirks::default();
        quirks(&mut chosen);
        client.quirks(chosen)
    };
    let mut party = Party::builder().client(configure).build();
    party.provider.alter_response(EndpointName::Token, alteration);
    let result = party.client_credentials(&wanted());
    party.provider.assert_clean();
    result
}

fn strict(_: &mut Quirks) {}

fn member(name: &str, value: impl Into<Value>) -> Result<TokenResponse, Error> {
    answered(strict, hostile::set_member(name, value))
}

fn rule(result: Result<TokenResponse, Error>) -> ResponseRule {
    match result {
        Err(Error::Response(error)) => {
            let ResponseError { endpoint, rule, .. } = *error;
            assert_eq!(endpoint, Endpoint::Token);
            rule
        }
        other => panic!("{other:?}"),
    }
}

fn refusal(result: Result<TokenResponse, Error>) -> OAuthError {
    match result {
        Err(Error::OAuth(error)) => *error,
        other => panic!("{other:?}"),
    }
}

fn wrong_type(member: &'static str, expected: &'static str) -> ResponseRule {
    ResponseRule::Json(JsonError::WrongType { member, expected })
}

#[test]
fn a_client_authenticates_only_with_its_registered_method() {
    for (authentication, in_header, in_body) in [
        (ClientAuthentication::ClientSecretBasic(SECRET.into()), true, false),
        (ClientAuthentication::ClientSecretPost(SECRET.into()), false, true),
        (ClientAuthentication::None, false, false),
    ] {
        let mut party = Party::builder().authentication(authentication.clone()).build();
        let user = party.login().unwrap();
        party.refresh(&user).unwrap();
        let tokens = party.provider.requests().iter().filter(|seen| seen.endpoint == EndpointName::Token);
        for seen in tokens {
            assert_eq!(seen.header("authorization").is_some(), in_header);
            assert_eq!(seen.parameter("client_secret").is_some(), in_body);
            assert_eq!(seen.parameter("client_id").is_some(), !in_header, "{authentication:?}");
            assert!(seen.query.is_none(), "never in a URL");
        }
        party.provider.assert_clean();
    }
}

#[test]
fn odd_characters_survive_basic_authentication_by_form_encoding() {
    for (id, secret) in [
        ("app", "with space"),
        ("urn:app:1", "a:b"),
        ("a+b", "100%"),
        ("a%3Ab", "%20"),
        ("a&b=c", "~!@#$^*()_-\"'\\/<>?"),
    ] {
        let mut party = Party::new();
        let registration = Registration::basic(id, secret).grant_type("client_credentials");
        party.provider.register(registration);
        let metadata = party.client.metadata().clone();
        party.client = Client::builder(metadata, id).secret(secret).build().unwrap();
        party.client_credentials(&wanted()).unwrap_or_else(|error| panic!("{id} {secret}: {error}"));
        party.provider.assert_clean();
    }
}

#[test]
fn a_quirk_serves_providers_that_do_not_decode() {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let header = |raw: bool| {
        let mut quirks = Quirks::default();
        quirks.basic_not_form_encoded = raw;
        let metadata = Party::new().client.metadata().clone();
        let client = Client::builder(metadata, "a:b").secret("x y%").quirks(quirks).build().unwrap();
        let call = client.client_credentials(&wanted(), Moment::new(NOW, [7; 32])).unwrap();
        let value = call.request().headers()["authorization"].clone();
        assert!(value.is_sensitive());
        let text = value.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(header(false), "a%3Ab:x+y%25");
    assert_eq!(header(true), "a:b:x y%");
}

#[test]
fn the_method_follows_from_the_metadata_unless_it_is_set() {
    let method = |supported: Value, secret: bool, said: Option<Method>| {
        let mut party = Party::new();
        let name = "token_endpoint_auth_methods_supported";
        if supported.is_null() {
            party.provider.alter_response(EndpointName::Discovery, hostile::remove_member(name));
        } else {
            let set = hostile::set_member(name, supported);
            party.provider.alter_response(EndpointName::Discovery, set);
        }
        let mut builder = Client::builder(party.discover().unwrap(), CLIENT_ID);
        if secret {
            builder = builder.secret(SECRET);
        }
        if let Some(said) = said {
            builder = builder.authentication(said);
        }
        builder.build().map(|client| client.authentication())
    };
    let (basic, post) = (Method::ClientSecretBasic, Method::ClientSecretPost);
    assert_eq!(method(json!(null), true, None), Ok(basic), "the default of the specification");
    assert_eq!(method(json!(["client_secret_post", "client_secret_basic"]), true, None), Ok(basic));
    assert_eq!(method(json!(["client_secret_post"]), true, None), Ok(post));
    assert_eq!(method(json!(["client_secret_jwt"]), true, None), Ok(Method::ClientSecretJwt));
    let Err(ConfigError::NoAuthentication { offered, usable }) =
        method(json!(["private_key_jwt"]), true, None)
    else {
        panic!("a secret is no key")
    };
    assert_eq!(offered.to_string(), "`private_key_jwt`");
    assert_eq!(usable.to_string(), "`client_secret_basic`, `client_secret_post`, `client_secret_jwt`");
    assert_eq!(method(json!(["client_secret_basic"]), true, Some(post)), Ok(post));
    assert_eq!(method(json!(["client_secret_basic"]), false, None), Ok(Method::None));
    for (secret, said) in [(false, basic), (false, post), (true, Method::None)] {
        let refused = Err(ConfigError::Authentication(said.name()));
        assert_eq!(method(json!(null), secret, Some(said)), refused);
    }
}

#[test]
fn identifiers_and_secrets_are_visible_ascii() {
    let metadata = Party::new().client.metadata().clone();
    for bad in ["", "a\nb", "é", "a\u{7f}"] {
        let build =
            |id: &str, secret: &str| Client::builder(metadata.clone(), id).secret(secret).build().map(|_| ());
        assert_eq!(build(bad, "s"), Err(ConfigError::Characters("client_id")), "{bad:?}");
        assert_eq!(build("app", bad), Err(ConfigError::Characters("client_secret")), "{bad:?}");
    }
}

#[test]
fn a_wrong_secret_is_a_typed_refusal_and_is_not_tried_with_another_method() {
    let mut party = Party::new();
    party.provider.register(
        Registration::basic(CLIENT_ID, "another secret")
            .redirect_uri("https://app.example/callback")
            .grant_type("client_credentials"),
    );
    let Err(Error::OAuth(error)) = party.login() else { panic!() };
    assert_eq!((error.status, error.response.error.as_str()), (401, "invalid_client"));
    assert!(error.to_string().contains("client secret"), "the error says what to check: {error}");
    assert_eq!(party.provider.count(EndpointName::Token), 1);
    refusal(party.client_credentials(&wanted()));
    assert_eq!(party.provider.count(EndpointName::Token), 2);
}

#[test]
fn the_token_type_is_case_insensitive() {
    for spelling in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let tokens = member("token_type", spelling).unwrap();
        assert!(tokens.is_bearer());
        assert_eq!(tokens.token_type, spelling);
    }
    assert!(!member("token_type", "DPoP").unwrap().is_bearer());
    assert_eq!(rule(member("token_type", "")), ResponseRule::Missing("token_type"));
    assert_eq!(rule(member("token_type", 7)), wrong_type("token_type", "a string"));
}

#[test]
fn each_oddity_is_accepted_only_with_its_quirk() {
    let no_type = || hostile::remove_member("token_type");
    assert_eq!(rule(answered(strict, no_type())), ResponseRule::Missing("token_type"));
    assert!(answered(|quirks| quirks.no_token_type = true, no_type()).unwrap().is_bearer());

    let text = || hostile::set_member("expires_in", "3600");
    assert_eq!(
        rule(answered(strict, text())),
        wrong_type("expires_in", "a number (`Quirks::expires_in_as_string` accepts a text)")
    );
    let tokens = answered(|quirks| quirks.expires_in_as_string = true, text()).unwrap();
    assert_eq!(
        (tokens.expires_in, tokens.expires_at),
        (Some(Duration::from_secs(3600)), Some(NOW.plus(3600)))
    );
    for bad in ["soon", "-1", "1e3", "99999999999999999999"] {
        let result =
            answered(|quirks| quirks.expires_in_as_string = true, hostile::set_member("expires_in", bad));
        assert_eq!(rule(result), ResponseRule::Value("expires_in"), "{bad}");
    }

    let array = || hostile::set_member("scope", json!(["a", "b"]));
    assert_eq!(
        rule(answered(strict, array())),
        wrong_type("scope", "a string (`Quirks::scope_as_array` accepts an array)")
    );
    let tokens = answered(|quirks| quirks.scope_as_array = true, array()).unwrap();
    assert_eq!(tokens.scope.as_deref(), Some("a b"));
    let mixed =
        answered(|quirks| quirks.scope_as_array = true, hostile::set_member("scope", json!(["a", 1])));
    assert_eq!(rule(mixed), ResponseRule::Value("scope"));
}

#[test]
fn every_json_spelling_of_a_number_is_read() {
    for (value, seconds) in [(json!(60), 60), (json!(0), 0), (json!(60.0), 60), (json!(59.9), 59)] {
        let tokens = member("expires_in", value).unwrap();
        assert_eq!(
            (tokens.expires_in, tokens.expires_at),
            (Some(Duration::from_secs(seconds as u64)), Some(NOW.plus(seconds)))
        );
    }
    for value in [json!(-1), json!(1e300), json!(9_007_199_254_740_994_i64)] {
        assert_eq!(rule(member("expires_in", value.clone())), ResponseRule::Value("expires_in"), "{value}");
    }
    let tokens = answered(strict, hostile::remove_member("expires_in")).unwrap();
    assert_eq!((tokens.expires_in, tokens.expires_at), (None, None));
}

#[test]
fn unknown_members_are_kept_and_null_is_absent() {
    let mut party = Party::new();
    party.provider.alter_response(EndpointName::Token, hostile::set_member("not_before_policy", 0));
    party.provider.alter_response(EndpointName::Token, hostile::set_member("refresh_token", Value::Null));
    let user = party.login().unwrap();
    assert_eq!(user.tokens.extra["not_before_policy"], 0);
    assert_eq!(user.tokens.extra.len(), 1);
    assert!(user.tokens.refresh_token.is_none());
}

#[test]
fn tokens_with_other_than_visible_ascii_are_refused() {
    for bad in ["a\nb", "a\r\nx-evil: 1", "é", "a\0b", "a\u{7f}"] {
        assert_eq!(rule(member("access_token", bad)), ResponseRule::Value("access_token"), "{bad:?}");
    }
    assert_eq!(rule(member("access_token", 7)), wrong_type("access_token", "a string"));
    assert_eq!(rule(member("access_token", "")), ResponseRule::Missing("access_token"));
    assert_eq!(
        rule(answered(strict, hostile::remove_member("access_token"))),
        ResponseRule::Missing("access_token")
    );
}

#[test]
fn a_refusal_has_error_description_uri_and_status() {
    let body = json!({
        "error": "invalid_scope",
        "error_description": "jobs:run\u{1b}[2J is not\r\nyours",
        "error_uri": "https://op.example/errors#invalid_scope",
        "trace": "123",
    });
    for status in [400, 401, 403, 404, 500] {
        let body = body.to_string();
        let error = refusal(answered(strict, hostile::respond(status, "application/json", body)));
        assert_eq!((error.endpoint, error.status), (Endpoint::Token, status));
        assert_eq!(error.response.error, "invalid_scope");
        assert_eq!(
            error.response.error_description.as_deref(),
            Some("jobs:run\u{fffd}[2J is not\u{fffd}\u{fffd}yours"),
            "control characters never reach a log"
        );
        assert_eq!(error.response.error_uri.as_deref(), Some("https://op.example/errors#invalid_scope"));
        assert!(!error.to_string().contains(['\u{1b}', '\r', '\n']));
    }
    let long = json!({ "error": "e".repeat(5000) }).to_string();
    let error = refusal(answered(strict, hostile::respond(400, "application/json", long)));
    assert_eq!(error.response.error.len(), 256);
}

#[test]
fn an_error_with_status_200_is_a_refusal_and_not_a_missing_token() {
    let body = r#"{"error":"bad_verification_code","error_description":"The code passed is incorrect."}"#;
    let error = refusal(answered(strict, hostile::respond(200, "application/json", body)));
    assert_eq!((error.status, error.response.error.as_str()), (200, "bad_verification_code"));
}

#[test]
fn a_page_instead_of_json_is_an_error_that_names_the_broken_rule() {
    let page = "<!doctype html><p>secret=hunter2";
    let status = |status| rule(answered(strict, hostile::respond(status, "text/html", page)));
    assert_eq!(status(200), ResponseRule::Json(JsonError::NotJson));
    for code in [400, 401] {
        assert_eq!(status(code), ResponseRule::Refusal(None), "RFC 6749 section 5.2 allows the status");
    }
    for code in [403, 404] {
        assert_eq!(status(code), ResponseRule::Status);
    }
    for code in [301, 302, 303, 307, 308] {
        assert_eq!(status(code), ResponseRule::Redirect, "the secret does not follow the redirect");
    }
    for code in [500, 502, 504] {
        let result = answered(strict, hostile::respond(code, "text/html", page));
        let Err(error) = &result else { panic!() };
        assert!(
            matches!(error, Error::Unavailable(busy) if busy.status == code && busy.retry_after().is_none())
        );
        assert!(!error.to_string().contains("hunter2"), "no body in an error");
    }
}

/// Answers this many requests with a status and perhaps `Retry-After`, and then honestly.
fn busy(times: usize, status: u16, retry_after: Option<&'static str>) -> Party {
    let mut party = Party::new();
    let alteration = hostile::times(times, move |response: &mut http::Response<Vec<u8>>| {
        hostile::respond(status, "text/plain", "busy")(response);
        if let Some(value) = retry_after {
            hostile::set_header("retry-after", value)(response);
        }
    });
    party.provider.alter_response(EndpointName::Token, alteration);
    party
}

/// The times of the token requests, in seconds from the beginning.
fn arrivals(provider: &TestProvider) -> Vec<i64> {
    let tokens = provider.requests().iter().filter(|seen| seen.endpoint == EndpointName::Token);
    tokens.map(|seen| seen.at.0 - NOW.0).collect()
}

#[test]
fn client_credentials_are_requested_again_within_a_budget() {
    let budget = usize::from(MAX_RETRIES);
    for status in [429, 503] {
        for failures in 0..=budget {
            let mut party = busy(failures, status, None);
            party.client_credentials(&wanted()).unwrap();
            assert_eq!(party.provider.count(EndpointName::Token), failures + 1);
            party.provider.assert_clean();
        }
        let mut party = busy(usize::MAX, status, Some("2"));
        let result = party.client_credentials(&wanted());
        let Err(Error::Unavailable(error)) = result else { panic!("{result:?}") };
        assert_eq!((error.status, error.retry_after()), (status, Some(Duration::from_secs(2))));
        assert_eq!(party.provider.count(EndpointName::Token), budget + 1);
    }
    for status in [400, 500, 502] {
        let mut party = busy(1, status, None);
        assert!(party.client_credentials(&wanted()).is_err());
        assert_eq!(party.provider.count(EndpointName::Token), 1, "{status} does not invite a repetition");
    }
}

#[test]
fn waits_grow_and_differ_between_clients() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let mut party = busy(3, 503, None);
        party.clock = oidc_testkit::Clock::new(NOW, oidc_testkit::Seed::new(seed));
        party.client_credentials(&wanted()).unwrap();
        let at = arrivals(&party.provider);
        for (round, pair) in at.windows(2).enumerate() {
            let (wait, least) = (pair[1] - pair[0], 1 << round);
            assert!((least..=2 * least).contains(&wait), "{at:?}");
        }
        seen.insert(at);
    }
    assert!(seen.len() > 5, "no thundering herd: {seen:?}");
}

#[test]
fn retry_after_is_respected_in_seconds_or_as_a_date_up_to_a_cap() {
    // NOW is Fri, 15 Jan 2027 08:00:00 GMT.
    for (value, wait) in [("17", 17), ("60", 60), ("Fri, 15 Jan 2027 08:00:40 GMT", 40)] {
        let mut party = busy(1, 503, Some(value));
        party.client_credentials(&wanted()).unwrap();
        assert_eq!(arrivals(&party.provider), [0, wait], "{value}");
    }
    for value in ["0", "Fri, 15 Jan 2027 07:00:00 GMT", "soon", "-5"] {
        let mut party = busy(1, 503, Some(value));
        party.client_credentials(&wanted()).unwrap();
        assert!(arrivals(&party.provider)[1] > 0, "a wait ends in the future: {value}");
    }
    assert_eq!(RETRY_AFTER_CAP, Duration::from_secs(60));
    for (value, told) in
        [("61", 61), ("99999999999999999999", u64::from(u32::MAX)), ("Fri, 15 Jan 2027 09:00:00 GMT", 3600)]
    {
        let mut party = busy(1, 503, Some(value));
        let result = party.client_credentials(&wanted());
        let Err(Error::Unavailable(error)) = result else { panic!("{value}: {result:?}") };
        assert_eq!(error.retry_after(), Some(Duration::from_secs(told)), "the caller learns the time");
        assert_eq!(party.provider.count(EndpointName::Token), 1);
    }
}

#[test]
fn a_lost_response_is_requested_again_within_the_same_budget() {
    for lost in 0..6 {
        let mut party = Party::new();
        let call = party.client.client_credentials(&wanted(), Moment::new(NOW, [7; 32])).unwrap();
        let Party { provider, clock, .. } = &mut party;
        let mut sent = 0;
        let outcome = drive_with(call, clock, |request, _, now| {
            sent += 1;
            let response = provider.handle(request, now);
            (sent > lost).then_some(response)
        })
        .unwrap();
        assert_eq!(outcome.is_some(), lost <= usize::from(MAX_RETRIES), "{lost} lost");
        assert_eq!(sent, (lost + 1).min(usize::from(MAX_RETRIES) + 1));
        provider.assert_clean();
    }
}

#[test]
fn waking_early_is_harmless() {
    let mut party = busy(1, 503, Some("30"));
    let call = party.client.client_credentials(&wanted(), Moment::new(NOW, [7; 32])).unwrap();
    let (request, _, pending) = call.into_parts();
    let response = party.provider.handle(&request, party.clock.now());
    let Step::Wait(pause) = pending.receive(response, party.clock.moment()).unwrap() else { panic!() };
    assert_eq!(pause.until(), NOW.plus(30));
    let mut pause = pause;
    for early in [-1_000_000, 0, 29] {
        let moment = Moment::new(NOW.plus(early), [7; 32]);
        let Step::Wait(same) = pause.wake(moment).unwrap() else { panic!("it sleeps on") };
        pause = same;
    }
    assert_eq!(party.provider.count(EndpointName::Token), 1);
    party.clock.advance(30);
    assert!(matches!(pause.wake(party.clock.moment()), Ok(Step::Send(_))));
}

#[test]
fn client_credentials_carry_their_parameters_and_extras_cannot_override_them() {
    let mut party = Party::new();
    party.provider.allow_parameter(EndpointName::Token, "tenant");
    let request = ClientCredentialsRequest::new(["a", "b"])
        .resource("https://one.example/")
        .resource("https://two.example/")
        .parameter("tenant", "t&1");
    let tokens = party.client_credentials(&request).unwrap();
    assert_eq!(tokens.scope.as_deref(), Some("a b"));
    assert!(tokens.refresh_token.is_none() && tokens.id_token.is_none());
    let form = party.provider.requests().last().unwrap().form();
    let all = |name: &str| -> Vec<String> {
        form.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    };
    assert_eq!(all("grant_type"), ["client_credentials"]);
    assert_eq!(all("resource"), ["https://one.example/", "https://two.example/"]);
    assert_eq!(all("tenant"), ["t&1"]);
    party.provider.assert_clean();
    for (name, advice) in [
        ("grant_type", "which flow"),
        ("scope", "`new`"),
        ("resource", "`ClientCredentialsRequest::resource`"),
        ("client_id", "`Client::builder`"),
        ("client_secret", "`ClientBuilder::secret`"),
        ("client_assertion", "`ClientBuilder::signer`"),
    ] {
        let refused = party.client_credentials(&wanted().parameter(name, "evil")).unwrap_err();
        assert_eq!(refused, ConfigError::Reserved(name).into());
        assert!(refused.to_string().contains(advice), "{refused}");
    }
    let twice = wanted().parameter("x", "1").parameter("x", "2");
    assert_eq!(party.client_credentials(&twice).unwrap_err(), ConfigError::Reserved("extra").into());
}
