//! A well-behaved client: it gets everything it asks for, and the audit finds nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use oidc_testkit::{Algorithm, EndpointName, Registration, TestProvider, User};
use ring::signature;
use serde_json::{Value, json};

#[test]
fn metadata_and_keys_are_published_as_cacheable_json() {
    let mut provider = provider();
    let url = "https://op.example/tenant/.well-known/openid-configuration";
    let response = provider.handle(&get(url), NOW);
    assert_eq!(field(&response, "content-type"), "application/json");
    assert_eq!(field(&response, "cache-control"), "public, max-age=300");
    let metadata = body(&response);
    assert_eq!(metadata["issuer"], "https://op.example/tenant");
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let response = provider.handle(&get(text(&metadata, "jwks_uri")), NOW);
    assert_eq!(field(&response, "cache-control"), "public, max-age=300");
    assert_eq!(body(&response)["keys"].as_array().unwrap().len(), 4);
    provider.max_age(60);
    assert_eq!(field(&provider.handle(&get(url), NOW), "cache-control"), "public, max-age=60");
    provider.assert_clean();
}

#[test]
fn a_trailing_slash_of_the_issuer_is_not_doubled() {
    let mut provider = TestProvider::new("https://op.example/");
    let response = provider.handle(&get("https://op.example/.well-known/openid-configuration"), NOW);
    assert_eq!(body(&response)["issuer"], "https://op.example/");
    assert_eq!(body(&response)["token_endpoint"], "https://op.example/token");
    provider.assert_clean();
}

#[test]
fn a_login_gives_tokens_with_all_required_claims() {
    for client in ["public", "basic", "post"] {
        let mut provider = provider();
        let params = code(&mut provider, client, 1);
        let response = token(&mut provider, client, &params);
        assert_eq!(field(&response, "cache-control"), "no-store");
        assert_eq!(field(&response, "pragma"), "no-cache");
        let tokens = body(&response);
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(tokens["expires_in"], 300);
        assert_eq!(tokens["scope"], "openid profile email");

        let (header, claims, _) = decode(text(&tokens, "id_token"));
        assert_eq!(header, json!({ "alg": "RS256", "kid": "rsa-1" }));
        let access_token = text(&tokens, "access_token");
        let hash = ring::digest::digest(&ring::digest::SHA256, access_token.as_bytes());
        let expected = json!({
            "iss": "https://op.example/tenant",
            "sub": "alice",
            "aud": client,
            "iat": NOW.0,
            "exp": NOW.0 + 300,
            "auth_time": NOW.0,
            "nonce": value(12),
            "at_hash": claims["at_hash"],
        });
        assert_eq!(claims, expected);
        let half =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &hash.as_ref()[..16]);
        assert_eq!(claims["at_hash"], half);

        let (header, claims, _) = decode(access_token);
        assert_eq!(header["typ"], "at+jwt");
        let expected = json!({
            "iss": "https://op.example/tenant",
            "sub": "alice",
            "aud": "https://api.example",
            "client_id": client,
            "iat": NOW.0,
            "exp": NOW.0 + 300,
            "auth_time": NOW.0,
            "jti": claims["jti"],
            "scope": "openid profile email",
        });
        assert_eq!(claims, expected);
        provider.assert_clean();
    }
}

#[test]
fn the_callback_carries_state_and_issuer() {
    let mut provider = provider();
    let (params, _) = authorization("public", 1);
    let landing = visit(&mut provider, &params);
    assert!(landing.url().starts_with("https://app.example/callback?code="));
    assert_eq!(landing.parameter("state"), Some(value(11)));
    assert_eq!(landing.parameter("iss").as_deref(), Some("https://op.example/tenant"));
    provider.issuer_in_callback(false);
    let (params, _) = authorization("public", 2);
    assert_eq!(visit(&mut provider, &params).parameter("iss"), None);
    assert!(provider.metadata().get("authorization_response_iss_parameter_supported").is_none());
    provider.assert_clean();
}

#[test]
fn authorization_requests_may_use_post_and_a_query_in_the_redirect_uri_stays() {
    let mut provider = TestProvider::new("https://op.example");
    provider.register(Registration::public("app").redirect_uri("https://app.example/cb?tab=1"));
    let (mut params, _) = authorization("app", 1);
    set(&mut params, "redirect_uri", "https://app.example/cb?tab=1");
    let response = provider.handle(&post(&provider.url(EndpointName::Authorize), &params), NOW);
    assert_eq!(response.status(), 303);
    assert_eq!(field(&response, "cache-control"), "no-store");
    assert!(field(&response, "location").starts_with("https://app.example/cb?tab=1&code="));
    provider.assert_clean();
}

#[test]
fn a_denied_login_returns_one_error_with_state_and_issuer() {
    let mut provider = provider();
    provider.deny_next("access_denied");
    let (params, _) = authorization("public", 1);
    let landing = visit(&mut provider, &params);
    assert_eq!(landing.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(landing.parameter("state"), Some(value(11)));
    assert!(landing.parameter("iss").is_some() && landing.parameter("code").is_none());
    login(&mut provider, "public", 2);
    provider.assert_clean();
}

#[test]
fn userinfo_returns_the_claims_of_the_scope_by_header_and_by_form() {
    let mut provider = provider();
    let user = User::new("bob").claim("name", "Bob").claim("phone_number", "+1").claim("custom", json!([1]));
    provider.user(user);
    let tokens = login(&mut provider, "public", 1);
    let access_token = text(&tokens, "access_token");
    let url = provider.url(EndpointName::UserInfo);
    let told = json!({ "sub": "bob", "name": "Bob", "custom": [1] });
    let by_get = provider.handle(&bearer(get(&url), access_token), NOW);
    assert_eq!(body(&by_get), told);
    assert_eq!(field(&by_get, "cache-control"), "no-store");
    let by_form = provider.handle(&post(&url, &pairs([("access_token", access_token)])), NOW);
    assert_eq!(body(&by_form), told);
    let mut by_post = bearer(post(&url, &pairs([])), access_token);
    by_post.headers_mut().remove("content-type");
    assert_eq!(body(&provider.handle(&by_post, NOW)), told);
    provider.assert_clean();
}

#[test]
fn userinfo_refuses_with_the_errors_of_rfc_6750() {
    let mut provider = provider();
    let tokens = login(&mut provider, "public", 1);
    let url = provider.url(EndpointName::UserInfo);
    let unknown = provider.handle(&bearer(get(&url), "unknown"), NOW);
    assert_error(&unknown, 401, "invalid_token");
    assert!(field(&unknown, "www-authenticate").starts_with("Bearer error=\"invalid_token\""));
    let late = provider.handle(&bearer(get(&url), text(&tokens, "access_token")), NOW.plus(300));
    assert_error(&late, 401, "invalid_token");
    provider.assert_clean();
    let none = provider.handle(&get(&url), NOW);
    assert_eq!((none.status().as_u16(), field(&none, "www-authenticate")), (401, "Bearer"));
}

#[test]
fn requested_claims_and_acr_are_returned() {
    let mut provider = provider();
    let (mut params, verifier) = authorization("public", 1);
    set(&mut params, "scope", "openid");
    set(&mut params, "claims", r#"{"id_token":{"email":null},"userinfo":{"name":{"essential":true}}}"#);
    set(&mut params, "acr_values", "gold silver");
    set(&mut params, "max_age", "60");
    let code = visit(&mut provider, &params).parameter("code").unwrap();
    let exchange = pairs([
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", &verifier),
    ]);
    let tokens = body(&token(&mut provider, "public", &exchange));
    let (_, claims, _) = decode(text(&tokens, "id_token"));
    assert_eq!((&claims["email"], &claims["acr"]), (&json!("alice@example.com"), &json!("gold")));
    assert!(claims.get("name").is_none());
    let request = bearer(get(&provider.url(EndpointName::UserInfo)), text(&tokens, "access_token"));
    assert_eq!(body(&provider.handle(&request, NOW)), json!({ "sub": "alice", "name": "Alice Example" }));
    provider.assert_clean();
}

#[test]
fn a_refresh_rotates_the_token_and_its_id_token_has_no_nonce() {
    let mut provider = provider();
    let first = login(&mut provider, "basic", 1);
    let later = NOW.plus(100);
    let response = token_at(&mut provider, "basic", &refresh(text(&first, "refresh_token")), later);
    let second = body(&response);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let (_, claims, _) = decode(text(&second, "id_token"));
    assert!(claims.get("nonce").is_none());
    assert_eq!((claims["iat"].as_i64(), claims["auth_time"].as_i64()), (Some(later.0), Some(NOW.0)));
    let mut narrower = refresh(text(&second, "refresh_token"));
    set(&mut narrower, "scope", "openid");
    let third = body(&token(&mut provider, "basic", &narrower));
    assert_eq!(third["scope"], "openid");
    provider.assert_clean();
}

#[test]
fn without_rotation_the_refresh_token_stays() {
    let mut provider = provider();
    provider.rotate_refresh_tokens(false);
    let first = login(&mut provider, "basic", 1);
    for _ in 0..2 {
        let again = body(&token(&mut provider, "basic", &refresh(text(&first, "refresh_token"))));
        assert!(again.get("refresh_token").is_none() && again.get("access_token").is_some());
    }
    provider.assert_clean();
}

#[test]
fn client_credentials_give_a_token_of_the_client_for_a_resource() {
    for client in ["basic", "post"] {
        let mut provider = provider();
        let params = pairs([
            ("grant_type", "client_credentials"),
            ("scope", "jobs:run"),
            ("resource", "https://jobs.example/"),
            ("resource", "https://logs.example/"),
        ]);
        let tokens = body(&token(&mut provider, client, &params));
        assert!(tokens.get("refresh_token").is_none() && tokens.get("id_token").is_none());
        let (_, claims, _) = decode(text(&tokens, "access_token"));
        assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(client), &json!(client)));
        assert_eq!(claims["aud"], json!(["https://jobs.example/", "https://logs.example/"]));
        assert_eq!(claims["scope"], "jobs:run");
        provider.assert_clean();
    }
}

#[test]
fn an_expired_code_is_not_held_against_the_client() {
    let mut provider = provider();
    let params = code(&mut provider, "public", 1);
    let response = token_at(&mut provider, "public", &params, NOW.plus(60));
    assert_error(&response, 400, "invalid_grant");
    let params = code(&mut provider, "public", 2);
    assert_eq!(token_at(&mut provider, "public", &params, NOW.plus(59)).status(), 200);
    provider.assert_clean();
}

#[test]
fn the_same_run_repeats_its_values_and_another_seed_changes_them() {
    let run = |seed| {
        let mut provider = provider();
        provider.seed(seed);
        login(&mut provider, "public", 1)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1)["refresh_token"], run(2)["refresh_token"]);
}

#[test]
fn every_algorithm_signs_and_the_published_key_verifies() {
    for algorithm in Algorithm::RING.iter().copied() {
        let mut provider = TestProvider::new("https://op.example");
        let client = Registration::basic("basic", SECRET).redirect_uri(CALLBACK).id_token_alg(algorithm);
        provider.register(client);
        let tokens = login(&mut provider, "basic", 1);
        let token = text(&tokens, "id_token");
        let (header, _, signature) = decode(token);
        assert_eq!(header["alg"], algorithm.name());
        let input = token.rsplit_once('.').unwrap().0;
        assert!(verifies(&provider.key_set(), &header, input.as_bytes(), &signature), "{}", algorithm.name());
        provider.assert_clean();
    }
}

/// Checks a signature with `ring` itself.
fn verifies(keys: &Value, header: &Value, input: &[u8], signature: &[u8]) -> bool {
    let bytes = |key: &Value, name: &str| {
        let text = key[name].as_str().unwrap();
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text).unwrap()
    };
    let hmac = |algorithm| {
        let key = ring::hmac::Key::new(algorithm, SECRET.as_bytes());
        ring::hmac::verify(&key, input, signature).is_ok()
    };
    let find = || keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let rsa = |algorithm: &signature::RsaParameters| {
        let key = signature::RsaPublicKeyComponents { n: bytes(find(), "n"), e: bytes(find(), "e") };
        key.verify(algorithm, input, signature).is_ok()
    };
    let plain = |algorithm: &'static dyn signature::VerificationAlgorithm, key: Vec<u8>| {
        signature::UnparsedPublicKey::new(algorithm, key).verify(input, signature).is_ok()
    };
    let point = || [vec![4], bytes(find(), "x"), bytes(find(), "y")].concat();
    match header["alg"].as_str().unwrap() {
        "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => rsa(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => rsa(&signature::RSA_PSS_2048_8192_SHA512),
        "ES256" => plain(&signature::ECDSA_P256_SHA256_FIXED, point()),
        "ES384" => plain(&signature::ECDSA_P384_SHA384_FIXED, point()),
        "EdDSA" | "Ed25519" => plain(&signature::ED25519, bytes(find(), "x")),
        "HS256" => hmac(ring::hmac::HMAC_SHA256),
        "HS384" => hmac(ring::hmac::HMAC_SHA384),
        "HS512" => hmac(ring::hmac::HMAC_SHA512),
        _ => false,
    }
}

#[test]
#[should_panic(expected = "HS256 needs a client secret of 32 bytes or more, this one has 5")]
fn a_short_secret_cannot_be_registered_for_signatures() {
    let client = Registration::basic("app", "short").id_token_alg(Algorithm::HS256);
    TestProvider::new("https://op.example").register(client);
}
