//! The provider of the tests refuses what a real one refuses, so that a wrong client fails a test.

use super::*;

/// Sends a form as the client `shop`, and returns the error of the response and what the audit has found.
fn send(
    provider: &mut TestProvider,
    endpoint: EndpointName,
    form: &str,
    at: Timestamp,
) -> (String, Vec<String>) {
    let request = http::Request::post(provider.url(endpoint))
        .header("accept", "application/json")
        .header("authorization", "Basic c2hvcDppdHMrc2VjcmV0") // shop:its+secret
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.as_bytes().to_vec())
        .unwrap();
    let response = provider.handle(&request, at);
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    let found = provider.audit().iter().map(|finding| finding.what.clone()).collect();
    provider.clear_audit();
    (body["error"].as_str().unwrap_or("none").to_owned(), found)
}

#[test]
fn the_provider_of_the_tests_notes_what_no_client_should_send() {
    const TOKEN: &str = "client_notification_token=8d67dc78-7faa-4d41-aabd-67707b374255";
    let asked = EndpointName::BackchannelAuthentication;
    for (mode, form, error, what) in [
        (DeliveryMode::Poll, "scope=openid", "invalid_request", "not exactly one hint"),
        (
            DeliveryMode::Poll,
            "scope=openid&login_hint=alice&login_hint_token=token-of-alice",
            "invalid_request",
            "not exactly one hint",
        ),
        (DeliveryMode::Poll, "scope=profile&login_hint=alice", "invalid_request", "no `openid`"),
        (DeliveryMode::Poll, "scope=openid&login_hint=alice&prompt=none", "none", "stray parameter"),
        (DeliveryMode::Poll, "scope=openid&login_hint=alice&user_code=1", "none", "a `user_code`"),
        (
            DeliveryMode::Poll,
            "scope=openid&login_hint=alice&requested_expiry=0",
            "invalid_request",
            "requested_expiry is no positive integer",
        ),
        (
            DeliveryMode::Ping,
            "scope=openid&login_hint=alice",
            "invalid_request",
            "no client_notification_token",
        ),
        (
            DeliveryMode::Ping,
            "scope=openid&login_hint=alice&client_notification_token=short",
            "invalid_request",
            "can be guessed",
        ),
        (
            DeliveryMode::Poll,
            &format!("scope=openid&login_hint=alice&{TOKEN}"),
            "none",
            "a client that polls",
        ),
        (DeliveryMode::Poll, "request=a.b.c", "invalid_request", "a client without a key"),
    ] {
        let mut scene = Scene::new(mode);
        let (refused, found) = send(&mut scene.provider, asked, form, NOW);
        assert_eq!(refused, error, "{form}");
        assert!(found.iter().any(|finding| finding.contains(what)), "{form}: {found:?}");
    }
    let mut scene = Scene::new(DeliveryMode::Push);
    let form = format!("scope=openid&login_hint=alice&{TOKEN}");
    assert_eq!(send(&mut scene.provider, asked, &form, NOW), ("none".to_owned(), Vec::new()));
    let (_, found) = send(&mut scene.provider, asked, &form, NOW);
    assert_eq!(found, ["client_notification_token was sent a second time"]);
}

#[test]
fn the_provider_of_the_tests_issues_tokens_once_and_not_too_early() {
    let poll = |scene: &mut Scene, id: &str, at: i64| {
        let form = format!("grant_type=urn%3Aopenid%3Aparams%3Agrant-type%3Aciba&auth_req_id={id}");
        send(&mut scene.provider, EndpointName::Token, &form, NOW.plus(at))
    };
    let mut scene = Scene::new(DeliveryMode::Poll);
    let id = scene.begin().auth_req_id().expose().to_owned();
    assert_eq!(poll(&mut scene, &id, 5).0, "authorization_pending");
    let (early, found) = poll(&mut scene, &id, 9);
    assert!(early == "slow_down" && found[0].contains("more often"), "{found:?}");
    scene.provider.decide(&id, true);
    assert_eq!(poll(&mut scene, &id, 19), ("none".to_owned(), Vec::new()));
    let (again, found) = poll(&mut scene, &id, 30);
    assert!(again == "invalid_grant" && found[0].contains("has led to tokens"), "{found:?}");
    let (unknown, found) = poll(&mut scene, "another", 40);
    assert!(unknown == "invalid_grant" && found[0].contains("not known"), "{found:?}");

    let mut scene = Scene::new(DeliveryMode::Push);
    let id = scene.begin().auth_req_id().expose().to_owned();
    let (pushed, found) = poll(&mut scene, &id, 5);
    assert!(pushed == "unauthorized_client" && found[0].contains("push mode"), "{found:?}");
}
