//! Tests the rules of the audit for pushed and signed authorization requests. Each case is a client that breaks one rule.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use oidc_testkit::{Algorithm, Browser, EndpointName, KeyRing, Landing, Registration, TestProvider};
use serde_json::{Value, json};

const ISSUER: &str = "https://op.example/tenant";
const CALLBACK: &str = "https://app.example/callback";
const HOST: &str = "https://app.example/requests/1";

fn ready() -> TestProvider {
    let mut provider = TestProvider::new(ISSUER);
    let (_, jwk) = KeyRing::client_key(Algorithm::EdDSA);
    provider.register(Registration::public("app").redirect_uri(CALLBACK).request_object_key(jwk));
    provider.register(Registration::public("other").redirect_uri(CALLBACK));
    provider
}

/// The parameters of a good request. Its random values are 43 characters long.
fn good() -> Value {
    json!({
        "response_type": "code", "client_id": "app", "redirect_uri": CALLBACK, "scope": "openid email",
        "state": "s".repeat(43), "nonce": "n".repeat(43), "code_challenge": format!("{}A", "c".repeat(42)),
        "code_challenge_method": "S256",
    })
}

/// A request object of the client `app`, with changes to its header and its claims. `null` removes a member.
fn object(algorithm: Algorithm, header: &Value, changes: &Value) -> String {
    let mut claims = good();
    let about = json!({"iss": "app", "aud": ISSUER, "jti": "j".repeat(43), "iat": NOW.0, "nbf": NOW.0,
        "exp": NOW.0 + 300});
    let mut typ = json!({"typ": "oauth-authz-req+jwt"});
    for (to, from) in [(&mut claims, &about), (&mut typ, header)] {
        from.as_object().unwrap().iter().for_each(|(name, value)| to[name] = value.clone());
    }
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    let (key, _) = KeyRing::client_key(algorithm);
    let header = typ.as_object().unwrap().clone();
    oidc_proto::jose::sign_compact(&*key, header, claims.to_string().as_bytes()).unwrap()
}

fn push(provider: &mut TestProvider, pairs: &Value) -> http::Response<Vec<u8>> {
    let pairs = pairs.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let request = http::Request::post(provider.url(EndpointName::PushedAuthorizationRequest))
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into_bytes());
    provider.handle(&request.unwrap(), NOW)
}

fn visit(provider: &mut TestProvider, pairs: &Value) -> Landing {
    let pairs = pairs.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let url = format!("{}?{query}", provider.url(EndpointName::Authorize));
    Browser::new().visit(provider, url, NOW)
}

/// The parameters beside a request object.
fn beside(request: &str) -> Value {
    json!({"client_id": "app", "response_type": "code", "scope": "openid", "request": request})
}

#[test]
fn a_good_request_is_taken_in_every_form() {
    let object = || object(Algorithm::EdDSA, &json!({}), &json!({}));
    let mut provider = ready();
    assert!(matches!(visit(&mut provider, &beside(&object())), Landing::Callback(_)));
    provider.assert_clean();

    let mut provider = ready();
    provider.host_request_object(HOST, object());
    let hosted = json!({"client_id": "app", "response_type": "code", "scope": "openid", "request_uri": HOST});
    assert!(matches!(visit(&mut provider, &hosted), Landing::Callback(_)));
    provider.assert_clean();

    for pushed in [good(), json!({"client_id": "app", "request": object()})] {
        let mut provider = ready();
        let response = push(&mut provider, &pushed);
        assert_eq!(response.status(), 201);
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["expires_in"], 60);
        let referring = json!({"client_id": "app", "request_uri": body["request_uri"]});
        assert!(matches!(visit(&mut provider, &referring), Landing::Callback(_)));
        provider.assert_clean();
    }
}

#[test]
fn a_request_object_is_typed_signed_and_for_this_provider_and_this_time() {
    let none = json!({});
    for (algorithm, header, changes, what) in [
        (Algorithm::EdDSA, json!({"typ": "JWT"}), none.clone(), "its `typ` is another"),
        (
            Algorithm::EdDSA,
            none.clone(),
            json!({"aud": "https://op.evil.example"}),
            "its `aud` is not this provider",
        ),
        (Algorithm::EdDSA, none.clone(), json!({"aud": null}), "its `aud` is not this provider"),
        (Algorithm::EdDSA, none.clone(), json!({"iss": "other"}), "its `iss` or its `client_id`"),
        (Algorithm::EdDSA, none.clone(), json!({"client_id": "other"}), "its `iss` or its `client_id`"),
        (Algorithm::EdDSA, none.clone(), json!({"sub": "app"}), "it has a `sub`"),
        (Algorithm::EdDSA, none.clone(), json!({"exp": NOW.0}), "it has expired"),
        (Algorithm::EdDSA, none.clone(), json!({"exp": null}), "it lacks `exp`"),
        (Algorithm::EdDSA, none.clone(), json!({"exp": NOW.0 + 3601}), "it lives for too long"),
        (Algorithm::EdDSA, none.clone(), json!({"nbf": NOW.0 + 6}), "it is of the future"),
        (Algorithm::EdDSA, none.clone(), json!({"nbf": null}), "it lacks `exp`, `nbf` or `iat`"),
        (Algorithm::EdDSA, none.clone(), json!({"jti": null}), "it lacks `jti`"),
        (Algorithm::EdDSA, none.clone(), json!({"jti": "1"}), "its `jti` can be guessed"),
        (Algorithm::EdDSA, none.clone(), json!({"request_uri": HOST}), "it has `request_uri`"),
        (Algorithm::EdDSA, none.clone(), json!({"max_age": "60"}), "`max_age` is a text"),
        (Algorithm::EdDSA, none.clone(), json!({"claims": "{}"}), "`claims` is a text"),
        (Algorithm::EdDSA, none.clone(), json!({"state": 7}), "`state` has the wrong type"),
        (Algorithm::EdDSA, none.clone(), json!({"response_type": "token"}), "`response_type` differs"),
        (Algorithm::EdDSA, none.clone(), json!({"scope": "email"}), "`scope` differs"),
        (Algorithm::ES256, none.clone(), none.clone(), "its `kid` is not that"),
    ] {
        let mut provider = ready();
        let landing = visit(&mut provider, &beside(&object(algorithm, &header, &changes)));
        assert!(matches!(landing, Landing::Page(status, _) if status == 400), "{what}");
        assert_only_finding(&provider, what);
    }
    let mut provider = ready();
    provider.request_object_algorithms([Algorithm::ES256]);
    visit(&mut provider, &beside(&object(Algorithm::EdDSA, &json!({}), &json!({}))));
    assert_only_finding(&provider, "its `alg` is EdDSA, which the metadata does not list");
    let mut provider = ready();
    let mut broken = object(Algorithm::EdDSA, &json!({}), &json!({}));
    broken.truncate(broken.len() - 8);
    visit(&mut provider, &beside(&(broken + "AAAAAAAA")));
    assert_only_finding(&provider, "its signature is not that of the client");
}

#[test]
fn a_request_object_is_used_once_and_agrees_with_what_is_beside_it() {
    let mut provider = ready();
    let signed = object(Algorithm::EdDSA, &json!({}), &json!({}));
    assert!(matches!(visit(&mut provider, &beside(&signed)), Landing::Callback(_)));
    assert!(matches!(visit(&mut provider, &beside(&signed)), Landing::Page(..)));
    assert!(provider.audit().iter().any(|finding| finding.what.contains("its `jti` was used")));

    let mut provider = ready();
    let mut both = beside(&signed);
    both["request_uri"] = HOST.into();
    visit(&mut provider, &both);
    assert!(
        provider.audit().iter().any(|finding| finding.what.contains("`request` and `request_uri` at once"))
    );

    let mut provider = ready();
    let mut more = beside(&signed);
    more["login_hint"] = "alice".into();
    visit(&mut provider, &more);
    assert_only_finding(&provider, "stray parameter `login_hint`");
}

#[test]
fn a_pushed_request_has_an_identifier_a_registered_place_and_no_reference() {
    for (name, value, what) in [
        ("client_id", None, "no client_id in a pushed request"),
        ("redirect_uri", Some("https://app.example/other"), "redirect_uri is not exactly one"),
        ("redirect_uri", None, "redirect_uri is not exactly one"),
    ] {
        let mut provider = ready();
        let mut pairs = good();
        pairs.as_object_mut().unwrap().remove(name);
        if let Some(value) = value {
            pairs[name] = value.into();
        }
        assert_error(&push(&mut provider, &pairs), 400, "invalid_request");
        assert_only_finding(&provider, what);
    }
    let mut provider = ready();
    let mut pairs = good();
    pairs["request_uri"] = HOST.into();
    assert_error(&push(&mut provider, &pairs), 400, "invalid_request");
    assert!(
        provider.audit().iter().any(|finding| finding.what.contains("a pushed request with `request_uri`"))
    );

    // Beside a request object stands nothing but client authentication (RFC 9126 section 3).
    let mut provider = ready();
    let signed = object(Algorithm::EdDSA, &json!({}), &json!({}));
    push(&mut provider, &json!({"client_id": "app", "request": signed, "scope": "openid"}));
    assert_only_finding(&provider, "stray parameter `scope`");
}

#[test]
fn a_provider_that_demands_a_form_takes_no_other() {
    let mut provider = ready();
    provider.require_pushed_requests(true);
    assert!(matches!(visit(&mut provider, &good()), Landing::Page(..)));
    assert_only_finding(&provider, "the request was not pushed");
    let mut provider = ready();
    provider.require_signed_requests(true);
    assert!(matches!(visit(&mut provider, &good()), Landing::Page(..)));
    assert_only_finding(&provider, "the request is not signed");
    let mut provider = ready();
    provider.require_signed_requests(true);
    assert_error(&push(&mut provider, &good()), 400, "invalid_request");
    assert_only_finding(&provider, "a request that is not signed");
}
