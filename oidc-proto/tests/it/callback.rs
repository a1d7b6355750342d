//! The callback and the code exchange: which responses belong to the pending login (RFC 6749 sections
//! 4.1.2, 4.1.3 and 10.12, RFC 9207).

use oidc_proto::{
    Error,
    base::FormError,
    flow::{
        Authenticated, CallbackError, Client, ConfigError, Endpoint, Login, PENDING_LIFETIME,
        PendingAuthorization, ResponseRule, Step,
    },
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{ClientAuthentication, EndpointName, Party, drive_with, hostile, scenario::CLIENT_ID};
use serde_json::json;
use std::time::Duration;

/// A pending login whose user has come back, and the query that the provider wrote.
fn away(party: &mut Party) -> (PendingAuthorization, String) {
    let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    let query = party.callback_query(&url);
    (pending, query)
}

/// A login whose callback is changed on its way.
fn with_callback(
    party: &mut Party,
    alteration: impl FnMut(&mut http::Response<Vec<u8>>) + Send + 'static,
) -> Result<Authenticated, Error> {
    party.provider.alter_response(EndpointName::Authorize, alteration);
    party.login()
}

fn callback_error(result: Result<Authenticated, Error>) -> CallbackError {
    match result {
        Err(Error::Callback(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A refused callback never leads to a token request.
#[track_caller]
fn assert_nothing_sent(party: &Party) {
    assert_eq!(party.provider.count(EndpointName::Token), 0);
    party.provider.assert_clean();
}

#[test]
fn a_repeated_parameter_is_refused_whatever_its_name() {
    for name in ["code", "state", "iss", "error", "session_state", "vendor"] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Authorize, hostile::add_callback_parameter(name, "evil"));
        let result = with_callback(&mut party, hostile::add_callback_parameter(name, "evil"));
        assert_eq!(callback_error(result), CallbackError::Form(FormError::Duplicate), "{name}");
        assert_nothing_sent(&party);
    }
}

#[test]
fn a_missing_or_wrong_state_is_refused() {
    let mut party = Party::new();
    let result = with_callback(&mut party, hostile::remove_callback_parameter("state"));
    assert_eq!(callback_error(result), CallbackError::State);
    assert_nothing_sent(&party);
    for wrong in ["", "x", &"A".repeat(43)] {
        let mut party = Party::new();
        let result = with_callback(&mut party, hostile::set_callback_parameter("state", wrong));
        assert_eq!(callback_error(result), CallbackError::State, "{wrong}");
        assert_nothing_sent(&party);
    }
}

#[test]
fn the_callback_of_another_tab_is_refused_and_its_own_is_not() {
    let mut party = Party::new();
    let (first, first_query) = away(&mut party);
    let (second, second_query) = away(&mut party);
    let crossed = party.callback(first.clone(), &second_query, None);
    assert_eq!(callback_error(crossed), CallbackError::State);
    assert_nothing_sent(&party);
    party.callback(first, &first_query, None).unwrap();
    party.callback(second, &second_query, None).unwrap();
    party.provider.assert_clean();
}

#[test]
fn the_issuer_must_be_the_one_asked_even_if_the_metadata_does_not_promise_it() {
    for promised in [true, false] {
        for iss in ["https://evil.example", "https://op.example/", ""] {
            let mut party = Party::new();
            party.provider.issuer_in_callback(promised);
            let result = with_callback(&mut party, hostile::set_callback_parameter("iss", iss));
            assert_eq!(callback_error(result), CallbackError::Issuer, "{promised} {iss}");
            assert_nothing_sent(&party);
        }
    }
}

#[test]
fn a_promised_issuer_must_be_there_and_an_unpromised_one_may_be_missing() {
    let mut party = Party::new();
    let result = with_callback(&mut party, hostile::remove_callback_parameter("iss"));
    assert_eq!(callback_error(result), CallbackError::MissingIssuer);
    assert_nothing_sent(&party);
    let mut party = Party::new();
    party.provider.issuer_in_callback(false);
    let metadata = party.discover().unwrap();
    party.client = Client::builder(metadata, CLIENT_ID)
        .secret(oidc_testkit::scenario::SECRET)
        .redirect_uri("https://app.example/callback")
        .build()
        .unwrap();
    party.login().unwrap();
    party.provider.assert_clean();
}

#[test]
fn errors_are_typed_and_count_only_with_state_and_issuer() {
    let denied = |alteration: fn(&mut Party)| {
        let mut party = Party::new();
        party.provider.deny_next("access_denied");
        alteration(&mut party);
        let result = party.login();
        assert_nothing_sent(&party);
        callback_error(result)
    };
    let CallbackError::Denied(told) = denied(|party| {
        for (name, value) in
            [("error_description", "not\u{1b}[31m today"), ("error_uri", "https://op.example/help")]
        {
            party
                .provider
                .alter_response(EndpointName::Authorize, hostile::set_callback_parameter(name, value));
        }
    }) else {
        panic!()
    };
    assert_eq!(told.error, "access_denied");
    assert_eq!(told.error_description.as_deref(), Some("not\u{fffd}[31m today"));
    assert_eq!(told.error_uri.as_deref(), Some("https://op.example/help"));
    let set = |name: &'static str, value: &'static str| hostile::set_callback_parameter(name, value);
    assert_eq!(
        denied(|party| {
            let alteration = hostile::set_callback_parameter("state", "forged");
            party.provider.alter_response(EndpointName::Authorize, alteration);
        }),
        CallbackError::State
    );
    assert_eq!(
        denied(|party| {
            let alteration = hostile::set_callback_parameter("iss", "https://evil.example");
            party.provider.alter_response(EndpointName::Authorize, alteration);
        }),
        CallbackError::Issuer
    );
    assert_eq!(
        denied(|party| {
            let alteration = hostile::remove_callback_parameter("iss");
            party.provider.alter_response(EndpointName::Authorize, alteration);
        }),
        CallbackError::MissingIssuer
    );
    // An error beside a code is still an error.
    let mut party = Party::new();
    let result = with_callback(&mut party, set("error", "server_error"));
    assert!(matches!(callback_error(result), CallbackError::Denied(told) if told.error == "server_error"));
    assert_nothing_sent(&party);
}

#[test]
fn a_callback_without_a_code_or_with_an_empty_one_is_refused() {
    let mut party = Party::new();
    let result = with_callback(&mut party, hostile::set_callback_parameter("code", ""));
    assert_eq!(callback_error(result), CallbackError::MissingCode);
    assert_nothing_sent(&party);
    let mut party = Party::new();
    let result = with_callback(&mut party, hostile::remove_callback_parameter("code"));
    assert_eq!(callback_error(result), CallbackError::MissingCode);
    assert_nothing_sent(&party);
}

#[test]
fn a_user_may_be_away_for_an_hour_and_not_a_second_longer() {
    let lifetime = PENDING_LIFETIME.as_secs().cast_signed();
    for (seconds, expired) in [(lifetime, false), (lifetime + 1, true)] {
        let mut party = Party::new();
        party.provider.code_lifetime(lifetime * 2);
        let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let query = party.callback_query(&url);
        party.clock.advance(seconds);
        let result = party.callback(pending, &query, None);
        if expired {
            assert_eq!(
                callback_error(result),
                CallbackError::Expired { ago: PENDING_LIFETIME + Duration::from_secs(1) }
            );
            assert_nothing_sent(&party);
        } else {
            result.unwrap();
        }
    }
}

#[test]
fn a_pending_login_works_only_with_its_own_client_and_provider() {
    let mut party = Party::new();
    let (pending, query) = away(&mut party);
    let client = |issuer: &str, id: &str| {
        let other = Party::builder().issuer(issuer).build();
        Client::builder(other.client.metadata().clone(), id)
            .redirect_uri("https://app.example/callback")
            .build()
            .unwrap()
    };
    for other in [client("https://op.example", "other"), client("https://evil.example", CLIENT_ID)] {
        let response = AuthorizationResponse::from_query(&query).unwrap();
        let refused = pending.clone().callback(&other, None, response, party.clock.moment());
        assert_eq!(refused.err(), Some(ConfigError::SavedState.into()));
    }
    assert_nothing_sent(&party);
}

#[test]
fn a_code_is_sent_once_whatever_happens_to_its_response() {
    type Alteration = Box<dyn FnMut(&mut http::Response<Vec<u8>>) + Send>;
    let accidents: [(&str, Alteration); 9] = [
        ("503", Box::new(hostile::retry_after(1))),
        ("429", Box::new(hostile::respond(429, "application/json", "{}"))),
        ("500", Box::new(hostile::respond(500, "text/html", "<p>oops"))),
        ("temporarily_unavailable", Box::new(hostile::oauth_error(400, "temporarily_unavailable"))),
        ("invalid_client", Box::new(hostile::oauth_error(401, "invalid_client"))),
        ("redirect", Box::new(hostile::redirect_to("https://op.example/token"))),
        ("broken JSON", Box::new(hostile::truncate_body(20))),
        ("too large", Box::new(hostile::pad_body(1 << 20))),
        ("no ID token", Box::new(hostile::remove_member("id_token"))),
    ];
    for (name, alteration) in accidents {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Token, alteration);
        assert!(party.login().is_err(), "{name}");
        assert_eq!(party.provider.count(EndpointName::Token), 1, "{name}");
        party.provider.assert_clean();
    }
}

#[test]
fn a_code_whose_response_is_lost_is_not_sent_again() {
    let mut party = Party::new();
    let (pending, query) = away(&mut party);
    let response = AuthorizationResponse::from_query(&query).unwrap();
    let call = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
    let Party { provider, clock, .. } = &mut party;
    let outcome = drive_with(call, clock, |request, _, now| {
        provider.handle(request, now);
        None // the packet is lost on its way back
    });
    assert!(matches!(outcome, Ok(None)), "the flow gives up");
    assert_eq!(provider.count(EndpointName::Token), 1);
    provider.assert_clean();
}

#[test]
fn failed_keys_or_userinfo_end_the_login_without_a_second_code_exchange() {
    for (endpoint, name) in
        [(EndpointName::Jwks, Endpoint::Jwks), (EndpointName::UserInfo, Endpoint::UserInfo)]
    {
        let mut party = Party::builder().client(|client| client.fetch_userinfo()).build();
        party.provider.alter_response(endpoint, hostile::retry_after(3));
        let result = party.login();
        let Err(Error::Unavailable(busy)) = result else { panic!("{result:?}") };
        assert_eq!((busy.endpoint, busy.retry_after()), (name, Some(Duration::from_secs(3))));
        assert_eq!((party.provider.count(endpoint), party.provider.count(EndpointName::Token)), (1, 1));
        party.provider.assert_clean();
    }
}

#[test]
fn the_token_request_is_bound_to_redirect_uri_and_verifier() {
    let mut party = Party::builder().authentication(ClientAuthentication::None).build();
    let (pending, query) = away(&mut party);
    let response = AuthorizationResponse::from_query(&query).unwrap();
    let call = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
    let step: Step<Login> = call;
    let Step::Send(call) = step else { panic!() };
    let body = String::from_utf8(call.request().body().clone()).unwrap();
    let form: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let names: Vec<_> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "code", "redirect_uri", "code_verifier", "client_id"]);
    assert_eq!(form[2].1, "https://app.example/callback");
    assert_eq!(call.request().method(), "POST");
    assert_eq!(call.request().headers()["content-type"], "application/x-www-form-urlencoded");
    assert!(!call.request().headers().contains_key("authorization"), "a public client has no secret");
}

#[test]
fn a_login_without_an_id_token_is_not_a_login() {
    for alteration in [None, Some(json!(null)), Some(json!("")), Some(json!(5)), Some(json!("a.b.c"))] {
        let mut party = Party::new();
        match alteration.clone() {
            None => party.provider.alter_response(EndpointName::Token, hostile::remove_member("id_token")),
            Some(value) => {
                party.provider.alter_response(EndpointName::Token, hostile::set_member("id_token", value));
            }
        }
        let error = party.login().unwrap_err();
        match alteration.as_ref().map(|value| value.is_null()) {
            None | Some(true) => assert!(
                matches!(&error, Error::Response(error) if error.rule == ResponseRule::Missing("id_token")),
                "{error:?}"
            ),
            Some(false) => {
                assert!(matches!(error, Error::Response(_) | Error::Token(_)), "{error:?}");
            }
        }
    }
}

#[test]
fn not_even_half_a_secret_shows_where_a_text_is_cut_off() {
    for room in [8, 20, 42] {
        let mut party = Party::new();
        let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let nonce = url.query_pairs().find(|(name, _)| name == "nonce").unwrap().1.into_owned();
        for secret in [nonce, pending.state().to_owned()] {
            let prose = format!("{}{secret}", "x".repeat(256 - room));
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("error", "server_error"), ("error_description", &prose)])
                .extend_pairs([("state", pending.state()), ("iss", pending.issuer())])
                .finish();
            let response = AuthorizationResponse::from_query(&query).unwrap();
            let error =
                pending.clone().callback(&party.client, None, response, party.clock.moment()).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&secret[..room]), "{room}: {shown}");
        }
    }
}
