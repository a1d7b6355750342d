//! Tests every rule of the audit at the token endpoint. Each case is a client that breaks one rule.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use oidc_testkit::{EndpointName, Registration};

/// Exchanges a code with a token request that is changed in one way, and expects exactly one finding.
#[track_caller]
fn exchange_finding(change: impl FnOnce(&mut Pairs), what: &str, error: Option<&str>) {
    let mut provider = provider();
    let mut params = code(&mut provider, "public", 1);
    change(&mut params);
    let response = token(&mut provider, "public", &params);
    assert_only_finding(&provider, what);
    match error {
        Some(error) => assert_error(&response, 400, error),
        None => assert_eq!(response.status(), 200),
    }
}

#[test]
fn the_exchange_is_bound_to_its_authorization_request() {
    let (request, grant) = (Some("invalid_request"), Some("invalid_grant"));
    exchange_finding(|params| remove(params, "code"), "no code", request);
    exchange_finding(|params| set(params, "code", "x"), "the code is not known", grant);
    exchange_finding(|params| remove(params, "redirect_uri"), "redirect_uri is not that", grant);
    let slash = |params: &mut Pairs| set(params, "redirect_uri", "https://app.example/callback/");
    exchange_finding(slash, "redirect_uri is not that", grant);
    exchange_finding(|params| remove(params, "code_verifier"), "no code_verifier", grant);
    exchange_finding(|params| set(params, "code_verifier", &value(9)), "does not match", grant);
    exchange_finding(|params| set(params, "code_verifier", "short"), "43 to 128", grant);
    exchange_finding(|params| set(params, "code_verifier", &"a".repeat(129)), "43 to 128", grant);
    exchange_finding(|params| set(params, "code_verifier", &"+".repeat(43)), "43 to 128", grant);
    exchange_finding(|params| set(params, "scope", "openid"), "stray parameter `scope`", None);
    exchange_finding(|params| set(params, "state", "x"), "stray parameter `state`", None);
    exchange_finding(|params| set(params, "resource", "not a URI"), "resource", Some("invalid_target"));
    let twice = |params: &mut Pairs| params.push(("redirect_uri".to_owned(), CALLBACK.to_owned()));
    exchange_finding(twice, "duplicated parameter `redirect_uri`", request);
    let password = |params: &mut Pairs| set(params, "client_secret", SECRET);
    exchange_finding_many(password, &["stray parameter `client_secret`", "registered for none"]);
}

#[track_caller]
fn exchange_finding_many(change: impl FnOnce(&mut Pairs), whats: &[&str]) {
    let mut provider = provider();
    let mut params = code(&mut provider, "public", 1);
    change(&mut params);
    token(&mut provider, "public", &params);
    assert_eq!(provider.audit().len(), whats.len(), "{:?}", provider.audit());
    whats.iter().for_each(|what| assert_finding(&provider, what));
}

#[test]
fn a_request_without_a_grant_type_is_found() {
    let mut provider = provider();
    assert_error(&token(&mut provider, "basic", &pairs([])), 400, "invalid_request");
    assert_finding(&provider, "no grant_type");
}

#[test]
fn a_code_used_twice_is_found_and_revokes_the_tokens_of_its_first_use() {
    let mut provider = provider();
    let params = code(&mut provider, "public", 1);
    let tokens = body(&token(&mut provider, "public", &params));
    assert_error(&token(&mut provider, "public", &params), 400, "invalid_grant");
    assert_finding(&provider, "code was sent a second time");
    assert_finding(&provider, "the code has been used");
    let request = bearer(get(&provider.url(EndpointName::UserInfo)), text(&tokens, "access_token"));
    assert_error(&provider.handle(&request, NOW), 401, "invalid_token");
    let refreshed = token(&mut provider, "public", &refresh(text(&tokens, "refresh_token")));
    assert_error(&refreshed, 400, "invalid_grant");
}

#[test]
fn a_code_sent_again_after_a_refused_authentication_is_found() {
    let mut provider = provider();
    let params = code(&mut provider, "basic", 1);
    let request = post(&provider.url(EndpointName::Token), &params);
    assert_error(&provider.handle(&basic(request, "basic", "wrong"), NOW), 401, "invalid_client");
    provider.assert_clean();
    assert_eq!(token(&mut provider, "basic", &params).status(), 200);
    assert_only_finding(&provider, "code was sent a second time");
}

#[test]
fn a_verifier_used_twice_is_found() {
    let mut provider = provider();
    let first = code(&mut provider, "public", 1);
    token(&mut provider, "public", &first);
    let (mut params, verifier) = authorization("public", 2);
    set(&mut params, "code_challenge", &challenge(&first[3].1));
    let code = visit(&mut provider, &params).parameter("code").unwrap();
    let mut second = first;
    set(&mut second, "code", &code);
    token(&mut provider, "public", &second);
    assert_finding(&provider, "code_challenge was sent a second time");
    assert_finding(&provider, "code_verifier was sent a second time");
    assert_ne!(verifier, second[2].1);
}

#[test]
fn codes_and_refresh_tokens_belong_to_one_client() {
    let mut provider = provider();
    let stolen = code(&mut provider, "public", 1);
    assert_error(&token(&mut provider, "basic", &stolen), 400, "invalid_grant");
    assert_only_finding(&provider, "the code was issued to another client");
    provider.clear_audit();
    let tokens = login(&mut provider, "public", 2);
    let response = token(&mut provider, "post", &refresh(text(&tokens, "refresh_token")));
    assert_error(&response, 400, "invalid_grant");
    assert_only_finding(&provider, "the refresh token was issued to another client");
}

#[test]
fn a_refresh_token_used_twice_is_found_and_revokes_its_family() {
    let mut provider = provider();
    let first = login(&mut provider, "basic", 1);
    let second = body(&token(&mut provider, "basic", &refresh(text(&first, "refresh_token"))));
    let again = token(&mut provider, "basic", &refresh(text(&first, "refresh_token")));
    assert_error(&again, 400, "invalid_grant");
    assert_only_finding(&provider, "the refresh token has been used");
    let heir = token(&mut provider, "basic", &refresh(text(&second, "refresh_token")));
    assert_error(&heir, 400, "invalid_grant");
    let request = bearer(get(&provider.url(EndpointName::UserInfo)), text(&second, "access_token"));
    assert_error(&provider.handle(&request, NOW), 401, "invalid_token");
}

#[test]
fn a_refresh_cannot_widen_what_was_granted() {
    for (name, value, error) in
        [("scope", "openid admin", "invalid_scope"), ("resource", "https://other.example/", "invalid_target")]
    {
        let mut provider = provider();
        let (mut params, verifier) = authorization("public", 1);
        set(&mut params, "resource", "https://api.example/");
        let code = visit(&mut provider, &params).parameter("code").unwrap();
        let exchange = pairs([
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &verifier),
        ]);
        let tokens = body(&token(&mut provider, "public", &exchange));
        let mut params = refresh(text(&tokens, "refresh_token"));
        set(&mut params, name, value);
        assert_error(&token(&mut provider, "public", &params), 400, error);
        assert_only_finding(&provider, name);
    }
}

#[test]
fn refreshes_with_a_missing_or_invented_token_are_found() {
    let mut provider = provider();
    let response = token(&mut provider, "public", &pairs([("grant_type", "refresh_token")]));
    assert_error(&response, 400, "invalid_request");
    assert_only_finding(&provider, "no refresh_token");
    provider.clear_audit();
    assert_error(&token(&mut provider, "public", &refresh("x")), 400, "invalid_grant");
    assert_only_finding(&provider, "the refresh token is not known");
    assert_eq!(provider.count(EndpointName::Token), 2);
}

#[test]
fn only_the_registered_authentication_method_is_accepted() {
    let service = pairs([("grant_type", "client_credentials"), ("scope", "jobs")]);
    let url = provider().url(EndpointName::Token);
    let as_post = |id: &str| {
        let mut params = service.clone();
        params.extend(pairs([("client_id", id), ("client_secret", SECRET)]));
        post(&url, &params)
    };
    let as_none = |id: &str| {
        let mut params = service.clone();
        params.extend(pairs([("client_id", id)]));
        post(&url, &params)
    };
    let as_basic = |id: &str| basic(post(&url, &service), id, SECRET);
    for (request, what, status) in [
        (
            as_post("basic"),
            "authenticated with client_secret_post, but is registered for client_secret_basic",
            400,
        ),
        (as_none("basic"), "authenticated with none", 400),
        (as_basic("post"), "authenticated with client_secret_basic", 401),
        (as_basic("public"), "authenticated with client_secret_basic", 401),
        (as_basic("nobody"), "unknown client", 401),
        (as_none("nobody"), "unknown client", 400),
        (post(&url, &service), "unknown client", 400),
        (bearer(post(&url, &service), "x"), "is not Basic", 401),
    ] {
        let mut provider = provider();
        let response = provider.handle(&request, NOW);
        assert_error(&response, status, "invalid_client");
        assert_eq!(response.headers().contains_key("www-authenticate"), status == 401);
        assert_finding(&provider, what);
    }
}

#[test]
fn two_authentications_at_once_are_found() {
    let mut provider = provider();
    let mut params = pairs([("grant_type", "client_credentials")]);
    params.extend(pairs([("client_id", "post"), ("client_secret", SECRET)]));
    let request = post(&provider.url(EndpointName::Token), &params);
    assert_error(&provider.handle(&basic(request, "post", SECRET), NOW), 400, "invalid_request");
    assert_only_finding(&provider, "two client authentication methods at once");
    provider.clear_audit();

    let params = pairs([("grant_type", "client_credentials"), ("client_id", "public")]);
    let request = post(&provider.url(EndpointName::Token), &params);
    assert_error(&provider.handle(&basic(request, "basic", SECRET), NOW), 400, "invalid_request");
    assert_only_finding(&provider, "two different client_id");
}

#[test]
fn a_needless_client_id_is_found() {
    let mut provider = provider();
    let params = pairs([("grant_type", "client_credentials"), ("client_id", "basic")]);
    let request = post(&provider.url(EndpointName::Token), &params);
    assert_eq!(provider.handle(&basic(request, "basic", SECRET), NOW).status(), 200);
    assert_only_finding(&provider, "stray parameter `client_id`");
}

#[test]
fn a_wrong_secret_is_tolerated_but_an_unencoded_one_is_found() {
    let mut provider = provider();
    let params = pairs([("grant_type", "client_credentials")]);
    let request = post(&provider.url(EndpointName::Token), &params);
    let response = provider.handle(&basic(request.clone(), "basic", "wrong"), NOW);
    assert_error(&response, 401, "invalid_client");
    assert_eq!(field(&response, "www-authenticate"), "Basic realm=\"token\"");
    provider.assert_clean();
    let raw = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("basic:{SECRET}"));
    let request = with_header(request, "authorization", &format!("Basic {raw}"));
    assert_error(&provider.handle(&request, NOW), 401, "invalid_client");
    assert_only_finding(&provider, "without form encoding");
}

#[test]
fn a_client_that_uses_an_unregistered_grant_is_found() {
    let mut provider = provider();
    provider.register(
        Registration::basic("service", SECRET).grant_types(["client_credentials"]).redirect_uri(CALLBACK),
    );
    let (params, _) = authorization("service", 1);
    assert_eq!(visit(&mut provider, &params).parameter("error").as_deref(), Some("unauthorized_client"));
    assert_only_finding(&provider, "not registered for the code grant");
    provider.clear_audit();

    provider.register(Registration::public("app").grant_types(["client_credentials"]));
    let response = token(&mut provider, "app", &pairs([("grant_type", "client_credentials")]));
    assert_error(&response, 400, "unauthorized_client");
    assert_only_finding(&provider, "client credentials of a public client");
    provider.clear_audit();

    let response = token(&mut provider, "public", &pairs([("grant_type", "client_credentials")]));
    assert_error(&response, 400, "unauthorized_client");
    assert_only_finding(&provider, "not registered for the grant");
    provider.clear_audit();

    let params = pairs([("grant_type", "client_credentials"), ("scope", "openid")]);
    assert_error(&token(&mut provider, "basic", &params), 400, "invalid_scope");
    assert_only_finding(&provider, "scope that needs a user");
    provider.clear_audit();

    let response = token(&mut provider, "basic", &pairs([("grant_type", "password")]));
    assert_error(&response, 400, "unsupported_grant_type");
}
