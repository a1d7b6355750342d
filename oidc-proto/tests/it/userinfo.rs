//! The UserInfo request and response (OpenID Connect Core 1.0 section 5.3, RFC 6750).

use oidc_proto::{
    Error, Secret,
    base::JsonError,
    flow::{ClientBuilder, ConfigError, Endpoint, ResponseRule, UserInfoMethod},
    message::{ClaimAccess, UserInfo},
};
use oidc_testkit::{EndpointName, Party, User, hostile};
use serde_json::json;
use std::time::Duration;

/// UserInfo after an alteration of its response: once requested alone and once in a login.
fn userinfo(
    alteration: impl FnMut(&mut http::Response<Vec<u8>>) + Clone + Send + 'static,
) -> Result<UserInfo, Error> {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.provider.alter_response(EndpointName::UserInfo, alteration.clone());
    let alone = party.userinfo(&user);
    party.provider.assert_clean();
    let mut party = Party::builder().client(|client| client.fetch_userinfo()).build();
    party.provider.alter_response(EndpointName::UserInfo, alteration);
    let login = party.login().map(|user| user.userinfo.unwrap());
    assert_eq!(alone, login, "a login is as strict as a separate request");
    alone
}

fn answer(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &str,
) -> impl FnMut(&mut http::Response<Vec<u8>>) + Clone + Send + 'static {
    let body = body.as_bytes().to_vec();
    move |response| {
        *response = http::Response::new(body.clone());
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            response.headers_mut().append(*name, http::HeaderValue::from_static(value));
        }
    }
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn rule(result: Result<UserInfo, Error>) -> ResponseRule {
    match result {
        Err(Error::Response(error)) => {
            assert_eq!(error.endpoint, Endpoint::UserInfo);
            error.rule
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_token_is_sent_only_in_the_header() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.userinfo(&user).unwrap();
    let seen = party.provider.requests().last().unwrap();
    assert_eq!(
        seen.header("authorization").unwrap(),
        format!("Bearer {}", user.tokens.access_token.expose())
    );
    assert!(seen.headers["accept"].to_str().unwrap().contains("application/json"));
    assert!(seen.query.is_none() && seen.body.is_empty());
    let call = party
        .client
        .userinfo(
            &user.tokens.access_token,
            "alice",
            oidc_proto::Moment::new(oidc_proto::Timestamp(1_800_000_000), [7; 32]),
        )
        .unwrap();
    assert!(call.request().headers()["authorization"].is_sensitive(), "no stack prints the token");
    party.provider.assert_clean();
}

#[test]
fn a_provider_that_wants_post_gets_the_token_in_the_header_or_the_form() {
    for (method, in_body) in [(UserInfoMethod::Post, false), (UserInfoMethod::PostForm, true)] {
        let mut party = Party::builder().client(move |client| client.userinfo_method(method)).build();
        let user = party.login().unwrap();
        assert_eq!(party.userinfo(&user).unwrap().sub, "alice");
        let seen = party.provider.requests().last().unwrap();
        assert_eq!(seen.method, "POST");
        assert_eq!(seen.header("authorization").is_some(), !in_body);
        assert_eq!(seen.parameter("access_token").is_some(), in_body);
        assert!(seen.query.is_none(), "never in a URL");
        party.provider.assert_clean();
    }
}

#[test]
fn claims_of_other_parties_are_exposed_and_never_mixed_with_those_of_the_provider() {
    let body = json!({
        "sub": "alice",
        "_claim_names": {"address": "post", "credit_score": "bank"},
        "_claim_sources": {
            "bank": {"endpoint": "https://bank.example/claims", "access_token": "t0k"},
            "post": {"JWT": "a.b.c"},
        },
    });
    let told = userinfo(answer(200, JSON, &body.to_string())).unwrap();
    let [bank, post] = told.claim_sources.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (bank.claims.as_slice(), post.claims.as_slice()),
        (&["credit_score".to_owned()][..], &["address".to_owned()][..])
    );
    assert_eq!(post.access, ClaimAccess::Aggregated("a.b.c".into()));
    let endpoint = "https://bank.example/claims".to_owned();
    assert_eq!(bank.access, ClaimAccess::Distributed { endpoint, access_token: Some("t0k".into()) });
    assert!(told.claims.is_empty(), "a claim that no code verified does not count");
    assert!(!format!("{told:?}").contains("t0k"));
}

#[test]
fn all_claims_are_exposed_and_read_by_type() {
    let mut party = Party::new();
    party.provider.user(
        User::new("bob")
            .claim("email", "b@example.com")
            .claim("email_verified", "true")
            .claim("n", json!([1])),
    );
    let user = party.login().unwrap();
    let told = party.userinfo(&user).unwrap();
    assert_eq!(told.sub, "bob");
    assert_eq!(told.claim::<Vec<u8>>("n").unwrap(), [1]);
    assert_eq!(told.claim::<String>("email_verified").unwrap(), "true");
    assert_eq!(told.claim::<bool>("email_verified"), None);
}

/// A provider may give the name in the ID token, at UserInfo, or at both.
#[test]
fn the_name_of_a_user_is_that_of_the_id_token_or_else_of_userinfo() {
    let odd = |value: serde_json::Value| hostile::set_claim("name", value);
    for (in_id_token, at_userinfo, fetched, name) in [
        (None, Some(json!("Bob B.")), true, Some("Bob B.")),
        (None, Some(json!("Bob B.")), false, None),
        (Some(json!("Robert")), Some(json!("Bob B.")), true, Some("Robert")),
        (Some(json!("Robert")), None, true, Some("Robert")),
        (Some(json!("Robert")), Some(json!("Bob B.")), false, Some("Robert")),
        // What is no name is none.
        (Some(json!("")), Some(json!("Bob B.")), true, Some("Bob B.")),
        (Some(json!(7)), Some(json!("Bob B.")), true, Some("Bob B.")),
        (Some(json!(null)), Some(json!(" ")), true, None),
        (None, Some(json!(["Bob"])), true, None),
        (None, None, true, None),
        // Users choose their names: none may clear a terminal, forge a line of a log, or fill a page.
        (Some(json!("Bob\u{1b}[2J")), Some(json!("Bob B.")), true, Some("Bob B.")),
        (Some(json!("Bob\nroot has logged in")), None, true, None),
        (Some(json!("b".repeat(257))), None, true, None),
        // Names in Persian need a character without width.
        (
            Some(json!("\u{628}\u{6cc}\u{200c}\u{646}\u{627}")),
            None,
            true,
            Some("\u{628}\u{6cc}\u{200c}\u{646}\u{627}"),
        ),
    ] {
        let client = move |client: ClientBuilder| if fetched { client.fetch_userinfo() } else { client };
        let mut party = Party::builder().client(client).build();
        let user = User::new("bob").claim("nickname", "bobby");
        party.provider.user(match &at_userinfo {
            Some(at_userinfo) => user.claim("name", at_userinfo.clone()),
            None => user,
        });
        if let Some(in_id_token) = &in_id_token {
            party.provider.alter_id_token(odd(in_id_token.clone()));
        }
        let login = party.login().unwrap();
        assert_eq!(login.name(), name, "{in_id_token:?} {at_userinfo:?} {fetched}");
    }
}

#[test]
fn claims_about_another_user_are_refused() {
    for sub in ["mallory", "Alice", "alice ", "alic"] {
        assert_eq!(
            rule(userinfo(answer(200, JSON, &json!({ "sub": sub }).to_string()))),
            ResponseRule::OtherSubject
        );
    }
}

#[test]
fn claims_without_a_subject_are_refused() {
    for body in ["{}", r#"{"name":"x"}"#, r#"{"sub":null}"#, r#"{"sub":""}"#] {
        assert_eq!(rule(userinfo(answer(200, JSON, body))), ResponseRule::Missing("sub"), "{body}");
    }
    let wrong = JsonError::WrongType { member: "sub", expected: "a string" };
    for body in [r#"{"sub":7}"#, r#"{"sub":["alice"]}"#] {
        assert_eq!(rule(userinfo(answer(200, JSON, body))), ResponseRule::Json(wrong), "{body}");
    }
}

#[test]
fn a_jwt_is_never_taken_for_claims() {
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.";
    let typed = answer(200, &[("content-type", "application/jwt")], jwt);
    assert_eq!(rule(userinfo(typed)), ResponseRule::UnexpectedJwt);
    assert_eq!(rule(userinfo(answer(200, JSON, jwt))), ResponseRule::UnexpectedJwt, "whatever it is called");
}

#[test]
fn only_json_with_status_200_is_accepted() {
    let body = r#"{"sub":"alice"}"#;
    let html = answer(200, &[("content-type", "text/html")], body);
    assert_eq!(rule(userinfo(html)), ResponseRule::MediaType("application/json"));
    assert_eq!(rule(userinfo(answer(200, &[], body))), ResponseRule::MediaType("application/json"));
    assert_eq!(rule(userinfo(answer(400, JSON, body))), ResponseRule::Refusal(None));
    for status in [201, 204, 404] {
        assert_eq!(rule(userinfo(answer(status, JSON, body))), ResponseRule::Status, "{status}");
    }
    for status in [301, 302, 307, 308] {
        let redirect = answer(status, &[("location", "https://evil.example/")], "");
        assert_eq!(
            rule(userinfo(redirect)),
            ResponseRule::Redirect,
            "the token does not follow the redirect"
        );
    }
    let limit = 65536;
    assert_eq!(rule(userinfo(hostile_pad(limit))), ResponseRule::TooLarge { limit });
}

fn hostile_pad(bytes: usize) -> impl FnMut(&mut http::Response<Vec<u8>>) + Clone + Send + 'static {
    move |response| {
        let body = response.body_mut();
        body.resize(body.len() + bytes, b' ');
    }
}

#[test]
fn a_refusal_in_the_header_or_the_body_is_typed() {
    let header: &[(&str, &str)] = &[(
        "www-authenticate",
        r#"DPoP algs="ES256", Bearer realm="x", error="invalid_token", error_description="it has expired""#,
    )];
    for (response, description) in [
        (answer(401, header, ""), Some("it has expired")),
        (answer(401, header, "<p>no"), Some("it has expired")),
        (answer(401, JSON, r#"{"error":"invalid_token"}"#), None),
    ] {
        let Err(Error::OAuth(error)) = userinfo(response) else { panic!() };
        assert_eq!((error.endpoint, error.status), (Endpoint::UserInfo, 401));
        assert_eq!(error.response.error, "invalid_token");
        assert_eq!(error.response.error_description.as_deref(), description);
    }
    let scope: &[(&str, &str)] = &[("www-authenticate", r#"Bearer error="insufficient_scope""#)];
    let Err(Error::OAuth(error)) = userinfo(answer(403, scope, "")) else { panic!() };
    assert_eq!((error.status, error.response.error.as_str()), (403, "insufficient_scope"));
    let bare: &[(&str, &str)] = &[("www-authenticate", "Bearer")];
    assert_eq!(rule(userinfo(answer(401, bare, ""))), ResponseRule::Refusal(None), "no reason was given");
}

#[test]
fn an_expired_access_token_is_a_typed_refusal_of_the_provider() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.clock.advance(301);
    let Err(Error::OAuth(error)) = party.userinfo(&user) else { panic!() };
    assert_eq!((error.status, error.response.error.as_str()), (401, "invalid_token"));
    party.provider.assert_clean();
}

#[test]
fn a_busy_endpoint_is_reported_as_busy() {
    let Err(Error::Unavailable(busy)) = userinfo(answer(503, &[("retry-after", "9")], "")) else { panic!() };
    assert_eq!(
        (busy.endpoint, busy.status, busy.retry_after()),
        (Endpoint::UserInfo, 503, Some(Duration::from_secs(9)))
    );
}

#[test]
fn a_token_of_another_type_is_not_sent_as_a_bearer_token() {
    let mut party = Party::builder().client(|client| client.fetch_userinfo()).build();
    party.provider.alter_response(EndpointName::Token, hostile::set_member("token_type", "mac"));
    let Err(Error::Response(error)) = party.login() else { panic!() };
    assert_eq!((error.endpoint, error.rule), (Endpoint::Token, ResponseRule::Value("token_type")));
    assert_eq!(party.provider.count(EndpointName::UserInfo), 0);
}

#[test]
fn a_token_that_no_header_can_carry_is_refused_without_a_panic() {
    let party = Party::new();
    for token in ["", "a\nb", "a\r\nx-evil: 1", "a b", "é", "a\0b", "a\u{7f}"] {
        let refused = party
            .client
            .userinfo(
                &Secret::new(token),
                "alice",
                oidc_proto::Moment::new(oidc_proto::Timestamp(1_800_000_000), [7; 32]),
            )
            .unwrap_err();
        assert_eq!(refused, ConfigError::Characters("access_token").into(), "{token:?}");
    }
}
