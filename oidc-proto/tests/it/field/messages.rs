//! Messages of the field that say the right thing in an odd form: byte order marks, media types, lifetimes, empty
//! parameters and texts that are not UTF-8.

use crate::{device::Scene, support};
use oidc_proto::{
    Error, Moment,
    base::Remedy,
    flow::{CallbackError, Client, Discovery, DiscoveryOptions, Quirks, Step},
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::Profile,
};
use oidc_testkit::{EndpointName, Party, drive, hostile};
use serde_json::{Value, json};

type Response = http::Response<Vec<u8>>;

fn with(quirk: impl FnOnce(&mut Quirks)) -> Party {
    let mut quirks = Quirks::default();
    quirk(&mut quirks);
    Party::builder().client(move |client| client.quirks(quirks)).build()
}

fn mark(response: &mut Response) {
    response.body_mut().splice(0..0, *b"\xef\xbb\xbf");
}

/// Servers that write JSON with a byte order mark write it everywhere (canvas-lms#2639).
#[test]
fn a_byte_order_mark_counts_for_nothing_in_any_message() {
    let mut party = Party::new();
    for endpoint in [
        EndpointName::Discovery,
        EndpointName::Jwks,
        EndpointName::Token,
        EndpointName::UserInfo,
        EndpointName::Introspection,
    ] {
        party.provider.alter_response(endpoint, mark);
    }
    party.discover().unwrap();
    let user = party.login().unwrap();
    assert_eq!(party.userinfo(&user).unwrap().sub, "alice");
    party.refresh(&user).unwrap();
    let refused = "\u{feff}{\"error\":\"invalid_grant\",\"error_description\":\"the session is over\"}";
    party.provider.clear_alterations();
    party.provider.alter_response(EndpointName::Token, hostile::respond(400, "application/json", refused));
    let error = party.refresh(&user).unwrap_err();
    assert_eq!((error.code(), error.remedy()), ("invalid_grant", Remedy::LogInAgain));
    // One mark is none, and two are no JSON.
    let mut party = Party::new();
    party.provider.alter_response(EndpointName::Token, |response: &mut Response| {
        mark(response);
        mark(response);
    });
    assert!(party.login().unwrap_err().to_string().contains("is not JSON in UTF-8"));
}

/// WSO2 writes 2^63 / 1000 for tokens that never expire, others −1; others send an empty text.
#[test]
fn a_lifetime_that_is_none_is_absent_by_its_quirk() {
    let odd =
        [json!(9_223_372_036_854_775_i64), json!(-1), json!({"seconds": 60}), json!("never"), json!(false)];
    for value in odd {
        let alter = |party: &mut Party| {
            let altered = hostile::set_member("expires_in", value.clone());
            party.provider.alter_response(EndpointName::Token, altered);
        };
        let mut strict = Party::new();
        alter(&mut strict);
        let error = strict.login().unwrap_err();
        assert_eq!(error.remedy(), Remedy::FixConfiguration, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("`Quirks::odd_expires_in`") || text.contains("`Quirks::expires_in_as_string`"),
            "{text}"
        );
        let mut tolerant = with(|quirks| quirks.odd_expires_in = true);
        alter(&mut tolerant);
        let user = tolerant.login().unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!((user.tokens.expires_in, user.tokens.expires_at), (None, None));
        let next = tolerant.refresh(&user).unwrap();
        assert!(next.rotated && next.tokens.expires_at.is_none());
    }
    // A good one is read as ever, and an empty one is absent for everybody.
    let mut tolerant = with(|quirks| quirks.odd_expires_in = true);
    assert!(tolerant.login().unwrap().tokens.expires_in.is_some_and(|lifetime| !lifetime.is_zero()));
    let mut party = Party::new();
    party.provider.alter_response(EndpointName::Token, hostile::set_member("expires_in", ""));
    assert_eq!(party.login().unwrap().tokens.expires_in, None);
}

#[test]
fn the_quirk_for_lifetimes_counts_for_the_codes_of_a_device_too() {
    let scene = Scene::new();
    let mut quirks = Quirks::default();
    quirks.odd_expires_in = true;
    let tolerant = Client::builder(scene.client.metadata().clone(), "tv").quirks(quirks).build().unwrap();
    let read = |client: &Client, changes: Value| {
        let mut document = json!({"device_code": "secret", "user_code": "WDJB-MJHT", "expires_in": 600,
            "verification_uri": "https://op.example/device"});
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let call = client.device_authorization(["openid"], Moment::new(support::NOW, [7; 32])).unwrap();
        match support::answer(call, 200, "application/json", &document) {
            Ok(Step::Done(device)) => Ok(device.expires_at().0 - support::NOW.0),
            Ok(_) => panic!("one request"),
            Err(error) => Err(error),
        }
    };
    let cap = i64::try_from(oidc_proto::flow::DEVICE_LIFETIME_CAP.as_secs()).unwrap();
    for odd in [json!(-1), json!(0), json!(9_223_372_036_854_775_i64), json!([])] {
        read(&scene.client, json!({"expires_in": odd})).unwrap_err();
        assert_eq!(read(&tolerant, json!({"expires_in": odd})).unwrap(), cap, "{odd}");
    }
    assert_eq!(read(&tolerant, json!({"interval": [5]})).unwrap(), 600);
    let text = read(&scene.client, json!({"expires_in": -1})).unwrap_err().to_string();
    assert!(text.contains("`Quirks::odd_expires_in`"), "{text}");
    // An empty member is an absent one: the default interval, and the name of the drafts.
    assert_eq!(read(&scene.client, json!({"interval": ""})).unwrap(), 600);
    let old = json!({"verification_uri": "", "verification_url": "https://op.example/device"});
    assert_eq!(read(&scene.client, old).unwrap(), 600);
    let text = read(&scene.client, json!({"user_code": ""})).unwrap_err().to_string();
    assert!(text.contains("lacks the member `user_code`"), "{text}");
}

fn of_type(kind: &'static str) -> impl FnMut(&mut Response) + Send + 'static {
    move |response| {
        response.headers_mut().remove("content-type");
        if !kind.is_empty() {
            response.headers_mut().insert("content-type", kind.parse().unwrap());
        }
    }
}

/// An SSO sends UserInfo as text/plain (oidc-client-js#1315), S3 each file as binary/octet-stream, GitHub raw files as
/// text/plain.
#[test]
fn a_media_type_is_tolerated_by_its_quirk_and_the_body_is_not() {
    for kind in ["text/plain; charset=UTF-8", "binary/octet-stream", "text/json", "application/ld+json", ""] {
        for endpoint in [EndpointName::UserInfo, EndpointName::Jwks] {
            let run = |mut party: Party| {
                party.provider.alter_response(endpoint, of_type(kind));
                let user = party.login()?;
                party.userinfo(&user).map(|user| user.sub)
            };
            let error = run(Party::new()).unwrap_err();
            assert_eq!((error.code(), error.remedy()), ("response_media_type", Remedy::FixConfiguration));
            let text = error.to_string();
            assert!(text.contains("`Quirks::any_media_type`"), "{text}");
            let common = kind.split(';').next().unwrap();
            assert!(common.is_empty() || common.ends_with("+json") || text.contains(common), "{text}");
            assert_eq!(run(with(|quirks| quirks.any_media_type = true)).unwrap(), "alice", "{kind}");
        }
    }
    // A page stays a page.
    let mut party = with(|quirks| quirks.any_media_type = true);
    let user = party.login().unwrap();
    party.provider.alter_response(EndpointName::UserInfo, hostile::respond(200, "text/html", "<p>hello"));
    assert_eq!(party.userinfo(&user).unwrap_err().code(), "response_json");
}

#[test]
fn metadata_of_any_media_type_is_read_by_its_option() {
    let discover = |options: DiscoveryOptions, body: Option<&str>| {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Discovery, of_type("binary/octet-stream"));
        if let Some(body) = body {
            let page = hostile::respond(200, "text/html", body);
            party.provider.alter_response(EndpointName::Discovery, page);
        }
        let call = Discovery::with("https://op.example", options).unwrap();
        drive(call, &mut party.provider, &mut party.clock)
    };
    let options = || DiscoveryOptions::new(&support::policy());
    let text = discover(options(), None).unwrap_err().to_string();
    assert!(text.contains("`any_media_type`") && text.contains("`binary/octet-stream`"), "{text}");
    assert_eq!(discover(options().any_media_type(), None).unwrap().issuer, "https://op.example");
    // The issuer is compared as ever, and a page is no document: the search goes on after it.
    let other = json!({"issuer": "https://evil.example"}).to_string();
    let error = discover(options().any_media_type(), Some(&other)).unwrap_err();
    assert_eq!(error.code(), "metadata_issuer_mismatch");
    let either = options().profile(Profile::AuthorizationServer).or_other_form().any_media_type();
    assert_eq!(discover(either, Some("<html>")).unwrap().issuer, "https://op.example");
}

/// Some providers call signed claims `application/json` or `text/plain`.
#[test]
fn signed_claims_are_known_by_their_form() {
    let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYS0xIn0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
    for kind in ["application/json", "text/plain", "application/jwt"] {
        let run = |mut party: Party| {
            let user = party.login().unwrap();
            party.provider.alter_response(EndpointName::UserInfo, hostile::respond(200, kind, jwt));
            party.userinfo(&user).unwrap_err()
        };
        let error = run(Party::new());
        assert_eq!(error.code(), "response_unexpected_jwt");
        assert!(error.to_string().contains("`ClientBuilder::userinfo_signed_response_alg`"), "{error}");
        // It is verified, and this one is forged.
        let signed =
            |client: oidc_proto::flow::ClientBuilder| client.userinfo_signed_response_alg(Algorithm::RS256);
        let error = run(Party::builder().client(signed).build());
        assert!(error.to_string().contains("a JWT that is refused"), "{error}");
    }
    for (body, code) in [("eyJhbGciOiJSUzI1NiJ9.e30", "response_json"), ("eyJ.{}.", "response_json")] {
        let mut party = Party::new();
        let user = party.login().unwrap();
        party
            .provider
            .alter_response(EndpointName::UserInfo, hostile::respond(200, "application/json", body));
        assert_eq!(party.userinfo(&user).unwrap_err().code(), code, "{body}");
    }
}

fn called_back(query: &str) -> Result<AuthorizationResponse, CallbackError> {
    Ok(AuthorizationResponse::from_query(query)?)
}

fn ended(query: &str) -> Error {
    let mut party = Party::new();
    let (_, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    let query = format!("{query}&state={}&iss=https://op.example", pending.state());
    party.callback(pending, &query, None).unwrap_err()
}

#[test]
fn an_empty_error_of_a_callback_is_none() {
    // The code is sent, and the provider does not know it: nobody has refused the login.
    assert_eq!(ended("code=c&error=").code(), "invalid_grant");
    assert_eq!(ended("code=c&error=&error_description=&id_token=").code(), "invalid_grant");
    assert_eq!(ended("code=&error=access_denied").code(), "callback_denied");
    assert_eq!(ended("code=&error=").code(), "callback_missing_code");
    // An empty `iss` is not that of this provider.
    assert_eq!(called_back("code=c&iss=").unwrap().iss.as_deref(), Some(""));
}

/// Pages in Latin-1 send their texts so, and Facebook has names of its own for both parameters.
#[test]
fn what_a_callback_says_is_not_lost() {
    let text = ended("error=access_denied&error_description=acc%E8s+refus%E9").to_string();
    assert!(text.contains("`access_denied`") && text.contains("acc\u{fffd}s refus\u{fffd}"), "{text}");
    for query in ["code=%FF", "state=%E9", "error=%E9", "error_uri=%E9", "%E9=1"] {
        assert!(matches!(called_back(query), Err(CallbackError::Form(_))), "{query}");
    }
    let text = ended("error_code=1349126&error_message=App+not+active").to_string();
    assert!(text.contains("`1349126` (App not active)"), "{text}");
    // A stranger's error ends no login, under this name either.
    for query in ["error_code=1", "error_code=1&state=another"] {
        let mut party = Party::new();
        let (_, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let error = party.callback(pending, query, None).unwrap_err();
        let Error::Callback(error) = error else { panic!("{error}") };
        assert!(error.login_may_still_end(), "{query}: {error}");
    }
    // They say nothing beside an answer.
    assert_eq!(ended("code=c&error_code=0&error_message=Success").code(), "invalid_grant");
    assert!(called_back("error=access_denied&error_code=200").unwrap().extra.len() == 1);
}

/// Names that Entra, LinkedIn, Apple, GitHub, Slack, Spring and Hydra have for the common refusals.
#[test]
fn a_refusal_by_another_name_has_the_remedy_of_its_cause() {
    for error in ["user_cancelled_login", "user_cancelled_authorize", "login_required"] {
        assert_eq!(ended(&format!("error={error}")).remedy(), Remedy::LogInAgain, "{error}");
    }
    let refused = |status: u16, error: &str| {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Token, hostile::oauth_error(status, error));
        party.login().unwrap_err()
    };
    for (status, error) in [
        (400, "authorization_declined"),
        (400, "code_expired"),
        (200, "bad_verification_code"),
        (200, "bad_refresh_token"),
        (200, "invalid_code"),
        (200, "code_already_used"),
    ] {
        let error = refused(status, error);
        assert_eq!(error.remedy(), Remedy::LogInAgain, "{error}");
        assert!(error.to_string().ends_with("; log in again"), "{error}");
    }
    for (status, error) in [
        (401, "Unauthorized"),
        (401, "request_unauthorized"),
        (200, "incorrect_client_credentials"),
        (200, "bad_client_secret"),
    ] {
        let error = refused(status, error);
        assert_eq!(error.remedy(), Remedy::FixConfiguration, "{error}");
        assert!(error.to_string().contains("`ClientBuilder::secret`"), "{error}");
    }
    assert!(!refused(400, "weird").to_string().contains("secret"));
}

#[test]
fn a_refusal_leads_on_where_the_registration_or_the_settings_are_the_cause() {
    // Azure AD B2C sends no access token for `openid` alone; a provider of OAuth alone sends no ID token.
    for (member, hint) in [
        ("access_token", "some providers send one only if `scope` names an API"),
        ("id_token", "(`Client::authorize_access` does without)"),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Token, hostile::set_member(member, Value::Null));
        let error = party.login().unwrap_err();
        assert!(error.to_string().contains(hint) && error.remedy() == Remedy::FixConfiguration, "{error}");
    }
    // Auth0's and authentik's issuers end with a slash (auth0-oidc-client-net#330, authentik).
    for found in ["https://op.example/", "https://OP.example", "https://op.example:443"] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Discovery, hostile::set_member("issuer", found));
        let text = party.discover().unwrap_err().to_string();
        assert!(text.contains("ask for it as the document spells it"), "{text}");
    }
}

/// Facebook's metadata have neither a token endpoint nor the response type `code`, and its pages have both
/// (next-auth#4608, FoxIDs#385).
#[test]
fn metadata_that_lack_what_the_provider_has_are_completed_by_hand() {
    let mut party = Party::new();
    let alter = |response: &mut Response| {
        let mut members: Value = serde_json::from_slice(response.body()).unwrap();
        members.as_object_mut().unwrap().remove("token_endpoint");
        members["response_types_supported"] = json!(["id_token", "token id_token"]);
        *response.body_mut() = members.to_string().into_bytes();
    };
    let endpoint = party.client.metadata().token_endpoint.clone();
    party.provider.alter_response(EndpointName::Discovery, alter);
    let mut metadata = party.discover().unwrap();
    let build = |metadata: &oidc_proto::metadata::ProviderMetadata| {
        let client = Client::builder(metadata.clone(), "app").secret(oidc_testkit::scenario::SECRET);
        client.redirect_uri("https://app.example/callback").build().unwrap()
    };
    party.client = build(&metadata);
    let text = party.login().unwrap_err().to_string();
    assert!(text.contains("no `code`") && text.contains("`ProviderMetadata::parse`"), "{text}");
    metadata.response_types_supported.as_mut().unwrap().push("code".to_owned());
    party.client = build(&metadata);
    let text = party.login().unwrap_err().to_string();
    assert!(
        text.contains("no usable `token_endpoint`") && text.contains("`ProviderMetadata::parse`"),
        "{text}"
    );
    metadata.token_endpoint = endpoint;
    party.client = build(&metadata);
    assert_eq!(party.login().unwrap().id_token.sub, "alice");
}

/// Harmless oddities that need nothing: 201 (supabase, CrowdStrike, Harvest), media types of tokens, null and empty scopes
/// (oauthlib#391, sttp-oauth2#488), fractions (pyop#20, authlib#801), and more of their kind.
#[test]
fn harmless_oddities_need_no_setting() {
    type Altered = Box<dyn FnMut(&mut Response) + Send>;
    let set = |name: &str, value: Value| -> Altered { Box::new(hostile::set_member(name, value)) };
    let status = |code: u16| -> Altered {
        Box::new(move |response: &mut Response| *response.status_mut() = code.try_into().unwrap())
    };
    let alterations: Vec<Altered> = vec![
        status(201),
        status(202),
        Box::new(of_type("text/plain")),
        Box::new(of_type("text/html; charset=ISO-8859-1")),
        Box::new(of_type("")),
        set("scope", Value::Null),
        set("scope", json!("")),
        set("scope", json!("openid,email")),
        set("expires_in", json!(3599.7)),
        set("expires_in", json!(0)),
        set("refresh_token", Value::Null),
        set("token_type", json!("bearer")),
        set("ok", json!(true)),
    ];
    for alteration in alterations {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Token, alteration);
        assert_eq!(party.login().unwrap().id_token.sub, "alice");
    }
    for (claim, value) in [
        ("exp", json!(1_800_000_300.5)),
        ("iat", json!(1_799_999_999.25)),
        ("aud", json!(["app"])),
        ("azp", Value::Null),
        ("at_hash", Value::Null),
        ("email_verified", json!("true")),
        ("groups", json!("one")),
        ("updated_at", json!("2022-11-11T00:00:00Z")),
        ("auth_time", json!(0)),
    ] {
        let mut party = Party::new();
        party.provider.alter_id_token(hostile::set_claim(claim, value.clone()));
        assert_eq!(party.login().unwrap().id_token.sub, "alice", "{claim}={value}");
    }
    for (name, value) in [
        ("subject_types_supported", json!([])),
        ("token_endpoint_auth_methods_supported", json!("client_secret_basic")),
        ("code_challenge_methods_supported", json!([])),
        ("scopes_supported", json!("openid email")),
        ("userinfo_endpoint", json!("")),
        ("token_endpoint", json!("https://op.example:443/token")),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Discovery, hostile::set_member(name, value));
        let metadata = party.discover().unwrap();
        let client = Client::builder(metadata, "app").secret(oidc_testkit::scenario::SECRET);
        party.client = client.redirect_uri("https://app.example/callback").build().unwrap();
        assert_eq!(party.login().unwrap().id_token.sub, "alice", "{name}");
    }
}

#[test]
fn odd_challenges_of_userinfo_are_read() {
    for challenge in [
        "Bearer error=invalid_token",
        "bearer error=\"invalid_token\"",
        "Bearer, error=\"invalid_token\"",
        "Basic realm=\"x\", Bearer error=\"invalid_token\"",
        "Bearer realm=\"a\" error=\"invalid_token\"",
        "Bearer realm=\"x\",error=\"invalid_token\",error_description=\"gone",
        "Bearer error=\"invalid_token\"; error_description=\"gone\"",
    ] {
        let mut party = Party::new();
        let user = party.login().unwrap();
        party.provider.alter_response(EndpointName::UserInfo, move |response: &mut Response| {
            *response = http::Response::new(Vec::new());
            *response.status_mut() = http::StatusCode::UNAUTHORIZED;
            response.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
        });
        assert_eq!(party.userinfo(&user).unwrap_err().code(), "invalid_token", "{challenge}");
    }
}

/// Google answers 428 and 403, GitHub 200, others 401.
#[test]
fn a_pending_device_waits_whatever_the_status() {
    for (status, error) in [
        (428, "authorization_pending"),
        (403, "slow_down"),
        (200, "authorization_pending"),
        (401, "authorization_pending"),
        (400, "slow_down"),
    ] {
        let mut scene = Scene::new();
        scene.provider.device_times(5, 600);
        let device = scene.begin(&["api:read"]).unwrap();
        let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
        scene.clock.advance(pause.until().0 - scene.clock.now().0);
        let Step::Send(call) = pause.wake(scene.clock.moment()).unwrap() else { panic!("it asks") };
        let (_, _, pending) = call.into_parts();
        let body = json!({ "error": error }).to_string();
        let response = http::Response::builder().status(status).body(body.as_bytes()).unwrap();
        let step = pending.receive(response, scene.clock.moment()).unwrap();
        assert!(matches!(step, Step::Wait(_)), "{status} {error}");
    }
}
