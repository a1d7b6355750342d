//! Tests the rules of the audit for resources and authorization details. Each case is a client that breaks one rule.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use oidc_testkit::{DEVICE_GRANT, EndpointName, TestProvider};
use serde_json::{Value, json};

const DETAILS: &str = r#"[{"type":"payment","actions":["initiate","status"]}]"#;

fn ready() -> TestProvider {
    let mut provider = provider();
    provider.offer_details(&["payment"]);
    provider.allow_grant("basic", DEVICE_GRANT);
    provider
}

/// The parameters of a token request for a code with these resources and details.
fn code_for(provider: &mut TestProvider, resources: &[&str], details: Option<&str>) -> Pairs {
    let (mut params, verifier) = authorization("basic", 1);
    params.extend(resources.iter().map(|resource| ("resource".to_owned(), (*resource).to_owned())));
    params.extend(details.map(|details| ("authorization_details".to_owned(), details.to_owned())));
    let landing = visit(provider, &params);
    let code = landing.parameter("code").expect("a code");
    pairs([
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", &verifier),
    ])
}

fn members(response: &http::Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[test]
fn details_are_granted_and_returned_and_published() {
    let mut provider = ready();
    assert_eq!(provider.metadata()["authorization_details_types_supported"], json!(["payment"]));
    let params = code_for(&mut provider, &["https://a.example/"], Some(DETAILS));
    let response = token(&mut provider, "basic", &params);
    assert_eq!(members(&response)["authorization_details"].to_string(), json_of(DETAILS).to_string());
    provider.assert_clean();
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_refresh_is_for_a_part_of_what_was_granted() {
    for (name, value, error, what) in [
        (
            "resource",
            "https://b.example/",
            "invalid_target",
            "resource is not an absolute URI that was granted",
        ),
        (
            "resource",
            "https://a.example/#x",
            "invalid_target",
            "resource is not an absolute URI that was granted",
        ),
        (
            "authorization_details",
            r#"[{"type":"payment","actions":["cancel"]}]"#,
            "invalid_authorization_details",
            "more than was granted",
        ),
        (
            "authorization_details",
            r#"[{"type":"payment","actions":"status"}]"#,
            "invalid_authorization_details",
            "no list",
        ),
        ("authorization_details", r#"[{"type":"transfer"}]"#, "invalid_authorization_details", "not offered"),
        ("authorization_details", "{}", "invalid_authorization_details", "not an array"),
        ("authorization_details", "[]", "invalid_authorization_details", "no entry"),
    ] {
        let mut provider = ready();
        let params = code_for(&mut provider, &["https://a.example/"], Some(DETAILS));
        let refresh_token = members(&token(&mut provider, "basic", &params))["refresh_token"].clone();
        let mut params =
            pairs([("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str().unwrap())]);
        params.push((name.to_owned(), value.to_owned()));
        assert_error(&token(&mut provider, "basic", &params), 400, error);
        assert_only_finding(&provider, what);
    }
}

#[test]
fn details_are_not_known_where_none_are_offered() {
    let mut provider = provider();
    let params = pairs([("grant_type", "client_credentials"), ("authorization_details", DETAILS)]);
    let response = token(&mut provider, "basic", &params);
    assert!(members(&response).get("authorization_details").is_none());
    assert_only_finding(&provider, "authorization_details");
}

#[test]
fn a_device_may_name_resources_and_details_and_no_fragment() {
    let mut provider = ready();
    let ask = |provider: &mut TestProvider, resource: &str| {
        let params = pairs([("scope", "openid"), ("resource", resource), ("authorization_details", DETAILS)]);
        let request = post(&provider.url(EndpointName::DeviceAuthorization), &params);
        provider.handle(&basic(request, "basic", SECRET), NOW)
    };
    assert_eq!(ask(&mut provider, "https://a.example/").status(), 200);
    provider.assert_clean();
    assert_error(&ask(&mut provider, "https://a.example/#x"), 400, "invalid_target");
    assert_only_finding(&provider, "without fragment");
}

#[test]
fn a_provider_of_one_audience_refuses_several_resources() {
    let mut provider = ready();
    provider.one_audience(true);
    let mut params = pairs([("grant_type", "client_credentials"), ("resource", "https://a.example/")]);
    assert_eq!(token(&mut provider, "basic", &params).status(), 200);
    params.push(("resource".to_owned(), "https://b.example/".to_owned()));
    assert_error(&token(&mut provider, "basic", &params), 400, "invalid_target");
    provider.assert_clean();
}
