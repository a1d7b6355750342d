//! The client's notification endpoint (CIBA sections 9, 10.2 and 12): who may call, what is answered, and what a ping
//! does.

use super::*;
use http::{Method, Request};
use oidc_proto::flow::{ConfigError, Delivery, NotificationError};

#[test]
fn a_ping_makes_the_client_ask_at_once() {
    let mut scene = Scene::new(DeliveryMode::Ping);
    let asked = scene.begin();
    scene.clock.advance(3);
    scene.provider.decide(asked.auth_req_id().expose(), true);
    let notification = scene.notification();
    // The program keeps the value under its identifier.
    assert_eq!(notification.auth_req_id(), asked.auth_req_id());
    let Ok(Delivery::Ping(ping)) = asked.receive(&notification, &scene.client, scene.clock.now()) else {
        panic!("a ping")
    };
    assert_eq!(ClientNotification::accepted().status(), 204);
    let call = asked.pinged(ping, &scene.client, None, scene.clock.moment()).unwrap();
    let login = scene.finish(call).unwrap();
    assert_eq!((&*login.id_token.sub, scene.clock.now()), ("alice", NOW.plus(3)), "nobody waited");
    assert_eq!(scene.provider.count(EndpointName::Token), 1);
    scene.provider.assert_clean();
}

/// A flow in memory asks every 30 seconds, because a ping may be lost. A ping ends the wait, once: the bearer token of an
/// old ping is no key to a flood of requests.
#[test]
fn a_flow_in_memory_is_woken_by_the_first_ping_and_by_no_other() {
    let mut scene = Scene::new(DeliveryMode::Ping);
    let asked = scene.begin();
    let id = asked.auth_req_id().clone();
    let pause = asked.poll(&scene.client, None, scene.clock.now()).unwrap();
    assert_eq!(gap(&scene, &pause), 30);
    let pause = waiting(scene.poll_once(pause).unwrap());
    assert_eq!(gap(&scene, &pause), 30);

    scene.clock.advance(7);
    scene.provider.decide(id.expose(), true);
    // The provider has told its news too early: the servers behind it do not agree yet.
    scene.provider.alter_response(EndpointName::Token, hostile::oauth_error(400, "authorization_pending"));
    let Step::Send(call) = pause.notified(scene.clock.moment()).unwrap() else { panic!("it asks at once") };
    let (request, _, pending) = call.into_parts();
    let response = scene.provider.handle(&request, scene.clock.now());
    let pause = waiting(pending.receive(response, scene.clock.moment()).unwrap());
    assert_eq!(gap(&scene, &pause), 5, "from now on it polls");
    let until = pause.until();
    let pause = waiting(pause.notified(scene.clock.moment()).unwrap());
    assert_eq!(pause.until(), until, "a second ping changes nothing");
    let saved = pause.save();
    let pause = saved.poll(&scene.client, None, scene.clock.now()).unwrap();
    let pause = waiting(pause.notified(scene.clock.moment()).unwrap());
    assert_eq!(pause.until(), until, "nor does it after the state was saved");
}

#[test]
fn a_client_that_polls_is_woken_by_nobody() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let pause = scene.begin().poll(&scene.client, None, scene.clock.now()).unwrap();
    let until = pause.until();
    assert_eq!(waiting(pause.notified(scene.clock.moment()).unwrap()).until(), until);
}

#[test]
fn a_lost_ping_costs_no_login() {
    let mut scene = Scene::new(DeliveryMode::Ping);
    let asked = scene.begin();
    scene.provider.decide(asked.auth_req_id().expose(), true);
    drop(scene.provider.take_notifications());
    let pause = asked.poll(&scene.client, None, scene.clock.now()).unwrap();
    assert_eq!(scene.finish(pause).unwrap().id_token.sub, "alice");
    assert_eq!(scene.clock.now(), NOW.plus(30));

    // Not even if the lifetime is shorter than that.
    for lifetime in [2, 10, 31] {
        let mut scene = Scene::new(DeliveryMode::Ping);
        scene.provider.backchannel_times(5, lifetime);
        let asked = scene.begin();
        scene.provider.decide(asked.auth_req_id().expose(), true);
        let pause = asked.poll(&scene.client, None, scene.clock.now()).unwrap();
        assert!(scene.finish(pause).is_ok(), "{lifetime} s");
        assert_eq!(scene.clock.now(), NOW.plus(lifetime - 1));
    }
}

fn post(token: &str, body: &str) -> Request<Vec<u8>> {
    Request::post("https://app.example/ciba")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json; charset=utf-8")
        .body(body.as_bytes().to_vec())
        .unwrap()
}

#[test]
fn a_request_that_is_no_notification_is_answered_as_the_specification_says() {
    let good = || post("a-token", r#"{"auth_req_id": "a"}"#);
    assert!(ClientNotification::read(&good()).is_ok());
    let changed = |change: fn(&mut Request<Vec<u8>>)| {
        let mut request = good();
        change(&mut request);
        let error = ClientNotification::read(&request).unwrap_err();
        (error.code(), error.response().status().as_u16())
    };
    for (change, expected) in [
        ((|r| *r.method_mut() = Method::GET) as fn(&mut Request<Vec<u8>>), ("notification_method", 405)),
        (|r| *r.method_mut() = Method::PUT, ("notification_method", 405)),
        (|r| drop(r.headers_mut().remove("authorization")), ("notification_credentials", 401)),
        (
            |r| assert!(r.headers_mut().append("authorization", "Bearer b".parse().unwrap())),
            ("notification_credentials", 401),
        ),
        (
            |r| drop(r.headers_mut().insert("authorization", "Basic YTpi".parse().unwrap())),
            ("notification_credentials", 401),
        ),
        (
            |r| drop(r.headers_mut().insert("authorization", "Bearer a b".parse().unwrap())),
            ("notification_credentials", 401),
        ),
        (
            |r| drop(r.headers_mut().insert("authorization", "Bearer ".parse().unwrap())),
            ("notification_credentials", 401),
        ),
        (
            |r| {
                let long = format!("Bearer {}", "a".repeat(1025));
                drop(r.headers_mut().insert("authorization", long.parse().unwrap()));
            },
            ("notification_credentials", 401),
        ),
        (|r| drop(r.headers_mut().remove("content-type")), ("notification_media_type", 400)),
        (
            |r| drop(r.headers_mut().insert("content-type", "text/plain".parse().unwrap())),
            ("notification_media_type", 400),
        ),
        (|r| r.body_mut().resize(70_000, b' '), ("notification_too_large", 413)),
        (|r| *r.body_mut() = b"auth_req_id=a".to_vec(), ("notification_json", 400)),
        (|r| *r.body_mut() = br#"["auth_req_id"]"#.to_vec(), ("notification_json", 400)),
        (|r| *r.body_mut() = br#"{"auth_req_id": 7}"#.to_vec(), ("notification_json", 400)),
        (
            |r| *r.body_mut() = br#"{"auth_req_id": "a", "auth_req_id": "b"}"#.to_vec(),
            ("notification_json", 400),
        ),
        (|r| *r.body_mut() = br#"{"auth_req_id": ""}"#.to_vec(), ("notification_missing", 400)),
        (|r| *r.body_mut() = b"{}".to_vec(), ("notification_missing", 400)),
    ] {
        assert_eq!(changed(change), expected);
    }
    let spelt =
        Request::post("/").header("authorization", "bEARER a").header("content-type", "application/json");
    assert!(ClientNotification::read(&spelt.body(br#"{"auth_req_id": "a"}"#).unwrap()).is_ok());

    let unauthorized = NotificationError::Unknown.response();
    assert_eq!(unauthorized.status(), 401);
    assert_eq!(unauthorized.headers()["www-authenticate"], "Bearer");
    assert_eq!(NotificationError::Method.response().headers()["allow"], "POST");
    for answer in [unauthorized, NotificationError::Token.response(), ClientNotification::accepted()] {
        assert!(answer.body().is_empty() && !answer.status().is_redirection(), "never a 3xx");
    }
}

#[test]
fn nothing_is_believed_without_the_token_of_this_very_request() {
    for mode in [DeliveryMode::Ping, DeliveryMode::Push] {
        let mut scene = Scene::new(mode);
        let (asked, other) = (scene.begin(), scene.begin());
        scene.provider.decide(asked.auth_req_id().expose(), true);
        let [request] = &scene.provider.take_notifications()[..] else { panic!("one notification") };
        let token = request.headers()["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let body = String::from_utf8(request.body().clone()).unwrap();
        let receive = |asked: &BackchannelAuthentication, token: &str, body: &str| {
            let notification = ClientNotification::read(&post(token, body)).unwrap();
            asked.receive(&notification, &scene.client, NOW).map(|_| ())
        };
        assert_eq!(receive(&asked, token, &body), Ok(()), "{mode:?}");
        let mut near = token.to_owned();
        near.replace_range(42..43, if near.ends_with('A') { "B" } else { "A" });
        for wrong in ["forged", &near, &token[..42], &format!("{token}A")] {
            assert_eq!(receive(&asked, wrong, &body), Err(NotificationError::Token), "{mode:?} {wrong}");
        }
        assert_eq!(
            receive(&other, token, &body),
            Err(NotificationError::Token),
            "the token of another request"
        );
        let of_other = body.replace(asked.auth_req_id().expose(), other.auth_req_id().expose());
        assert_eq!(receive(&asked, token, &of_other), Err(NotificationError::Token), "another identifier");
        let stranger = Party::new();
        let notification = ClientNotification::read(&post(token, &body)).unwrap();
        let error = asked.receive(&notification, &stranger.client, NOW).unwrap_err();
        assert_eq!(error, NotificationError::Config(ConfigError::SavedState));
        assert_eq!(error.response().status(), 500);
    }
    // A client that polls has no token, so no notification has the right one.
    let mut scene = Scene::new(DeliveryMode::Poll);
    let asked = scene.begin();
    let body = format!(r#"{{"auth_req_id": "{}"}}"#, asked.auth_req_id().expose());
    let notification = ClientNotification::read(&post("a", &body)).unwrap();
    assert_eq!(asked.receive(&notification, &scene.client, NOW).unwrap_err(), NotificationError::Token);
}

#[test]
fn a_notification_of_another_mode_is_refused_and_says_what_to_compare() {
    let refused = |mode: DeliveryMode, members: &str| {
        let mut scene = Scene::new(mode);
        let asked = scene.begin();
        let saved = serde_json::to_value(&asked).unwrap();
        let token = saved["client_notification_token"].as_str().unwrap();
        let body = format!(r#"{{"auth_req_id": "{}"{members}}}"#, asked.auth_req_id().expose());
        let notification = ClientNotification::read(&post(token, &body)).unwrap();
        asked.receive(&notification, &scene.client, NOW).map(|_| ())
    };
    assert_eq!(refused(DeliveryMode::Ping, ""), Ok(()));
    assert_eq!(refused(DeliveryMode::Ping, r#", "more": 1"#), Ok(()), "unknown members are ignored");
    for members in
        [r#", "id_token": "i", "access_token": "a""#, r#", "access_token": "a""#, r#", "error": "e""#]
    {
        assert_eq!(refused(DeliveryMode::Ping, members), Err(NotificationError::Mode(DeliveryMode::Ping)));
    }
    for members in ["", r#", "token_type": "Bearer""#, r#", "error": "e", "id_token": "i""#] {
        let error = refused(DeliveryMode::Push, members).unwrap_err();
        assert_eq!(error, NotificationError::Mode(DeliveryMode::Push), "{members}");
        assert!(error.to_string().contains("`push`") && error.response().status() == 400);
    }
}

#[test]
fn neither_a_notification_nor_its_error_shows_a_secret() {
    let mut scene = Scene::new(DeliveryMode::Ping);
    let asked = scene.begin();
    scene.provider.decide(asked.auth_req_id().expose(), true);
    let [request] = &scene.provider.take_notifications()[..] else { panic!("one notification") };
    let token = request.headers()["authorization"].to_str().unwrap()[7..].to_owned();
    let notification = ClientNotification::read(request).unwrap();
    let shown = format!("{notification:?} {asked:?} {:?}", asked.receive(&notification, &scene.client, NOW));
    assert!(!shown.contains(&token) && !shown.contains(asked.auth_req_id().expose()), "{shown}");
}
