//! Tokens and messages in an odd spelling: what is harmless is read as what it means, and what a check needs stays strict.

use crate::resource::world::{ISSUER, NOW as THEN, RESOURCE, World, merge, sign};
use http::{Response, StatusCode};
use oidc_proto::{
    Error,
    flow::{Client, ConfigError, Quirks, ResponseRule},
    jose::JwsError,
    message::{AccessRequest, AuthorizationRequest, IntrospectionResponse},
    resource::{DenialReason, Requirement, ResourceServer, TrustedIssuer},
    token::{Scratch, VerificationError},
};
use oidc_testkit::{EndpointName, Party, hostile, scenario::SECRET};
use serde_json::{Value, json};
use std::time::Duration;

fn with_header(member: &'static str, value: &Value) -> Result<String, Error> {
    let mut party = Party::new();
    party.provider.alter_id_token(hostile::set_header_member(member, value.clone()));
    party.login().map(|user| user.id_token.sub)
}

#[test]
fn an_id_token_may_say_that_it_is_one_and_an_empty_type_or_key_name_says_nothing() {
    for (member, value) in [
        ("typ", json!("")),
        ("typ", json!("JWT")),
        ("typ", json!("ID")),
        ("typ", json!("id_token+jwt")),
        ("typ", json!("application/id_token+jwt")),
        ("kid", json!("")),
        ("x5t#S256", json!("")),
    ] {
        assert_eq!(with_header(member, &value).unwrap(), "alice", "{member}={value}");
    }
    for value in
        ["at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "Bearer", "Refresh", " ", "IDs", "id_token"]
    {
        let error = with_header("typ", &json!(value)).unwrap_err();
        assert_eq!(error, Error::Token(VerificationError::Type), "{value}");
    }
    let error = with_header("kid", &json!(" ")).unwrap_err();
    assert_eq!(error, Error::Token(VerificationError::Jws(JwsError::UnknownKey)));
}

/// What says that it is an ID token is none of the other tokens.
#[test]
fn a_type_of_id_tokens_and_an_empty_type_open_no_api() {
    let world = World::new();
    let claims = json!({"iss": ISSUER, "sub": "alice", "aud": RESOURCE, "client_id": "app", "jti": "t",
                        "scope": "read", "iat": THEN.0, "exp": THEN.0 + 300});
    let strict = ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new(ISSUER)).build().unwrap();
    let plain = TrustedIssuer::new(ISSUER).access_tokens(|tokens| tokens.accept_plain_jwt());
    let plain = ResourceServer::builder(RESOURCE).trust(plain).build().unwrap();
    for (typ, at_plain) in [("ID", false), ("id_token+jwt", false), ("", true), ("JWT", true)] {
        let token = sign(&world.issuer, &json!({"alg": "EdDSA", "typ": typ}), &claims);
        let denied = world.bearer(&strict, &token).unwrap_err();
        assert_eq!(denied.reason(), DenialReason::Token(VerificationError::Type), "{typ}");
        assert_eq!(world.bearer(&plain, &token).is_ok(), at_plain, "{typ}");
    }
}

#[test]
fn an_empty_azp_names_nobody_and_another_one_is_refused() {
    for (azp, accepted) in [("", true), ("app", true), (" ", false), ("mobile", false)] {
        let mut party = Party::new();
        party.provider.alter_id_token(hostile::set_claim("azp", azp));
        match party.login() {
            Ok(user) => assert_eq!(
                (user.id_token.azp.as_deref(), accepted),
                (Some(azp).filter(|a| !a.is_empty()), true)
            ),
            Err(error) => {
                assert_eq!((error, accepted), (Error::Token(VerificationError::AuthorizedParty), false))
            }
        }
    }
    // A refresh that empties it leaves it out, and that has a quirk.
    let mut party = Party::new();
    party.provider.alter_id_token(hostile::set_claim("azp", "app"));
    let user = party.login().unwrap();
    party.provider.alter_id_token(hostile::set_claim("azp", ""));
    assert_eq!(party.refresh(&user).unwrap_err().cause(), &Error::Token(VerificationError::Changed("azp")));
}

/// An ID token with an empty `azp` for an API that has its client as an audience: the empty name is no other party.
#[test]
fn an_empty_azp_is_no_mark_of_an_access_token() {
    let world = World::new();
    let plain = TrustedIssuer::new(ISSUER).access_tokens(|tokens| tokens.accept_plain_jwt());
    let server = ResourceServer::builder(RESOURCE).trust(plain).build().unwrap();
    let id_token =
        json!({"iss": ISSUER, "sub": "alice", "aud": RESOURCE, "iat": THEN.0, "exp": THEN.0 + 300});
    for azp in [json!(""), json!(null), json!(RESOURCE)] {
        let token =
            sign(&world.issuer, &json!({"alg": "EdDSA"}), &merge(id_token.clone(), &json!({ "azp": azp })));
        let denied = world.bearer(&server, &token).unwrap_err();
        assert_eq!(denied.reason(), DenialReason::Token(VerificationError::IdTokenAsAccessToken), "{azp}");
    }
    let other = sign(&world.issuer, &json!({"alg": "EdDSA"}), &merge(id_token, &json!({"azp": "app"})));
    assert!(world.bearer(&server, &other).is_ok());
}

#[test]
fn an_id_token_without_iat_is_refused() {
    for value in [None, Some(Value::Null)] {
        let mut party = Party::new();
        match value {
            None => party.provider.alter_id_token(hostile::remove_claim("iat")),
            Some(value) => party.provider.alter_id_token(hostile::set_claim("iat", value)),
        }
        assert_eq!(party.login().unwrap_err(), Error::Token(VerificationError::Missing("iat")));
    }
    let mut party = Party::new();
    party.provider.alter_id_token(hostile::set_claim("iat", ""));
    assert!(matches!(party.login(), Err(Error::Token(VerificationError::Claims(_)))));
}

fn listing(methods: &Value) -> (Party, Client) {
    let mut party = Party::new();
    let listed = hostile::set_member("code_challenge_methods_supported", methods.clone());
    party.provider.alter_response(EndpointName::Discovery, listed);
    let client = Client::builder(party.discover().unwrap(), "app").secret(SECRET);
    let client = client.redirect_uri("https://app.example/callback").build().unwrap();
    (party, client)
}

#[test]
fn s256_in_another_case_is_s256_and_is_sent_as_the_specification_has_it() {
    for methods in [json!(["s256"]), json!(["plain", "s256"]), json!(["S256"]), json!([])] {
        let (mut party, client) = listing(&methods);
        let (url, _) = client.authorize(&AuthorizationRequest::default(), party.clock.moment()).unwrap();
        assert!(url.as_str().contains("code_challenge_method=S256"), "{methods}: {url}");
        assert!(client.authorize_access(&AccessRequest::new(["read"]), party.clock.moment()).is_ok());
        party.client = client;
        assert_eq!(party.login().unwrap().id_token.sub, "alice");
    }
    for methods in [json!(["plain"]), json!(["S512"]), json!(["S256 "]), json!(["SHA-256", "RS256"])] {
        let (mut party, client) = listing(&methods);
        let error =
            client.authorize(&AuthorizationRequest::default(), party.clock.moment()).map(drop).unwrap_err();
        assert_eq!(error, ConfigError::NoS256.into(), "{methods}");
    }
    // Where nothing else binds the code, the metadata must say it to the letter.
    let (mut party, _) = listing(&json!(["s256"]));
    let mut quirks = Quirks::default();
    quirks.no_nonce = true;
    let public = Client::builder(party.discover().unwrap(), "public").quirks(quirks);
    assert_eq!(public.build().map(drop).unwrap_err(), ConfigError::Unbound);
}

fn userinfo(status: u16) -> Result<Option<String>, Error> {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.provider.alter_response(EndpointName::UserInfo, move |response: &mut Response<Vec<u8>>| {
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
    });
    party.userinfo(&user).map(|info| info.claim("email"))
}

#[test]
fn userinfo_from_a_hop_that_has_changed_it_is_read_and_still_checked() {
    assert_eq!(userinfo(203).unwrap(), userinfo(200).unwrap());
    for status in [201, 202, 204, 206] {
        match userinfo(status) {
            Err(Error::Response(error)) => assert_eq!(error.rule, ResponseRule::Status, "{status}"),
            other => panic!("{status}: {other:?}"),
        }
    }
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.provider.alter_response(EndpointName::UserInfo, |response: &mut Response<Vec<u8>>| {
        *response.status_mut() = StatusCode::NON_AUTHORITATIVE_INFORMATION;
        hostile::set_member("sub", "mallory")(response);
    });
    match party.userinfo(&user).map(drop).unwrap_err() {
        Error::Response(error) => assert_eq!(error.rule, ResponseRule::OtherSubject),
        other => panic!("{other}"),
    }
}

/// A word is no boolean, and a token that may not be active opens nothing.
#[test]
fn active_in_words_is_refused() {
    for active in [json!("true"), json!("false"), json!(1), json!("yes"), json!("")] {
        let said = json!({"active": active, "aud": RESOURCE, "sub": "alice"});
        let error = IntrospectionResponse::from_members(said.as_object().unwrap().clone()).unwrap_err();
        assert!(error.to_string().contains("`active`"), "{error}");
    }
}

/// Claims of an access token that only some routes need.
fn odd() -> Vec<(&'static str, Value)> {
    vec![
        ("auth_time", json!("1699999990")),
        ("auth_time", json!("2023-11-14T22:13:10Z")),
        ("auth_time", json!([1])),
        ("acr", json!(2)),
        ("acr", json!({"level": "high"})),
        ("amr", json!({"a": 1})),
        ("sid", json!(77)),
    ]
}

#[test]
fn an_access_token_keeps_its_rights_whatever_the_type_of_a_claim_that_no_check_needs() {
    let world = World::new();
    for (claim, value) in odd() {
        for plain in [false, true] {
            let issuer = TrustedIssuer::new(ISSUER);
            let issuer =
                if plain { issuer.access_tokens(|tokens| tokens.accept_plain_jwt()) } else { issuer };
            let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
            let access = world.bearer(&server, &world.token(&json!({ claim: value.clone() }))).unwrap();
            assert_eq!((access.auth_time(), access.acr()), (None, None), "{claim}={value}");
            assert_eq!(access.claims()[claim], value, "the program can read it as it is");
        }
    }
}

#[test]
fn a_route_that_demands_such_a_claim_refuses_the_odd_one_and_asks_for_a_new_login() {
    let world = World::new();
    let server = ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new(ISSUER)).build().unwrap();
    let recent = Requirement::new().max_age(Duration::from_secs(600));
    let strong = Requirement::new().acr_values(["2", "gold"]);
    for (claim, value, right, needs) in [
        ("auth_time", json!("1699999990"), json!(1_699_999_990), &recent),
        ("auth_time", json!(["1699999990"]), json!(1_699_999_990), &recent),
        ("acr", json!(2), json!("2"), &strong),
        ("acr", json!(["gold"]), json!("gold"), &strong),
    ] {
        let access = world.bearer(&server, &world.token(&json!({ claim: value.clone() }))).unwrap();
        let denied = access.require(needs, THEN).unwrap_err();
        assert_eq!(
            (denied.reason(), denied.status().as_u16()),
            (DenialReason::Authentication, 401),
            "{claim}={value}"
        );
        let access = world.bearer(&server, &world.token(&json!({ claim: right }))).unwrap();
        assert!(access.require(needs, THEN).is_ok());
    }
}

#[test]
fn a_claim_that_a_check_of_an_access_token_needs_stays_strict() {
    let world = World::new();
    for (claim, value) in [
        ("nbf", json!("1699999990")),
        ("exp", json!("1700000300")),
        ("iat", json!("now")),
        ("sub", json!(35)),
        ("azp", json!(["app"])),
        ("client_id", json!(7)),
        ("jti", json!(7)),
        ("scope", json!(5)),
        ("cnf", json!("k")),
        ("nonce", json!(1)),
    ] {
        let reason = world.why(&world.token(&json!({ claim: value.clone() }))).unwrap();
        assert!(
            matches!(reason, DenialReason::Token(VerificationError::Claims(_))),
            "{claim}={value}: {reason}"
        );
    }
}

/// A session or a time of authentication of another type still says that this may be an ID token.
#[test]
fn an_odd_claim_makes_no_access_token_of_an_id_token() {
    let world = World::new();
    let spring = TrustedIssuer::new(ISSUER)
        .access_tokens(|tokens| tokens.accept_plain_jwt().nbf_marks_access_tokens());
    let server = ResourceServer::builder(RESOURCE).trust(spring).build().unwrap();
    let marked = json!({"iss": ISSUER, "sub": "alice", "aud": RESOURCE, "iat": THEN.0, "nbf": THEN.0,
                        "exp": THEN.0 + 300});
    let judge = |changes: Value| {
        let token = sign(&world.issuer, &json!({"alg": "EdDSA"}), &merge(marked.clone(), &changes));
        world.bearer(&server, &token).map(drop).map_err(|denied| denied.reason())
    };
    assert_eq!(judge(json!({})), Ok(()));
    for changes in [
        json!({"sid": 77}),
        json!({"sid": {"a": 1}}),
        json!({"auth_time": "1699999990"}),
        json!({"auth_time": []}),
        json!({"sid": "s"}),
    ] {
        let refused = Err(DenialReason::Token(VerificationError::IdTokenAsAccessToken));
        assert_eq!(judge(changes.clone()), refused, "{changes}");
    }
}

#[test]
fn an_introspected_token_with_an_odd_authentication_opens_only_routes_that_demand_none() {
    let issuer = TrustedIssuer::new(ISSUER).introspects_opaque_tokens();
    let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
    let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
    let headers = crate::resource::world::headers(&[("authorization", b"Bearer opaque")]);
    let inspected = server
        .inspect(&oidc_proto::resource::RequestView::new(&method, &uri, &headers), &mut Scratch::new())
        .unwrap();
    let recent = Requirement::new().max_age(Duration::from_secs(600));
    let strong = Requirement::new().acr_values(["2"]);
    for (member, value, needs) in
        [("auth_time", json!("now"), &recent), ("auth_time", json!({}), &recent), ("acr", json!(2), &strong)]
    {
        let said = json!({"active": true, "aud": RESOURCE, "sub": "alice", member: value});
        let said = IntrospectionResponse::from_members(said.as_object().unwrap().clone()).unwrap();
        let access = crate::resource::world::end(server.judge_introspected(&inspected, &said, THEN)).unwrap();
        assert_eq!(
            access.require(needs, THEN).unwrap_err().reason(),
            DenialReason::Authentication,
            "{member}"
        );
    }
}
