//! Each way to misbehave, and the way back.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use oidc_testkit::{Algorithm, EndpointName, TestProvider, hostile};
use serde_json::{Value, json};

fn discovery(provider: &mut TestProvider) -> http::Response<Vec<u8>> {
    let url = provider.url(EndpointName::Discovery);
    provider.handle(&get(&url), NOW)
}

fn kids(provider: &mut TestProvider) -> Vec<String> {
    let url = provider.url(EndpointName::Jwks);
    let set = body(&provider.handle(&get(&url), NOW));
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn responses_are_replaced_until_the_provider_behaves_again() {
    let mut provider = provider();
    provider.alter_response(EndpointName::Discovery, hostile::respond(502, "text/html", "<p>"));
    let response = discovery(&mut provider);
    assert_eq!((response.status().as_u16(), field(&response, "content-type")), (502, "text/html"));
    assert_eq!(response.body(), b"<p>");
    assert_eq!(kids(&mut provider).len(), 4, "other endpoints are not touched");
    provider.clear_alterations();
    assert_eq!(discovery(&mut provider).status(), 200);
    provider.assert_clean();
}

#[test]
fn the_provider_redirects_asks_to_wait_and_returns_errors() {
    let mut provider = provider();
    provider.alter_response(EndpointName::Discovery, hostile::redirect_to("https://evil.example/"));
    let response = discovery(&mut provider);
    assert_eq!((response.status().as_u16(), field(&response, "location")), (307, "https://evil.example/"));
    provider.clear_alterations();
    provider.alter_response(EndpointName::Discovery, hostile::retry_after(7));
    let response = discovery(&mut provider);
    assert_eq!((response.status().as_u16(), field(&response, "retry-after")), (503, "7"));
    provider.clear_alterations();
    provider.alter_response(EndpointName::Discovery, hostile::oauth_error(400, "invalid_grant"));
    assert_error(&discovery(&mut provider), 400, "invalid_grant");
}

#[test]
fn bodies_and_headers_are_changed_in_the_order_of_the_alterations() {
    let mut provider = provider();
    provider.alter_response(EndpointName::Discovery, hostile::set_member("issuer", "https://evil.example"));
    provider.alter_response(EndpointName::Discovery, hostile::remove_member("jwks_uri"));
    provider.alter_response(EndpointName::Discovery, hostile::set_header("cache-control", "no-store"));
    let response = discovery(&mut provider);
    assert_eq!(body(&response)["issuer"], "https://evil.example");
    assert!(body(&response).get("jwks_uri").is_none());
    assert_eq!(field(&response, "cache-control"), "no-store");
    let length = response.body().len();
    provider.alter_response(EndpointName::Discovery, hostile::pad_body(1000));
    assert_eq!(discovery(&mut provider).body().len(), length + 1000);
    provider.alter_response(EndpointName::Discovery, hostile::truncate_body(10));
    assert_eq!(discovery(&mut provider).body().len(), 10);
    provider.assert_clean();
}

#[test]
fn an_alteration_can_expire_and_the_request_takes_effect_all_the_same() {
    let mut provider = provider();
    provider.alter_response(EndpointName::Token, hostile::times(1, hostile::retry_after(1)));
    let params = code(&mut provider, "public", 1);
    assert_eq!(token(&mut provider, "public", &params).status(), 503);
    assert_error(&token(&mut provider, "public", &params), 400, "invalid_grant");
    login(&mut provider, "public", 2);
}

#[test]
fn the_parameters_of_callbacks_are_changed() {
    let mut provider = provider();
    provider.alter_response(
        EndpointName::Authorize,
        hostile::set_callback_parameter("iss", "https://evil.example"),
    );
    provider.alter_response(EndpointName::Authorize, hostile::add_callback_parameter("code", "evil"));
    provider.alter_response(EndpointName::Authorize, hostile::remove_callback_parameter("state"));
    let landing = visit(&mut provider, &authorization("public", 1).0);
    assert_eq!(landing.parameter("iss").as_deref(), Some("https://evil.example"));
    assert_eq!(landing.parameter("state"), None);
    let codes = landing.query().split('&').filter(|pair| pair.starts_with("code=")).count();
    assert_eq!(codes, 2);
}

#[test]
fn claims_and_headers_of_tokens_are_changed_before_signing() {
    let mut provider = provider();
    provider.alter_id_token(hostile::set_claim("iss", "https://evil.example"));
    provider.alter_id_token(hostile::remove_claim("sub"));
    provider.alter_id_token(hostile::remove_header_member("kid"));
    provider.alter_access_token(hostile::set_claim("aud", json!(5)));
    provider.alter_access_token(hostile::set_header_member("typ", "JWT"));
    let tokens = login(&mut provider, "public", 1);
    let (header, claims, _) = decode(text(&tokens, "id_token"));
    assert_eq!(
        (&header["kid"], &claims["iss"], &claims["sub"]),
        (&Value::Null, &json!("https://evil.example"), &Value::Null)
    );
    let (header, claims, _) = decode(text(&tokens, "access_token"));
    assert_eq!((&header["typ"], &claims["aud"]), (&json!("JWT"), &json!(5)));
    let request = bearer(get(&provider.url(EndpointName::UserInfo)), text(&tokens, "access_token"));
    assert_eq!(provider.handle(&request, NOW).status(), 200, "the provider knows its altered tokens");
    provider.clear_alterations();
    let tokens = login(&mut provider, "public", 2);
    assert_eq!(decode(text(&tokens, "id_token")).1["sub"], "alice");
    provider.assert_clean();
}

#[test]
fn tokens_are_unsigned_or_wrongly_signed_on_command() {
    let mut provider = provider();
    provider.alter_id_token(hostile::set_header_member("alg", "none"));
    let tokens = login(&mut provider, "public", 1);
    assert!(text(&tokens, "id_token").ends_with('.'));
    assert!(!text(&tokens, "access_token").ends_with('.'));
    provider.clear_alterations();

    // The same login at two providers that differ only in the switch.
    let signature = |broken| {
        let mut provider = common::provider();
        provider.break_signatures(broken);
        decode(text(&login(&mut provider, "public", 1), "access_token")).2
    };
    let (honest, broken) = (signature(false), signature(true));
    let differing = |(a, b): (&u8, &u8)| (a ^ b).count_ones();
    assert_eq!(honest.iter().zip(&broken).map(differing).sum::<u32>(), 1);
}

#[test]
fn tokens_are_signed_with_other_algorithms_and_generations() {
    let mut provider = provider();
    provider.sign_with(Algorithm::ES384);
    let tokens = login(&mut provider, "public", 1);
    assert_eq!(decode(text(&tokens, "id_token")).0, json!({ "alg": "ES384", "kid": "p384-1" }));
    assert_eq!(decode(text(&tokens, "access_token")).0["alg"], "ES384");
    provider.clear_alterations();
    provider.sign_with_generation(3);
    let tokens = login(&mut provider, "public", 2);
    assert_eq!(decode(text(&tokens, "id_token")).0["kid"], "rsa-3");
    assert!(!kids(&mut provider).contains(&"rsa-3".to_owned()));
    provider.clear_alterations();

    provider.sign_with(Algorithm::HS256);
    let tokens = login(&mut provider, "public", 3);
    let token = text(&tokens, "id_token");
    let key = provider.key_set()["keys"][0].to_string();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    let input = token.rsplit_once('.').unwrap().0;
    assert!(
        ring::hmac::verify(&key, input.as_bytes(), &decode(token).2).is_ok(),
        "the public key serves as a secret"
    );
    provider.assert_clean();
}

#[test]
fn keys_can_be_rotated_kept_and_withdrawn() {
    let mut provider = provider();
    let of = |generation: u32| {
        ["rsa", "p256", "p384", "ed25519"].map(|family| format!("{family}-{generation}")).to_vec()
    };
    assert_eq!(kids(&mut provider), of(1));
    provider.rotate_keys();
    assert_eq!((provider.generation(), kids(&mut provider)), (2, of(2)));
    let tokens = login(&mut provider, "public", 1);
    assert_eq!(decode(text(&tokens, "id_token")).0["kid"], "rsa-2");
    provider.rotate_keys_keeping_old();
    assert_eq!(kids(&mut provider), [of(2), of(3)].concat());
    provider.withdraw(2);
    assert_eq!(kids(&mut provider), of(3));
    provider.rotate_keys();
    assert_eq!(kids(&mut provider), of(4), "generations never run out");
    provider.assert_clean();
}

#[test]
fn keys_of_other_kinds_can_be_published() {
    let mut provider = provider();
    provider.publish_extra_jwk(json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AA" }));
    provider.publish_extra_jwk(json!({ "kty": "OKP", "crv": "X25519", "x": "AA" }));
    assert_eq!(kids(&mut provider).split_off(4), ["pq", "-"]);
}
