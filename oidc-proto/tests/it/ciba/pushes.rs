//! Tokens that are pushed to the client (CIBA section 10.3): nothing is believed before the ID token has vouched for all
//! of them.

use super::*;
use oidc_proto::{
    Moment, Remedy,
    flow::{ConfigError, Delivery, NotificationError, Push, ResponseRule},
    jose::KeySet,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The tokens that the provider has pushed, with a change to the body of the notification.
fn pushed(
    scene: &mut Scene,
    change: impl FnOnce(&mut Value),
) -> Result<(BackchannelAuthentication, Push), NotificationError> {
    let asked = scene.begin();
    scene.provider.decide(asked.auth_req_id().expose(), true);
    let [request] = &scene.provider.take_notifications()[..] else { panic!("one notification") };
    let mut request = request.clone();
    let mut body: Value = serde_json::from_slice(request.body()).unwrap();
    change(&mut body);
    *request.body_mut() = body.to_string().into_bytes();
    let notification = ClientNotification::read(&request).unwrap();
    match asked.receive(&notification, &scene.client, scene.clock.now())? {
        Delivery::Push(push) => Ok((asked, push)),
        other => panic!("tokens: {other:?}"),
    }
}

fn verified(scene: &mut Scene, push: &Push) -> Result<BackchannelTokens, Error> {
    let step = push.verify(&scene.client, None, scene.clock.now())?;
    drive(step, &mut scene.provider, &mut scene.clock)
}

#[test]
fn pushed_tokens_are_verified_and_used() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let mut scene = Scene::with(DeliveryMode::Push, |provider| {
            provider.register(Registration::basic("shop", "its secret").id_token_alg(algorithm));
        });
        let metadata = scene.client.metadata().clone();
        let builder = Client::builder(metadata, "shop").id_token_signed_response_alg(algorithm);
        scene.client = builder.secret("its secret").build().unwrap();
        let (_, push) = pushed(&mut scene, |_| {}).unwrap();
        let login = verified(&mut scene, &push).unwrap();
        assert_eq!(login.id_token.sub, "alice");
        assert_eq!(login.tokens.expires_at, Some(NOW.plus(300)));
        assert!(login.learned.keys.is_some());
        assert_eq!(scene.provider.count(EndpointName::Token), 0);
        let refreshed = scene.client.refresh(
            login.tokens.refresh_token.as_ref().unwrap(),
            Some((&login.id_token).into()),
            login.learned.keys,
            scene.clock.moment(),
        );
        drive(refreshed.unwrap(), &mut scene.provider, &mut scene.clock).unwrap();
        scene.provider.assert_clean();
    }
}

/// Whoever knows the notification token can send anything. The signature must cover every token, and name the request.
#[test]
fn each_token_of_a_push_must_be_the_one_that_was_signed() {
    const ID: &str = "urn:openid:params:jwt:claim:auth_req_id";
    const HASH: &str = "urn:openid:params:jwt:claim:rt_hash";
    type Change = fn(&mut TestProvider, &mut Value);
    let of_body: [(Change, &str); 2] = [
        (|_, body| body["access_token"] = "an injected token".into(), "token_at_hash"),
        (|_, body| body["refresh_token"] = "an injected token".into(), "token_rt_hash"),
    ];
    let mut scene = Scene::new(DeliveryMode::Push);
    for (change, code) in of_body {
        let mut provider = TestProvider::new(ISSUER);
        let (_, push) = pushed(&mut scene, |body| change(&mut provider, body)).unwrap();
        assert_eq!(verified(&mut scene, &push).unwrap_err().code(), code);
    }
    type Alter = fn(&mut TestProvider);
    let of_token: [(Alter, &str); 10] = [
        (|p| p.alter_id_token(hostile::remove_claim("at_hash")), "token_missing_claim"),
        (|p| p.alter_id_token(hostile::remove_claim(HASH)), "token_missing_claim"),
        (|p| p.alter_id_token(hostile::remove_claim(ID)), "token_missing_claim"),
        (|p| p.alter_id_token(hostile::set_claim(ID, "another request")), "token_auth_req_id"),
        (|p| p.alter_id_token(hostile::set_claim(ID, json!(["another type"]))), "token_missing_claim"),
        (|p| p.alter_id_token(hostile::set_claim(HASH, "another hash")), "token_rt_hash"),
        (|p| p.alter_id_token(hostile::set_claim("aud", "another client")), "token_audience"),
        (|p| p.alter_id_token(hostile::set_claim("exp", 1)), "token_expired"),
        (|p| p.break_signatures(true), "jws_signature"),
        (|p| p.sign_with(Algorithm::HS256), "jws_alg_not_allowed"),
    ];
    for (change, code) in of_token {
        let mut scene = Scene::new(DeliveryMode::Push);
        change(&mut scene.provider);
        let (_, push) = pushed(&mut scene, |_| {}).unwrap();
        let error = verified(&mut scene, &push).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    // An ID token of an earlier authentication of the same user.
    let (_, earlier) = pushed(&mut scene, |_| {}).unwrap();
    let earlier = verified(&mut scene, &earlier).unwrap().tokens;
    let (_, push) = pushed(&mut scene, |body| {
        body["id_token"] = earlier.id_token.unwrap().expose().into();
        body["access_token"] = earlier.access_token.expose().into();
        body["refresh_token"] = earlier.refresh_token.unwrap().expose().into();
    })
    .unwrap();
    assert_eq!(verified(&mut scene, &push).unwrap_err().code(), "token_auth_req_id");
}

/// Without a refresh token there is no hash of one.
#[test]
fn a_push_without_a_refresh_token_needs_no_hash_of_one() {
    let mut scene = Scene::with(DeliveryMode::Push, |provider| {
        let shop = Registration::basic("shop", "its secret").grant_types([]);
        provider.register(shop.id_token_alg(Algorithm::ES256));
    });
    let (_, push) = pushed(&mut scene, |_| {}).unwrap();
    assert_eq!(verified(&mut scene, &push).unwrap().tokens.refresh_token, None);
}

#[test]
fn a_push_that_breaks_the_specification_is_answered_with_400() {
    let mut scene = Scene::new(DeliveryMode::Push);
    let mut refused = |change: fn(&mut Value)| pushed(&mut scene, change).unwrap_err();
    let missing = |name| NotificationError::Tokens(ResponseRule::Missing(name));
    assert_eq!(refused(|body| drop(body.as_object_mut().unwrap().remove("id_token"))), missing("id_token"));
    assert_eq!(
        refused(|body| drop(body.as_object_mut().unwrap().remove("access_token"))),
        missing("access_token")
    );
    let error = refused(|body| drop(body.as_object_mut().unwrap().remove("token_type")));
    assert_eq!(error, missing("token_type"));
    assert_eq!((error.response().status().as_u16(), error.code()), (400, "response_missing_member"));
    assert!(matches!(refused(|body| body["access_token"] = 7.into()), NotificationError::Tokens(_)));
    assert!(matches!(refused(|body| body["expires_in"] = "soon".into()), NotificationError::Tokens(_)));
}

/// The provider pushes once, so a lost request for keys must not lose the tokens.
#[test]
fn tokens_are_not_lost_with_the_request_for_keys() {
    let mut scene = Scene::new(DeliveryMode::Push);
    let (_, push) = pushed(&mut scene, |_| {}).unwrap();
    let Step::Send(call) = push.verify(&scene.client, None, NOW).unwrap() else { panic!("it has no keys") };
    assert!(call.into_parts().2.fail(scene.clock.moment()).unwrap().is_none());
    assert_eq!(verified(&mut scene, &push).unwrap().id_token.sub, "alice");
    // With the keys at hand, nothing is sent.
    let keys = Arc::new(KeySet::parse(scene.provider.key_set().to_string().as_bytes()).unwrap());
    let step = push.verify(&scene.client, Some(&keys), NOW).unwrap();
    assert!(matches!(step, Step::Done(_)));
    scene.provider.rotate_keys();
    let (_, push) = pushed(&mut scene, |_| {}).unwrap();
    assert!(matches!(push.verify(&scene.client, Some(&keys), NOW), Ok(Step::Send(_))), "they are too old");
    let stranger = Party::new();
    let error = push.verify(&stranger.client, Some(&keys), NOW).unwrap_err();
    assert_eq!(error, ConfigError::SavedState.into());
    assert!(!format!("{push:?}").contains("eyJ"));
}

#[test]
fn a_push_can_say_that_the_user_was_not_authenticated() {
    for (error, code) in [
        ("access_denied", "access_denied"),
        ("expired_token", "expired_token"),
        ("transaction_failed", "transaction_failed"),
        ("another_error", "oauth_error"),
    ] {
        let mut scene = Scene::new(DeliveryMode::Push);
        let asked = scene.begin();
        scene.provider.fail_push(asked.auth_req_id().expose(), error);
        let notification = scene.notification();
        let Ok(Delivery::Failed(failed)) = asked.receive(&notification, &scene.client, NOW) else {
            panic!("it has failed")
        };
        assert_eq!((failed.code(), failed.provider_code()), (code, Some(error)));
        assert_eq!(failed.remedy(), Remedy::LogInAgain);
        assert!(failed.to_string().contains("begin again"), "{failed}");
    }
    // What the provider repeats of the request is hidden.
    let mut scene = Scene::new(DeliveryMode::Push);
    let asked = scene.begin();
    scene.provider.decide(asked.auth_req_id().expose(), false);
    let [request] = &scene.provider.take_notifications()[..] else { panic!("one notification") };
    let mut request = request.clone();
    let mut body: Value = serde_json::from_slice(request.body()).unwrap();
    let token = request.headers()["authorization"].to_str().unwrap()[7..].to_owned();
    body["error_description"] = format!("no {token} for {}", asked.auth_req_id().expose()).into();
    *request.body_mut() = body.to_string().into_bytes();
    let notification = ClientNotification::read(&request).unwrap();
    let Ok(Delivery::Failed(failed)) = asked.receive(&notification, &scene.client, NOW) else { panic!() };
    assert_eq!(failed.code(), "access_denied");
    assert!(failed.to_string().contains("no [secret] for [secret]"), "{failed}");
}

#[test]
fn pushed_tokens_cannot_be_asked_for() {
    let mut scene = Scene::new(DeliveryMode::Push);
    let asked = scene.begin();
    let refused = asked.clone().poll(&scene.client, None, NOW).unwrap_err();
    assert_eq!(refused, Error::Config(ConfigError::Pushed));
    let client = &scene.client;
    let attempt = oidc_proto::flow::Attempt::from(client);
    let refused = attempt.poll_backchannel(asked, None, Moment::new(NOW, [7; 32])).unwrap_err();
    assert_eq!(refused, Error::Config(ConfigError::Pushed));
}

/// A client with a DPoP key takes no token that works without the key, and a push cannot bind one.
#[test]
fn a_client_with_a_dpop_key_takes_no_pushed_bearer_token() {
    let mut scene = Scene::new(DeliveryMode::Push);
    let metadata = scene.client.metadata().clone();
    let (key, _) = oidc_testkit::KeyRing::client_key(Algorithm::ES256);
    let builder = Client::builder(metadata, "shop").secret("its secret").dpop_key(key);
    scene.client = builder.id_token_signed_response_alg(Algorithm::ES256).build().unwrap();
    let error = pushed(&mut scene, |_| {}).unwrap_err();
    assert_eq!(error, NotificationError::Tokens(ResponseRule::NotBound));
}
