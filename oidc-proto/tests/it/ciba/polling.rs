//! Polling for the tokens of a backchannel authentication (CIBA sections 10.1 and 11).

use super::*;
use oidc_proto::flow::{Attempt, ConfigError, RETRY_AFTER_CAP, ResponseRule};

#[test]
fn a_user_logs_in_on_a_telephone_while_the_client_polls() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let wanted = scene
        .wanted()
        .scopes(["profile", "offline_access"])
        .binding_message("W4SCT")
        .acr_values(["gold", "silver"])
        .requested_expiry(std::time::Duration::from_secs(120))
        .resource("https://api.example");
    let authentication = scene.ask(&wanted).unwrap();
    assert_eq!(authentication.expires_at(), NOW.plus(120));
    let id = authentication.auth_req_id().clone();

    let mut pause = authentication.poll(&scene.client, None, scene.clock.now()).unwrap();
    for _ in 0..3 {
        assert_eq!(gap(&scene, &pause), 5, "no poll comes earlier than allowed");
        pause = waiting(scene.poll_once(pause).unwrap());
    }
    scene.provider.decide(id.expose(), true);
    let login = scene.finish(pause).unwrap();
    assert_eq!((&*login.id_token.sub, login.id_token.acr.as_deref()), ("alice", Some("gold")));
    assert!(login.tokens.refresh_token.is_some() && login.learned.keys.is_some());
    assert!(scene.provider.take_notifications().is_empty());
    scene.provider.assert_clean();
}

#[test]
fn every_login_has_an_id_token_of_the_user_who_was_to_log_in() {
    let finished = |alter: fn(&mut TestProvider), wanted: fn(_) -> BackchannelAuthenticationRequest| {
        let mut scene = Scene::new(DeliveryMode::Poll);
        let authentication = scene.ask(&wanted(scene.wanted())).unwrap();
        scene.provider.decide(authentication.auth_req_id().expose(), true);
        alter(&mut scene.provider);
        let pause = authentication.poll(&scene.client, None, scene.clock.now()).unwrap();
        scene.finish(pause)
    };
    let as_it_is: fn(BackchannelAuthenticationRequest) -> BackchannelAuthenticationRequest = |wanted| wanted;
    let of_alice: fn(BackchannelAuthenticationRequest) -> _ = |wanted| wanted.subject("alice");
    let gold: fn(BackchannelAuthenticationRequest) -> _ = |wanted| wanted.essential_acr(["gold"]);
    assert!(finished(|_| {}, as_it_is).is_ok() && finished(|_| {}, of_alice).is_ok());
    assert!(finished(|_| {}, gold).is_ok());
    let without = finished(
        |provider| provider.alter_response(EndpointName::Token, hostile::remove_member("id_token")),
        as_it_is,
    );
    let Err(Error::Response(broken)) = without else { panic!("{without:?}") };
    assert_eq!(broken.rule, ResponseRule::Missing("id_token"));

    type Alter = fn(&mut TestProvider);
    type Wanted = fn(BackchannelAuthenticationRequest) -> BackchannelAuthenticationRequest;
    let refused: [(Alter, Wanted, &str); 8] = [
        (|provider| provider.break_signatures(true), as_it_is, "jws_signature"),
        (|p| p.alter_id_token(hostile::set_claim("aud", "another")), as_it_is, "token_audience"),
        (|p| p.alter_id_token(hostile::set_claim("iss", "https://evil.example")), as_it_is, "token_issuer"),
        (|p| p.alter_id_token(hostile::set_claim("at_hash", "another")), as_it_is, "token_at_hash"),
        (|p| p.alter_id_token(hostile::set_claim("sub", "mallory")), of_alice, "token_other_user"),
        (|p| p.alter_id_token(hostile::set_claim("acr", "bronze")), gold, "token_acr"),
        (
            |p| p.alter_id_token(hostile::set_claim("urn:openid:params:jwt:claim:auth_req_id", "another")),
            as_it_is,
            "token_auth_req_id",
        ),
        (
            |p| p.alter_id_token(hostile::set_claim("urn:openid:params:jwt:claim:rt_hash", "another")),
            as_it_is,
            "token_rt_hash",
        ),
    ];
    for (alter, wanted, code) in refused {
        let error = finished(alter, wanted).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    let of_mallory = finished(|p| p.alter_id_token(hostile::set_claim("sub", "mallory")), as_it_is).unwrap();
    assert_eq!(of_mallory.id_token.sub, "mallory", "a client that demands nobody compares the user itself");
}

/// Other libraries give up at the first lost packet, or keep polling at full speed.
#[test]
fn d13_a_lost_packet_costs_a_longer_wait_and_not_the_login() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let authentication = scene.begin();
    let id = authentication.auth_req_id().clone();
    let mut pause = authentication.poll(&scene.client, None, scene.clock.now()).unwrap();
    for wait in [10, 20, 40] {
        scene.clock.advance(gap(&scene, &pause));
        let Step::Send(call) = pause.wake(scene.clock.moment()).unwrap() else { panic!() };
        let (_, _, pending) = call.into_parts();
        pause = waiting(pending.fail(scene.clock.moment()).unwrap().expect("it goes on"));
        assert_eq!(gap(&scene, &pause), wait);
    }
    scene.provider.decide(id.expose(), true);
    assert_eq!(scene.finish(pause).unwrap().id_token.sub, "alice");
    scene.provider.assert_clean();
}

/// Other libraries take `slow_down` for the end.
#[test]
fn d14_slow_down_adds_five_seconds_to_every_later_interval_and_ends_nothing() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let authentication = scene.begin();
    let id = authentication.auth_req_id().clone();
    let mut pause = authentication.poll(&scene.client, None, scene.clock.now()).unwrap();
    for wait in [10, 15] {
        scene.provider.alter_response(EndpointName::Token, hostile::oauth_error(400, "slow_down"));
        pause = waiting(scene.poll_once(pause).unwrap());
        assert_eq!(gap(&scene, &pause), wait);
        scene.provider.clear_alterations();
    }
    for _ in 0..3 {
        pause = waiting(scene.poll_once(pause).unwrap());
        assert_eq!(gap(&scene, &pause), 15, "authorization_pending does not shorten the interval again");
    }
    scene.provider.decide(id.expose(), true);
    assert!(scene.finish(pause).is_ok());
    scene.provider.assert_clean();
}

/// A provider may hold a request until the user decides, for 30 s. The interval counts from when it was sent, and no two
/// requests overlap.
#[test]
fn a_provider_may_hold_the_request_and_is_asked_again_as_soon_as_the_interval_allows() {
    for (held, wait) in [(0, 5), (2, 3), (4, 1), (5, 1), (30, 1), (-20, 5)] {
        let mut scene = Scene::new(DeliveryMode::Poll);
        let pause = scene.begin().poll(&scene.client, None, scene.clock.now()).unwrap();
        scene.clock.advance(gap(&scene, &pause));
        let Step::Send(call) = pause.wake(scene.clock.moment()).unwrap() else { panic!() };
        let (request, terms, pending) = call.into_parts();
        assert_eq!(terms.timeout.as_secs(), 40, "30 s are for the provider");
        let response = scene.provider.handle(&request, scene.clock.now());
        scene.clock.advance(held);
        let pause = waiting(pending.receive(response, scene.clock.moment()).unwrap());
        assert_eq!(gap(&scene, &pause), wait, "held for {held} s");
    }
}

#[test]
fn a_busy_or_failing_provider_has_not_decided_and_sets_the_time_of_the_next_poll() {
    for (retry_after, wait) in [(30, 30), (3, 10), (100_000, RETRY_AFTER_CAP.as_secs().cast_signed())] {
        let mut scene = Scene::new(DeliveryMode::Poll);
        let pause = scene.begin().poll(&scene.client, None, scene.clock.now()).unwrap();
        scene.provider.alter_response(EndpointName::Token, hostile::retry_after(retry_after));
        let pause = waiting(scene.poll_once(pause).unwrap());
        assert_eq!(gap(&scene, &pause), wait, "Retry-After: {retry_after}");
    }
    for (status, error) in [(500, "server_error"), (502, "access_denied"), (504, "authorization_pending")] {
        let mut scene = Scene::new(DeliveryMode::Poll);
        let pause = scene.begin().poll(&scene.client, None, scene.clock.now()).unwrap();
        scene.provider.alter_response(EndpointName::Token, hostile::oauth_error(status, error));
        let pause = waiting(scene.poll_once(pause).unwrap());
        assert_eq!(gap(&scene, &pause), 10, "{status} {error}");
    }
}

#[test]
fn the_grant_ends_when_the_user_or_the_provider_refuses_or_the_time_is_up() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let authentication = scene.begin();
    scene.provider.decide(authentication.auth_req_id().expose(), false);
    let pause = authentication.poll(&scene.client, None, scene.clock.now()).unwrap();
    let Err(Error::OAuth(denied)) = scene.finish(pause) else { panic!() };
    assert_eq!(denied.response.error, "access_denied");
    for error in ["expired_token", "invalid_grant", "invalid_request", "something_else"] {
        let authentication = scene.begin();
        scene.provider.alter_response(EndpointName::Token, hostile::oauth_error(400, error));
        let pause = authentication.poll(&scene.client, None, scene.clock.now()).unwrap();
        let Err(Error::OAuth(refused)) = scene.finish(pause) else { panic!("{error}") };
        assert_eq!(refused.response.error, error);
        scene.provider.clear_alterations();
    }
    scene.provider.assert_clean();

    let mut scene = Scene::new(DeliveryMode::Poll);
    scene.provider.backchannel_times(5, 23);
    let pause = scene.begin().poll(&scene.client, None, scene.clock.now()).unwrap();
    assert_eq!(scene.finish(pause).unwrap_err(), Error::AuthenticationRequestExpired);
    assert_eq!(scene.provider.count(EndpointName::Token), 4, "at 5, 10 and 15 seconds, and in the last one");
    scene.provider.assert_clean();
}

/// An identifier is worth nothing once it has led to tokens, and nothing at another client.
#[test]
fn an_identifier_is_redeemed_once_and_by_its_own_client() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let authentication = scene.begin();
    scene.provider.decide(authentication.auth_req_id().expose(), true);
    let again = authentication.clone();
    let pause = authentication.poll(&scene.client, None, scene.clock.now()).unwrap();
    scene.finish(pause).unwrap();
    scene.provider.assert_clean();
    let attempt = Attempt::from(&scene.client);
    let call = attempt.poll_backchannel(again.clone(), None, scene.clock.moment()).unwrap();
    let Err(Error::OAuth(spent)) = scene.finish(call) else { panic!("it is spent") };
    assert_eq!(spent.response.error, "invalid_grant");

    let other = Party::new();
    let refused = again.poll(&other.client, None, NOW).unwrap_err();
    assert_eq!(refused, Error::Config(ConfigError::SavedState));
}

#[test]
fn the_identifier_shows_in_no_error_of_the_provider() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let authentication = scene.begin();
    let id: Secret = authentication.auth_req_id().clone();
    let body =
        serde_json::json!({"error": "invalid_grant", "error_description": format!("no {}", id.expose())});
    scene
        .provider
        .alter_response(EndpointName::Token, hostile::respond(400, "application/json", body.to_string()));
    let pause = authentication.poll(&scene.client, None, scene.clock.now()).unwrap();
    let error = scene.finish(pause).unwrap_err().to_string();
    assert!(error.contains("[secret]") && !error.contains(id.expose()), "{error}");
}

/// The flow wakes where nobody can sign a proof with a key that is elsewhere, so such a client asks by attempts.
#[test]
fn tokens_are_bound_to_a_dpop_key_and_a_key_elsewhere_asks_by_attempts() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let asked = scene.begin();
    scene.provider.decide(asked.auth_req_id().expose(), true);
    let metadata = scene.client.metadata().clone();
    let (key, _) = oidc_testkit::KeyRing::client_key(Algorithm::ES256);
    let builder = || Client::builder(metadata.clone(), "shop").secret("its secret");
    let here = builder().dpop_key(key.clone()).build().unwrap();
    let pause = asked.clone().poll(&here, None, NOW).unwrap();
    let Step::Send(call) = pause.wake(scene.clock.moment().not_before(NOW.plus(5))).unwrap() else {
        panic!()
    };
    let (request, _, pending) = call.into_parts();
    assert!(request.headers().contains_key("dpop"));
    // This provider knows no DPoP, so its tokens work without the key.
    let bearer = scene.provider.handle(&request, NOW.plus(5));
    let Err(Error::Response(broken)) = pending.receive(bearer, scene.clock.moment()) else {
        panic!("refused")
    };
    assert_eq!(broken.rule, ResponseRule::NotBound);

    let public = key.public_jwk().unwrap();
    let elsewhere = builder().dpop_public_key(public, Algorithm::ES256).build().unwrap();
    let refused = asked.clone().poll(&elsewhere, None, NOW).unwrap_err();
    assert_eq!(refused, Error::Config(ConfigError::NoProof));
    let to_sign =
        elsewhere.proof_to_sign(oidc_proto::flow::Endpoint::Token, None, scene.clock.moment()).unwrap();
    let signature = key.sign(to_sign.signing_input()).unwrap();
    let attempt = Attempt::from(&elsewhere).with_proof(to_sign.with_signature(&signature));
    let call = attempt.poll_backchannel(asked, None, scene.clock.moment()).unwrap();
    assert!(call.request().headers().contains_key("dpop"));
}
