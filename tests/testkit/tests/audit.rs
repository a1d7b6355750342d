//! Every rule of the audit except those of the token endpoint: one test for each rule, with a client that
//! breaks only this rule.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use http::{Method, Request};
use oidc_testkit::{EndpointName, Registration};
use serde_json::Value;

/// A login whose authorization request was changed in one way.
#[track_caller]
fn authorization_finding(change: impl FnOnce(&mut Pairs), what: &str, error: Option<&str>) {
    let mut provider = provider();
    let (mut params, _) = authorization("public", 1);
    change(&mut params);
    let landing = visit(&mut provider, &params);
    assert_only_finding(&provider, what);
    assert_eq!(landing.parameter("error").as_deref(), error);
    assert_eq!(landing.parameter("code").is_some(), error.is_none());
}

#[test]
fn authorization_without_pkce_or_with_another_method_is_refused() {
    let invalid = Some("invalid_request");
    authorization_finding(|params| remove(params, "code_challenge"), "PKCE is mandatory", invalid);
    let plain = |params: &mut Pairs| set(params, "code_challenge_method", "plain");
    authorization_finding(plain, "is not S256", invalid);
    authorization_finding(|params| remove(params, "code_challenge_method"), "is not S256", invalid);
    let long = |params: &mut Pairs| set(params, "code_challenge", &"A".repeat(44));
    authorization_finding(long, "not a SHA-256 hash", invalid);
}

#[test]
fn state_and_nonce_must_be_there_and_hard_to_guess() {
    authorization_finding(|params| remove(params, "state"), "no state", None);
    authorization_finding(|params| remove(params, "nonce"), "no nonce", None);
    authorization_finding(|params| set(params, "scope", "profile"), "scope has no `openid`", None);
    authorization_finding(|params| set(params, "state", "12345"), "state has no room for 128 bits", None);
    authorization_finding(|params| set(params, "nonce", "12345"), "nonce has no room for 128 bits", None);
    let same = |params: &mut Pairs| set(params, "nonce", &value(11));
    authorization_finding(same, "not independent", None);
}

#[test]
fn a_repeated_state_nonce_or_challenge_is_found() {
    for name in ["state", "nonce", "code_challenge"] {
        let mut provider = provider();
        let (first, _) = authorization("public", 1);
        let (mut second, _) = authorization("public", 2);
        visit(&mut provider, &first);
        let again = &first.iter().find(|(known, _)| known == name).unwrap().1;
        set(&mut second, name, again);
        visit(&mut provider, &second);
        assert_only_finding(&provider, &format!("{name} was sent a second time"));
    }
}

#[test]
fn faulty_authorization_parameters_are_found() {
    let invalid = Some("invalid_request");
    authorization_finding(|params| set(params, "foo", "1"), "stray parameter `foo`", None);
    authorization_finding(|params| set(params, "login_hint", ""), "`login_hint` is empty", None);
    let twice = |params: &mut Pairs| params.push(("scope".to_owned(), "openid".to_owned()));
    authorization_finding(twice, "duplicated parameter `scope`", invalid);
    authorization_finding(|params| remove(params, "response_type"), "no response_type", invalid);
    authorization_finding(|params| set(params, "scope", "openid  email"), "not a list of names", invalid);
    authorization_finding(|params| set(params, "max_age", "-1"), "max_age", invalid);
    authorization_finding(|params| set(params, "prompt", "none login"), "prompt", invalid);
    authorization_finding(|params| set(params, "claims", "[]"), "claims", invalid);
    authorization_finding(|params| set(params, "response_mode", "fragment"), "response_mode", invalid);
    let target = Some("invalid_target");
    authorization_finding(|params| set(params, "resource", "https://a.example/#x"), "resource", target);
    let secret = |params: &mut Pairs| set(params, "client_secret", "x");
    let mut provider = provider();
    let (mut params, _) = authorization("public", 1);
    secret(&mut params);
    visit(&mut provider, &params);
    assert_finding(&provider, "credentials in a URL: `client_secret`");
}

#[test]
fn a_declared_parameter_is_accepted() {
    let mut provider = provider();
    provider.allow_parameter(EndpointName::Authorize, "foo");
    let (mut params, _) = authorization("public", 1);
    set(&mut params, "foo", "1");
    visit(&mut provider, &params);
    provider.assert_clean();
}

#[test]
fn unknown_clients_and_redirect_uris_get_a_page_and_no_redirect() {
    for (name, value, what) in [
        ("client_id", "nobody", "unknown client"),
        ("redirect_uri", "https://app.example/callback/", "redirect_uri is not exactly"),
        ("redirect_uri", "https://evil.example/", "redirect_uri is not exactly"),
    ] {
        let mut provider = provider();
        let (mut params, _) = authorization("public", 1);
        set(&mut params, name, value);
        assert_eq!(format!("{:?}", visit(&mut provider, &params)), "Page(400 Bad Request)");
        assert_only_finding(&provider, what);
    }
}

#[test]
fn credentials_in_urls_are_found() {
    for (endpoint, name) in [
        (EndpointName::UserInfo, "access_token"),
        (EndpointName::Token, "client_secret"),
        (EndpointName::Token, "code_verifier"),
        (EndpointName::Discovery, "refresh_token"),
    ] {
        let mut provider = provider();
        let url = format!("{}?{name}=x", provider.url(endpoint));
        provider.handle(&get(&url), NOW);
        assert_finding(&provider, &format!("credentials in a URL: `{name}`"));
    }
}

#[test]
fn faulty_headers_are_found() {
    let url = |endpoint| provider().url(endpoint);
    let no_accept = Request::get(url(EndpointName::Jwks)).body(Vec::new()).unwrap();
    let with_body =
        Request::get(url(EndpointName::Jwks)).header("accept", "*/*").body(b"x".to_vec()).unwrap();
    let mut json = post(&url(EndpointName::Token), &pairs([("grant_type", "client_credentials")]));
    json.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let mut accepts_twice = get(&url(EndpointName::Jwks));
    accepts_twice.headers_mut().append("content-type", "a/b".parse().unwrap());
    accepts_twice.headers_mut().append("content-type", "a/b".parse().unwrap());
    for (request, what) in [
        (no_accept, "no Accept header"),
        (with_body, "GET with a body"),
        (json, "Content-Type is not application/x-www-form-urlencoded"),
        (accepts_twice, "header field `content-type` repeated"),
        (bearer(get(&url(EndpointName::Discovery)), "x"), "Authorization header where none"),
        (bearer(get(&url(EndpointName::Jwks)), "x"), "Authorization header where none"),
        (with_header(get(&url(EndpointName::Jwks)), "cookie", "a=b"), "a Cookie header"),
        (get(&format!("{}?a=b", url(EndpointName::Jwks))), "stray parameter `a`"),
    ] {
        let mut provider = provider();
        provider.handle(&request, NOW);
        assert_only_finding(&provider, what);
    }
}

#[test]
fn authorization_twice_is_found() {
    let mut provider = provider();
    let tokens = login(&mut provider, "public", 1);
    let token = text(&tokens, "access_token");
    let request = bearer(bearer(get(&provider.url(EndpointName::UserInfo)), token), token);
    provider.handle(&request, NOW);
    assert_only_finding(&provider, "header field `authorization` repeated");
}

#[test]
fn faulty_userinfo_requests_are_found() {
    let mut provider = provider();
    let tokens = login(&mut provider, "public", 1);
    let token = text(&tokens, "access_token");
    let url = provider.url(EndpointName::UserInfo);
    let both = bearer(post(&url, &pairs([("access_token", token)])), token);
    let stray = post(&url, &pairs([("access_token", token), ("schema", "openid")]));
    for (request, what, status) in [
        (both, "in two ways", 400),
        (stray, "stray parameter `schema`", 200),
        (basic(get(&url), "a", "b"), "is not Bearer", 400),
        (get(&url), "without an access token", 401),
    ] {
        provider.clear_audit();
        assert_eq!(provider.handle(&request, NOW).status(), status);
        assert_only_finding(&provider, what);
    }
    provider.clear_audit();
    let service = token_for_service(&mut provider);
    let request = bearer(get(&url), text(&service, "access_token"));
    assert_error(&provider.handle(&request, NOW), 403, "insufficient_scope");
    assert_only_finding(&provider, "scope has no `openid`");
}

fn token_for_service(provider: &mut oidc_testkit::TestProvider) -> Value {
    body(&token(provider, "basic", &pairs([("grant_type", "client_credentials")])))
}

#[test]
fn requests_to_unknown_paths_are_found() {
    for (url, what) in [
        ("https://op.example/token", "no endpoint"),
        ("https://op.example/tenant/token/", "no endpoint"),
        ("https://op.example/tenant/TOKEN", "no endpoint"),
        ("https://evil.example/tenant/jwks", "another origin"),
        ("http://op.example/tenant/jwks", "another origin"),
        ("https://op.example:8443/tenant/jwks", "another origin"),
        ("/tenant/jwks", "neither an absolute target nor a Host"),
    ] {
        let mut provider = provider();
        assert_eq!(provider.handle(&get(url), NOW).status(), 404, "{url}");
        assert_only_finding(&provider, what);
    }
    let mut provider = provider();
    provider.handle(&get("https://OP.example:443/tenant/jwks"), NOW);
    provider.handle(&with_header(get("/tenant/jwks"), "host", "op.example"), NOW);
    provider.assert_clean();
}

#[test]
fn wrong_methods_are_found() {
    for (endpoint, method, allowed) in [
        (EndpointName::Discovery, Method::POST, "GET"),
        (EndpointName::Jwks, Method::HEAD, "GET"),
        (EndpointName::Authorize, Method::PUT, "GET, POST"),
        (EndpointName::Token, Method::GET, "POST"),
        (EndpointName::UserInfo, Method::DELETE, "GET, POST"),
        (EndpointName::OAuthMetadata, Method::POST, "GET"),
        (EndpointName::Introspection, Method::GET, "POST"),
    ] {
        let mut provider = provider();
        let mut request = get(&provider.url(endpoint));
        *request.method_mut() = method;
        let response = provider.handle(&request, NOW);
        assert_eq!((response.status().as_u16(), field(&response, "allow")), (405, allowed));
        assert_only_finding(&provider, "the method is not one of");
    }
}

#[test]
#[should_panic(expected = "1 findings:\n  jwks: no Accept header (at 1800000000)")]
fn a_finding_fails_the_test_and_names_the_fault_and_the_endpoint() {
    let mut provider = provider();
    let request = Request::get(provider.url(EndpointName::Jwks)).body(Vec::new()).unwrap();
    provider.handle(&request, NOW);
    provider.assert_clean();
}

#[test]
fn no_printed_text_shows_a_secret() {
    let mut provider = provider();
    let params = code(&mut provider, "basic", 1);
    let tokens = body(&token(&mut provider, "basic", &params));
    token(&mut provider, "basic", &params);
    let landing = visit(&mut provider, &authorization("public", 2).0);
    let printed = format!(
        "{provider:?} {:?} {:?} {landing:?} {:?}",
        provider.requests(),
        provider.audit(),
        Registration::basic("basic", SECRET),
    );
    let hidden =
        [SECRET, text(&tokens, "access_token"), text(&tokens, "refresh_token"), text(&tokens, "id_token")];
    for secret in
        hidden.into_iter().chain(params.iter().filter(|pair| pair.0.starts_with("code")).map(|pair| &*pair.1))
    {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert!(printed.contains("POST /tenant/token [token]"));
}
