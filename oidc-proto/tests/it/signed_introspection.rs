//! A resource server demands that introspection responses are signed (RFC 9701).

use crate::support::*;
use oidc_proto::{
    Error, Secret,
    base::JsonError,
    flow::{
        Client, ClientBuilder, ClientCredentialsRequest, Discovery, Endpoint, ResponseError, ResponseRule,
        Step,
    },
    jose::{Algorithm, JwsError, KeySet},
    token::{AccessTokenVerifier, Expected, IdTokenVerifier, Scratch, VerificationError},
};
use oidc_testkit::{EndpointName, Registration, TestProvider, hostile};
use serde_json::{Value, json};
use std::sync::Arc;

const JWT: &str = "application/token-introspection+jwt";

fn provider(algorithm: Algorithm) -> TestProvider {
    let mut provider = TestProvider::new(ISSUER);
    provider.register(Registration::basic("service", SECRET).grant_type("client_credentials"));
    provider.register(Registration::basic("api", SECRET));
    provider.sign_introspection(algorithm);
    provider
}

fn with(provider: &mut TestProvider, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let metadata = run(provider, Discovery::start(ISSUER, &policy()).unwrap()).unwrap();
    set(Client::builder(metadata, "api").secret(SECRET)).build().unwrap()
}

fn demanding(provider: &mut TestProvider) -> Client {
    with(provider, ClientBuilder::signed_introspection)
}

fn token(provider: &mut TestProvider) -> Secret {
    let metadata = run(provider, Discovery::start(ISSUER, &policy()).unwrap()).unwrap();
    let service = Client::builder(metadata, "service").secret(SECRET).build().unwrap();
    let wanted = ClientCredentialsRequest::new(["read", "write"]);
    run(provider, service.client_credentials_once(&wanted, moment(NOW)).unwrap()).unwrap().access_token
}

/// The keys of the provider, as the program has them.
fn keys(provider: &TestProvider) -> Arc<KeySet> {
    Arc::new(KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(ended: Result<T, Error>) -> ResponseError {
    match ended {
        Err(Error::Response(error)) => {
            assert_eq!(error.endpoint, Endpoint::Introspection);
            *error
        }
        other => panic!("{other:?}"),
    }
}

/// What becomes of a signed response that is changed before it is signed.
fn altered(
    change: impl FnMut(&mut serde_json::Map<String, Value>, &mut serde_json::Map<String, Value>) + Send + 'static,
) -> Result<oidc_proto::message::IntrospectionResponse, Box<ResponseError>> {
    let mut provider = provider(Algorithm::ES256);
    let (token, api) = (token(&mut provider), demanding(&mut provider));
    provider.alter_introspection(change);
    let ended = run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap());
    match ended {
        Ok(said) => Ok(said),
        failed => Err(Box::new(refused(failed))),
    }
}

#[test]
fn a_signed_response_says_the_same_as_json_and_its_keys_are_fetched_once() {
    for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA, Algorithm::PS384] {
        let mut provider = provider(algorithm);
        let (token, api) = (token(&mut provider), demanding(&mut provider));
        assert!(api.demands_signed_introspection());
        let said = run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap()).unwrap();
        assert!(said.active && said.has_scope("write"));
        assert_eq!((said.client_id.as_deref(), said.exp), (Some("service"), Some(NOW.plus(300))));
        let json = with(&mut provider, |client| client);
        let plain = run(&mut provider, json.introspect(&token, None, moment(NOW)).unwrap()).unwrap();
        assert_eq!(said, plain, "{algorithm:?}");
        assert_eq!(provider.count(EndpointName::Jwks), 1);
        // With the keys at hand, nothing is fetched.
        let call = api.introspect_with_keys(&token, None, Some(keys(&provider)), moment(NOW)).unwrap();
        let said = run(&mut provider, call).unwrap();
        assert!(said.response.active && said.learned.keys.is_none());
        assert_eq!(provider.count(EndpointName::Jwks), 1);
        // A token that is not active is a result, and no error.
        let unknown = api.introspect_once(&"unknown".into(), None, moment(NOW)).unwrap();
        let unknown = run(&mut provider, unknown).unwrap();
        assert!(!unknown.active && unknown.extra.is_empty());
        provider.assert_clean();
    }
}

#[test]
fn new_keys_are_learned_and_old_ones_do_not_verify() {
    let mut provider = provider(Algorithm::ES256);
    let (token, api, old) = (token(&mut provider), demanding(&mut provider), keys(&provider));
    provider.rotate_keys();
    let ask = || api.introspect_once_with_keys(&token, None, Some(old.clone()), moment(NOW)).unwrap();
    let said = run(&mut provider, ask()).unwrap();
    assert!(said.response.active && said.learned.keys.is_some() && said.learned.keys_asked_at == Some(NOW));
    // A key that nobody publishes verifies nothing, and the keys are fetched once all the same.
    provider.sign_with_generation(1);
    let before = provider.count(EndpointName::Jwks);
    let fresh = api.introspect_once_with_keys(&token, None, None, moment(NOW)).unwrap();
    let error = refused(run(&mut provider, fresh));
    assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::Jws(JwsError::UnknownKey)));
    assert_eq!(provider.count(EndpointName::Jwks), before + 1);
    provider.clear_alterations();
    provider.break_signatures(true);
    let error = refused(run(&mut provider, ask()));
    assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::Jws(JwsError::Signature)));
}

#[test]
fn json_is_refused_where_a_signature_is_demanded_and_a_jwt_where_it_is_not() {
    let mut provider = provider(Algorithm::RS256);
    let (token, api) = (token(&mut provider), demanding(&mut provider));
    for (media, body, rule) in [
        ("application/json", r#"{"active":true}"#, ResponseRule::NotSigned),
        ("application/json", r#"{"active":false}"#, ResponseRule::NotSigned),
        (JWT, r#"{"active":true}"#, ResponseRule::Jwt(VerificationError::Jws(JwsError::NotCompact))),
        (JWT, "", ResponseRule::Jwt(VerificationError::Jws(JwsError::NotCompact))),
        (JWT, "a.b.c", ResponseRule::Jwt(VerificationError::Jws(JwsError::Base64))),
        (JWT, "a.b.c.d.e", ResponseRule::Jwt(VerificationError::Jws(JwsError::Encrypted))),
        ("application/jwt", "a.b.c", ResponseRule::MediaType(JWT)),
        ("text/html", "<html>", ResponseRule::MediaType(JWT)),
    ] {
        let call = api.introspect_once_with_keys(&token, None, Some(keys(&provider)), moment(NOW)).unwrap();
        assert_eq!(refused(answer(call, 200, media, body)).rule, rule, "{media} {body}");
    }
    let error = refused(answer(
        api.introspect(&token, None, moment(NOW)).unwrap(),
        200,
        "application/json",
        r#"{"active":true}"#,
    ));
    assert!(error.to_string().contains("`ClientBuilder::signed_introspection`"), "{error}");
    // A provider that knows nothing of RFC 9701 sends JSON, whatever was asked for.
    let mut older = TestProvider::new(ISSUER);
    older.register(Registration::basic("api", SECRET));
    let api = demanding(&mut older);
    let ended = run(&mut older, api.introspect(&"t".into(), None, moment(NOW)).unwrap());
    assert_eq!(refused(ended).rule, ResponseRule::NotSigned);
    // The other way round: nobody asked for a JWT.
    let json = with(&mut provider, |client| client);
    let error = refused(answer(json.introspect(&token, None, moment(NOW)).unwrap(), 200, JWT, "a.b.c"));
    assert_eq!(error.rule, ResponseRule::UnexpectedJwt);
    assert!(error.to_string().contains("`ClientBuilder::signed_introspection`"), "{error}");
}

#[test]
fn an_error_is_json_whatever_was_asked_for() {
    let mut provider = provider(Algorithm::RS256);
    let api = demanding(&mut provider);
    let ask = || api.introspect_once(&"t".into(), None, moment(NOW)).unwrap();
    for (status, body) in
        [(401, r#"{"error":"invalid_client"}"#), (401, ""), (400, r#"{"error":"invalid_client"}"#)]
    {
        let Err(Error::OAuth(error)) = answer(ask(), status, "application/json", body) else { panic!() };
        assert_eq!(error.response.error, "invalid_client");
    }
    assert!(matches!(answer(ask(), 503, JWT, "a.b.c"), Err(Error::Unavailable(_))));
    assert!(matches!(answer(ask(), 500, JWT, ""), Err(Error::Unavailable(_))));
}

#[test]
fn a_response_is_of_this_issuer_for_this_resource_server_and_about_this_moment() {
    let set = |name: &'static str, value: Value| match altered(hostile::set_claim(name, value)) {
        Err(error) => error.rule,
        Ok(said) => panic!("{name}: {said:?}"),
    };
    let jwt = ResponseRule::Jwt;
    for other in [json!("https://evil.example"), json!("https://op.example/"), json!("")] {
        assert_eq!(set("iss", other), jwt(VerificationError::Issuer));
    }
    for other in [json!("another-api"), json!(["a", "b"]), json!([]), json!("API")] {
        assert_eq!(set("aud", other), jwt(VerificationError::Audience));
    }
    for missing in ["iss", "aud", "iat", "token_introspection"] {
        assert_eq!(set(missing, Value::Null), jwt(VerificationError::Missing(missing)));
    }
    // With these, the response would look like an access token (section 5).
    assert_eq!(set("sub", json!("alice")), jwt(VerificationError::Value("sub")));
    assert_eq!(set("exp", json!(NOW.0 + 60)), jwt(VerificationError::Value("exp")));
    // The window of `iat`: a leeway of 30 s, and a minute on top of it for an older one.
    assert!(matches!(
        set("iat", json!(NOW.0 + 31)),
        ResponseRule::Jwt(VerificationError::IssuedInFuture { .. })
    ));
    assert!(matches!(set("iat", json!(NOW.0 - 91)), ResponseRule::Jwt(VerificationError::TooOld { .. })));
    for good in [-90, 0, 30] {
        assert!(altered(hostile::set_claim("iat", json!(NOW.0 + good))).unwrap().active);
    }
    assert!(altered(hostile::set_claim("aud", json!(["other", "api"]))).unwrap().active);
    // What it says is read by the rules of JSON responses.
    let wrong = |member, expected| ResponseRule::Json(JsonError::WrongType { member, expected });
    let said = |said: Value| set("token_introspection", said);
    assert_eq!(said(json!({"active": "true"})), wrong("active", "a boolean"));
    assert_eq!(said(json!({"active": true, "exp": "soon"})), wrong("exp", "a date in seconds"));
    assert_eq!(said(json!({"exp": 5})), ResponseRule::Missing("active"));
    for other in [json!("active"), json!([{"active": true}]), json!(true)] {
        assert!(matches!(
            said(other),
            ResponseRule::Jwt(VerificationError::Claims(JsonError::WrongType {
                member: "token_introspection",
                ..
            }))
        ));
    }
}

#[test]
fn only_a_jwt_of_the_right_type_is_a_response() {
    for typ in ["JWT", "at+jwt", "token-introspection", "token-introspection+jwt+jwt", "", "application/jwt"]
    {
        let error = altered(hostile::set_header_member("typ", json!(typ))).unwrap_err();
        assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::Type), "{typ}");
    }
    let error = altered(hostile::remove_header_member("typ")).unwrap_err();
    assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::Type));
    for typ in ["application/token-introspection+jwt", "Token-Introspection+JWT"] {
        assert!(altered(hostile::set_header_member("typ", json!(typ))).unwrap().active);
    }
    let error = altered(hostile::set_header_member("alg", json!("none"))).unwrap_err();
    assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::Jws(JwsError::Unsigned)));
}

#[test]
fn neither_an_access_token_nor_an_id_token_passes_for_a_response_and_none_for_them() {
    let mut provider = provider(Algorithm::RS256);
    let (token, api, keys) = (token(&mut provider), demanding(&mut provider), keys(&provider));
    // The access token itself, which the provider has signed with the same keys.
    let call = api.introspect_once_with_keys(&token, None, Some(keys.clone()), moment(NOW)).unwrap();
    let error = refused(answer(call, 200, JWT, token.expose()));
    assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::Type));
    // The response as an access token, at a server that asks for no type at all.
    for claims in [
        json!({}),
        json!({"sub": "alice", "exp": NOW.0 + 300, "client_id": "api", "scope": "read", "jti": "1"}),
    ] {
        let signed = signed_response(&mut provider, &token, claims, None);
        let verifier = || AccessTokenVerifier::new(ISSUER, "api");
        for verifier in [
            verifier(),
            verifier().accept_plain_jwt(),
            verifier().accept_plain_jwt().nbf_marks_access_tokens(),
        ] {
            let verified = verifier.verify(&signed, &keys, &mut Scratch::new(), NOW).map(drop);
            assert_eq!(verified, Err(VerificationError::Type));
        }
        let id = IdTokenVerifier::new(ISSUER, "api");
        let verified = id.verify(&Secret::new(&signed), &keys, &Expected::default(), NOW).map(drop);
        assert_eq!(verified, Err(VerificationError::Type));
    }
    // Even one whose server forgot its type, and wrote all that an access token has.
    let claims = json!({"sub": "alice", "exp": NOW.0 + 300, "client_id": "app", "scope": "read", "jti": "1"});
    let untyped = signed_response(&mut provider, &token, claims, Some(json!("JWT")));
    let verifier = AccessTokenVerifier::new(ISSUER, "api").accept_plain_jwt();
    let verified = verifier.verify(&untyped, &keys, &mut Scratch::new(), NOW).map(drop);
    assert_eq!(verified, Err(VerificationError::Value("token_introspection")));
}

/// The text of a signed response with these claims besides its own.
fn signed_response(provider: &mut TestProvider, token: &Secret, more: Value, typ: Option<Value>) -> String {
    provider.alter_introspection(move |header, claims| {
        claims.extend(more.as_object().unwrap().clone());
        header.extend(typ.clone().map(|typ| ("typ".to_owned(), typ)));
    });
    let api = demanding(provider);
    let (request, _, _) = api.introspect_once(token, None, moment(NOW)).unwrap().into_parts();
    let response = provider.handle(&request, NOW);
    provider.clear_alterations();
    String::from_utf8(response.into_body()).unwrap()
}

#[test]
fn the_registered_algorithm_is_the_only_one_and_the_listed_ones_are_the_default() {
    for (listed, registered, signs, fits) in [
        (Algorithm::ES256, None, Algorithm::ES256, true),
        (Algorithm::ES256, None, Algorithm::RS256, false),
        (Algorithm::ES256, Some(Algorithm::RS256), Algorithm::RS256, true),
        (Algorithm::ES256, Some(Algorithm::RS256), Algorithm::ES256, false),
        (Algorithm::HS256, None, Algorithm::HS256, false),
        (Algorithm::HS256, Some(Algorithm::HS256), Algorithm::HS256, true),
    ] {
        let mut provider = provider(listed);
        let token = token(&mut provider);
        let api = with(&mut provider, |client| match registered {
            None => client.signed_introspection(),
            Some(algorithm) => client.introspection_signed_response_alg(algorithm),
        });
        provider.sign_with(signs);
        let ended = run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap());
        if fits {
            assert!(ended.unwrap().active);
        } else {
            let error = refused(ended);
            assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::Jws(JwsError::AlgorithmNotAllowed)));
            assert!(error.to_string().contains("introspection_signed_response_alg"), "{error}");
        }
        // A secret that signs needs no keys of the provider.
        let fetched = usize::from(!signs.is_symmetric());
        assert!(!fits || provider.count(EndpointName::Jwks) == fetched);
    }
    // Metadata without a list mean RS256 (section 6).
    for (signs, fits) in [(Algorithm::RS256, true), (Algorithm::ES256, false), (Algorithm::EdDSA, false)] {
        let mut provider = provider(signs);
        let token = token(&mut provider);
        let silent = hostile::remove_member("introspection_signing_alg_values_supported");
        provider.alter_response(EndpointName::Discovery, silent);
        let api = demanding(&mut provider);
        let ended = run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap());
        assert_eq!(ended.is_ok(), fits, "{signs:?}");
    }
}

#[test]
fn a_response_may_name_the_api_instead_of_the_client_if_the_settings_say_so() {
    let of = |audience: Value, names: &[&str]| {
        let mut provider = provider(Algorithm::ES256);
        let token = token(&mut provider);
        let api = with(&mut provider, |client| {
            names
                .iter()
                .fold(client.signed_introspection(), |client, name| client.introspection_audience(*name))
        });
        provider.alter_introspection(hostile::set_claim("aud", audience));
        run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap())
    };
    let api = "https://api.example";
    assert!(of(json!(api), &[api]).unwrap().active);
    assert!(of(json!([api, "x"]), &["y", api]).unwrap().active);
    assert!(of(json!("api"), &[api]).unwrap().active, "the client stays one");
    for (audience, names) in
        [(json!(api), &[][..]), (json!("https://api.example/"), &[api]), (json!("x"), &[api])]
    {
        let error = refused(of(audience, names));
        assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::Audience));
        assert!(error.to_string().contains("introspection_audience"), "{error}");
    }
}

#[test]
fn a_lost_slow_or_huge_answer_ends_as_without_a_signature() {
    let mut provider = provider(Algorithm::ES256);
    let (token, api) = (token(&mut provider), demanding(&mut provider));
    // Lost and busy answers are asked for again, and the keys come last.
    provider.alter_response(EndpointName::Introspection, hostile::times(2, hostile::retry_after(5)));
    let mut now = NOW;
    let said = run_at(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap(), &mut now).unwrap();
    assert!(said.active && now >= NOW.plus(10));
    assert_eq!((provider.count(EndpointName::Introspection), provider.count(EndpointName::Jwks)), (3, 1));
    let (_, _, pending) = api.introspect(&token, None, moment(NOW)).unwrap().into_parts();
    assert!(matches!(pending.fail(moment(NOW)), Ok(Some(Step::Wait(_)))));
    let (request, _, pending) = api.introspect_once(&token, None, moment(NOW)).unwrap().into_parts();
    assert_eq!(request.headers()["accept"], JWT);
    // If the keys do not come, the flow is over, and the token is neither good nor bad.
    let Ok(Step::Send(call)) = pending.receive(provider.handle(&request, NOW), moment(NOW)) else { panic!() };
    let (request, terms, pending) = call.into_parts();
    assert!(request.uri().path().ends_with("/jwks") && terms.endpoint == Endpoint::Jwks);
    assert!(matches!(pending.fail(moment(NOW)), Ok(None)));
    for (path, code) in
        [(EndpointName::Introspection, "response_too_large"), (EndpointName::Jwks, "response_too_large")]
    {
        provider.alter_response(path, hostile::pad_body(70_000));
        let ended = run(&mut provider, api.introspect(&token, None, moment(NOW)).unwrap());
        assert_eq!(ended.unwrap_err().code(), code);
        provider.clear_alterations();
    }
    // A response that is longer than a token may be is refused before it is decoded.
    let long = |_: &mut serde_json::Map<String, Value>, claims: &mut serde_json::Map<String, Value>| {
        claims.insert("x".to_owned(), "x".repeat(20_000).into());
    };
    let error = altered(long).unwrap_err();
    assert_eq!(error.rule, ResponseRule::Jwt(VerificationError::TooLarge));
}
