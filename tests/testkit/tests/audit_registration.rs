//! The audit of registrations: each way to break RFC 7591 and RFC 7592 is found, and what is allowed is not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use http::{Request, Response};
use oidc_testkit::{EndpointName, TestProvider, Timestamp};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_800_000_000);

fn provider() -> TestProvider {
    let mut provider = TestProvider::new("https://op.example");
    provider.accept_registrations();
    provider
}

fn web() -> Value {
    json!({"redirect_uris": ["https://app.example/callback"], "grant_types": ["authorization_code"]})
}

fn with(mut document: Value, member: &str, value: Value) -> Value {
    document[member] = value;
    document
}

fn send(
    provider: &mut TestProvider,
    method: &str,
    url: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(url).header("accept", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let response: Response<Vec<u8>> = provider.handle(&request.body(body).unwrap(), NOW);
    let body = serde_json::from_slice(response.body()).unwrap_or_default();
    (response.status().as_u16(), body)
}

fn register(provider: &mut TestProvider, body: &Value) -> (u16, Value) {
    let url = provider.url(EndpointName::Registration);
    send(provider, "POST", &url, None, Some(body))
}

#[test]
fn an_honest_client_is_registered_read_changed_and_deleted_without_a_finding() {
    let mut provider = provider();
    let (status, told) = register(&mut provider, &web());
    assert_eq!((status, &told["client_secret_expires_at"]), (201, &json!(0)));
    let (place, token) = (told["registration_client_uri"].clone(), told["registration_access_token"].clone());
    let (place, token) = (place.as_str().unwrap(), token.as_str());
    assert_eq!(send(&mut provider, "GET", place, token, None), (200, told.clone()));
    let changed = with(with(web(), "client_id", told["client_id"].clone()), "client_name", json!("Shop"));
    let (status, updated) = send(&mut provider, "PUT", place, token, Some(&changed));
    assert_eq!(
        (status, &updated["client_name"], &updated["client_secret"]),
        (200, &json!("Shop"), &told["client_secret"])
    );
    assert_eq!(send(&mut provider, "DELETE", place, token, None).0, 204);
    assert_eq!(send(&mut provider, "GET", place, token, None).0, 401);
    provider.assert_clean();
}

#[test]
fn each_registration_that_a_client_may_not_send_is_refused_and_found() {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let private = with(key.clone(), "d", json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"));
    let uris = |uri: &str| with(web(), "redirect_uris", json!([uri]));
    for (body, code) in [
        (json!({}), "invalid_redirect_uri"),
        (uris("https://app.example/#fragment"), "invalid_redirect_uri"),
        (uris("/callback"), "invalid_redirect_uri"),
        (uris("http://localhost/callback"), "invalid_redirect_uri"),
        (uris("com.example.app:/callback"), "invalid_redirect_uri"),
        (with(uris("javascript:alert(1)"), "application_type", json!("native")), "invalid_redirect_uri"),
        (with(web(), "redirect_uris", json!("https://app.example/callback")), "invalid_client_metadata"),
        (with(web(), "application_type", json!("desktop")), "invalid_client_metadata"),
        (with(web(), "response_types", json!(["token"])), "invalid_client_metadata"),
        (with(web(), "response_types", json!([])), "invalid_client_metadata"),
        (with(web(), "grant_types", json!(["client_credentials"])), "invalid_client_metadata"),
        (with(web(), "token_endpoint_auth_method", json!("private_key_jwt")), "invalid_client_metadata"),
        (with(web(), "token_endpoint_auth_method", json!("tls_client_auth")), "invalid_client_metadata"),
        (with(web(), "id_token_signed_response_alg", json!("none")), "invalid_client_metadata"),
        (with(web(), "jwks", json!({"keys": [private]})), "invalid_client_metadata"),
        (with(web(), "jwks", json!([])), "invalid_client_metadata"),
        (with(web(), "jwks_uri", json!("https://app.example/keys")), "invalid_client_metadata"),
        (
            with(with(web(), "jwks", json!({"keys": [key]})), "jwks_uri", json!("https://a.example")),
            "invalid_client_metadata",
        ),
        (
            with(
                with(web(), "token_endpoint_auth_method", json!("none")),
                "grant_types",
                json!(["authorization_code", "client_credentials"]),
            ),
            "invalid_client_metadata",
        ),
    ] {
        let mut provider = provider();
        let (status, told) = register(&mut provider, &body);
        assert_eq!((status, told["error"].as_str()), (400, Some(code)), "{body}: {told}");
        assert!(!provider.audit().is_empty() && provider.registered_clients().is_empty(), "{body}");
    }
    // Members that only a provider sets are found, and not registered.
    for member in ["client_id", "client_secret", "registration_access_token", "client_id_issued_at"] {
        let mut provider = provider();
        let (status, told) = register(&mut provider, &with(web(), member, json!("mine")));
        assert_eq!(status, 201);
        assert!(told[member] != "mine" && provider.audit().len() == 1, "{member}");
    }
}

#[test]
fn requests_of_the_wrong_form_are_found() {
    let mut provider = provider();
    let url = provider.url(EndpointName::Registration);
    let form = Request::post(&url)
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(b"redirect_uris=https://app.example".to_vec())
        .unwrap();
    assert_eq!(provider.handle(&form, NOW).status(), 400);
    let broken =
        Request::post(&url).header("accept", "application/json").header("content-type", "application/json");
    assert_eq!(provider.handle(&broken.body(b"[]".to_vec()).unwrap(), NOW).status(), 400);
    assert_eq!(send(&mut provider, "GET", &url, None, None).0, 405);
    assert_eq!(send(&mut provider, "POST", &url, Some("token"), Some(&web())).0, 201);
    assert_eq!(provider.audit().len(), 4, "{:?}", provider.audit());
    // A provider that takes no registrations has nothing there.
    let mut closed = TestProvider::new("https://op.example");
    assert_eq!(register(&mut closed, &web()).0, 404);
    assert_eq!(closed.audit().len(), 1);
    assert!(closed.metadata().get("registration_endpoint").is_none());
}

#[test]
fn a_registration_obeys_its_own_token_alone() {
    let mut provider = provider();
    provider.rotate_registration_access_tokens(true);
    let (_, one) = register(&mut provider, &web());
    let (_, two) = register(&mut provider, &web());
    let place = one["registration_client_uri"].as_str().unwrap();
    assert_eq!(send(&mut provider, "GET", place, None, None), (401, json!({})));
    for wrong in ["token", two["registration_access_token"].as_str().unwrap()] {
        assert_eq!(send(&mut provider, "GET", place, Some(wrong), None).1["error"], "invalid_token");
    }
    assert_eq!(
        send(&mut provider, "PATCH", place, one["registration_access_token"].as_str(), Some(&web())).0,
        405
    );
    let (_, read) = send(&mut provider, "GET", place, one["registration_access_token"].as_str(), None);
    assert_ne!(read["registration_access_token"], one["registration_access_token"]);
    provider.clear_audit();
    assert_eq!(send(&mut provider, "GET", place, one["registration_access_token"].as_str(), None).0, 401);
    assert!(provider.audit()[0].what.contains("that was replaced"));
}
