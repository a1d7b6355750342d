//! The introspection endpoint and the second form of metadata, with requests written by hand: the
//! responses, and the findings.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use http::Response;
use oidc_testkit::{EndpointName, TestProvider};
use serde_json::json;

fn ask(provider: &mut TestProvider, client: &str, params: &Pairs) -> Response<Vec<u8>> {
    let mut params = params.clone();
    if client != "basic" {
        set(&mut params, "client_id", client);
    }
    if client == "post" {
        set(&mut params, "client_secret", SECRET);
    }
    let request = post(&provider.url(EndpointName::Introspection), &params);
    let request = if client == "basic" { basic(request, client, SECRET) } else { request };
    provider.handle(&request, NOW)
}

#[test]
fn a_live_token_has_its_claims_introspected_and_a_dead_one_has_none() {
    for opaque in [false, true] {
        let mut provider = provider();
        provider.opaque_access_tokens(opaque);
        let tokens = login(&mut provider, "post", 1);
        for client in ["basic", "post"] {
            let token = text(&tokens, "access_token");
            let response = ask(&mut provider, client, &pairs([("token", token)]));
            assert_eq!(field(&response, "cache-control"), "no-store");
            let said = body(&response);
            assert_eq!(
                (&said["active"], &said["sub"], &said["client_id"]),
                (&json!(true), &json!("alice"), &json!("post"))
            );
            assert_eq!((&said["scope"], &said["exp"]), (&json!("openid profile email"), &json!(NOW.0 + 300)));
            let hinted =
                pairs([("token", text(&tokens, "refresh_token")), ("token_type_hint", "access_token")]);
            assert_eq!(body(&ask(&mut provider, client, &hinted))["active"], true, "the hint is only a hint");
            assert_eq!(body(&ask(&mut provider, client, &pairs([("token", "x")]))), json!({"active": false}));
        }
        provider.assert_clean();
    }
}

#[test]
fn failed_authentication_gets_401_and_a_mistake_is_found() {
    let mut provider = provider();
    let url = provider.url(EndpointName::Introspection);
    let request = basic(post(&url, &pairs([("token", "x")])), "basic", "wrong");
    assert_error(&provider.handle(&request, NOW), 401, "invalid_client");
    provider.assert_clean();
    assert_error(&ask(&mut provider, "public", &pairs([("token", "x")])), 401, "invalid_client");
    assert_finding(&provider, "introspection by a public client");
}

#[test]
fn invalid_requests_are_found() {
    for (params, what) in [
        (pairs([]), "introspection without a token"),
        (pairs([("token", "x"), ("token_type_hint", "id_token")]), "token_type_hint is not one"),
        (pairs([("token", "x"), ("grant_type", "y")]), "stray parameter `grant_type`"),
    ] {
        let mut provider = provider();
        ask(&mut provider, "basic", &params);
        assert_only_finding(&provider, what);
    }
    let mut provider = provider();
    let url = provider.url(EndpointName::Introspection);
    provider.handle(&get(&format!("{url}?token=x")), NOW);
    assert_finding(&provider, "credentials in a URL: `token`");
    assert_finding(&provider, "the method is not one of: POST");
}

#[test]
fn the_second_form_is_before_the_path_and_both_can_be_switched_off() {
    let mut provider = provider();
    let url = "https://op.example/.well-known/oauth-authorization-server/tenant";
    assert_eq!(provider.url(EndpointName::OAuthMetadata), url);
    assert_eq!(body(&provider.handle(&get(url), NOW)), provider.metadata());
    provider.metadata_forms(true, false);
    assert_eq!(provider.handle(&get(url), NOW).status(), 404);
    let first = provider.url(EndpointName::Discovery);
    assert_eq!(provider.handle(&get(&first), NOW).status(), 200);
    provider.metadata_forms(false, true);
    assert_eq!(provider.handle(&get(&first), NOW).status(), 404);
    provider.assert_clean();
    let mut root = TestProvider::new("https://op.example/");
    let url = "https://op.example/.well-known/oauth-authorization-server";
    assert_eq!(root.handle(&get(url), NOW).status(), 200);
    root.sign_metadata(json!({"iss": "https://op.example/"}));
    let metadata = body(&root.handle(&get(url), NOW));
    let (header, claims, _) = decode(text(&metadata, "signed_metadata"));
    assert_eq!((header["kid"].as_str(), claims), (Some("rsa-1"), json!({"iss": "https://op.example/"})));
}
