//! The saved form of a backchannel authentication: it goes on elsewhere, and a changed one is refused.

use super::*;
use oidc_proto::{
    Moment,
    flow::{BACKCHANNEL_LIFETIME_CAP, ConfigError, DpopKey, SealingKeys},
};
use serde_json::{Value, json};

fn load(value: &Value) -> Result<BackchannelAuthentication, String> {
    serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())
}

#[test]
fn an_authentication_of_each_mode_is_saved_sealed_and_goes_on_elsewhere() {
    for mode in [DeliveryMode::Poll, DeliveryMode::Ping, DeliveryMode::Push] {
        let mut scene = Scene::new(mode);
        let request = scene.wanted().subject("alice").essential_acr(["gold"]);
        let asked = scene.ask(&request).unwrap();
        let text = serde_json::to_string(&asked).unwrap();
        assert!(!text.contains("its secret"), "the client's secret is not saved");
        assert_eq!(serde_json::from_str::<BackchannelAuthentication>(&text).unwrap(), asked);
        let keys = SealingKeys::new(1, &[0x5A; 32]);
        let sealed = keys.seal(&asked, "ciba", Moment::new(NOW, [9; 32])).unwrap();
        assert!(!sealed.contains(asked.auth_req_id().expose()));
        let opened: BackchannelAuthentication = keys.open(&sealed, "ciba").unwrap();
        assert_eq!(opened, asked);
        assert!(keys.open::<oidc_proto::flow::DeviceAuthorization>(&sealed, "ciba").is_err());
        assert_eq!((opened.delivery_mode(), opened.expires_at()), (mode, NOW.plus(600)));
    }
}

/// A text of version 1, which every later version of the library must read.
#[test]
fn a_state_of_version_1_is_still_read() {
    let golden = include_str!("../../../../tests/data/saved/backchannel-authentication-v1.json").trim_end();
    let saved: BackchannelAuthentication = serde_json::from_str(golden).unwrap();
    assert_eq!(saved.delivery_mode(), DeliveryMode::Ping);
    assert_eq!(serde_json::to_string(&saved).unwrap(), golden, "the same text is still written");
}

#[test]
fn every_member_of_a_saved_authentication_is_validated() {
    let mut scene = Scene::new(DeliveryMode::Ping);
    let request = scene.wanted().subject("alice").essential_acr(["gold"]);
    let good = serde_json::to_value(scene.ask(&request).unwrap()).unwrap();
    assert!(load(&good).is_ok());
    for (member, bad) in [
        ("version", json!(2)),
        ("issuer", json!("")),
        ("client_id", json!("a\nb")),
        ("auth_req_id", json!("")),
        ("auth_req_id", json!("x".repeat(2049))),
        ("mode", json!("pull")),
        ("mode", json!("poll")),
        ("client_notification_token", json!("short")),
        ("client_notification_token", Value::Null),
        ("sub", json!("")),
        ("sub", json!("x".repeat(256))),
        ("acr", json!([""])),
        ("acr", json!(vec!["a"; 65])),
        ("interval", json!(0)),
        ("interval", json!(86_401)),
        ("next", json!(NOW.0 + 601)),
        ("expires_at", json!(i64::MAX)),
        ("more", json!(1)),
    ] {
        let mut changed = good.clone();
        changed[member] = bad.clone();
        assert!(load(&changed).is_err(), "{member}: {bad}");
    }
    for member in ["version", "issuer", "client_id", "auth_req_id", "mode", "interval", "next", "expires_at"]
    {
        let mut changed = good.clone();
        changed.as_object_mut().unwrap().remove(member);
        assert!(load(&changed).is_err(), "without {member}");
    }
    let mut pinged = serde_json::to_value(Scene::new(DeliveryMode::Poll).begin()).unwrap();
    pinged["pinged"] = true.into();
    assert!(load(&pinged).is_err(), "nobody pings a client that polls");
}

/// A node whose clock was ahead, or somebody who has changed the state, gives nobody more time.
#[test]
fn a_resumed_authentication_waits_and_lives_no_longer_than_a_provider_may_allow() {
    let day = BACKCHANNEL_LIFETIME_CAP.as_secs().cast_signed();
    for (interval, longest) in [(5, 65), (30, 90), (600, 1_200), (day, day)] {
        for ahead in [61, 365 * 86_400, i64::MAX - NOW.0] {
            let next = (NOW.0 + ahead).saturating_add(2 * interval);
            for life in [0, 600, day] {
                let saved = json!({"version": 1, "issuer": ISSUER, "client_id": "shop", "auth_req_id": "a",
                    "mode": "poll", "pinged": false, "interval": interval, "next": next,
                    "expires_at": next.saturating_add(life)});
                let scene = Scene::new(DeliveryMode::Poll);
                let mut pause = load(&saved).unwrap().poll(&scene.client, None, NOW).unwrap();
                assert!(pause.until() <= NOW.plus(longest), "every {interval} s: {:?}", pause.until());
                let ends = pause.save().expires_at();
                assert!(ends <= NOW.plus(day) && ends >= pause.until());
                for now in [NOW, NOW.plus(-86_400), NOW.plus(5)] {
                    pause = pause.save().poll(&scene.client, None, now).unwrap();
                    assert!(pause.save().expires_at() <= ends && pause.until() <= ends);
                }
            }
        }
    }
}

#[test]
fn a_grant_can_be_saved_at_any_rest() {
    let mut scene = Scene::new(DeliveryMode::Poll);
    let asked = scene.begin();
    let id = asked.auth_req_id().clone();
    let mut pause = asked.poll(&scene.client, None, scene.clock.now()).unwrap();
    for _ in 0..3 {
        let until = pause.until();
        let saved = load(&serde_json::to_value(pause.save()).unwrap()).unwrap();
        pause = saved.poll(&scene.client, None, scene.clock.now()).unwrap();
        assert_eq!(pause.until(), until);
        pause = waiting(scene.poll_once(pause).unwrap());
    }
    scene.provider.decide(id.expose(), true);
    assert!(scene.finish(pause).is_ok());
    scene.provider.assert_clean();
}

/// What a client with a DPoP key began goes on with a key: a new one if the client authenticates.
#[test]
fn an_authentication_that_began_with_a_key_is_not_asked_for_without_one() {
    for (mode, seed) in [(DeliveryMode::Poll, 1), (DeliveryMode::Ping, 2), (DeliveryMode::Poll, 3)] {
        let mut scene = Scene::new(mode);
        let plain = scene.client.clone();
        let bound =
            |seed| plain.with_dpop_key(&DpopKey::ed25519(Moment::new(NOW, [seed; 32])).unwrap()).unwrap();
        scene.client = bound(seed);
        let asked = scene.begin();
        let saved = serde_json::to_value(&asked).unwrap();
        assert_eq!(saved["jkt"].as_str(), scene.client.dpop_thumbprint());
        let other = Error::from(ConfigError::OtherDpopKey);
        assert_eq!(load(&saved).unwrap().poll(&plain, None, NOW).unwrap_err(), other);
        let moment = Moment::new(NOW, [9; 32]);
        let attempt = oidc_proto::flow::Attempt::from(&plain);
        assert_eq!(attempt.poll_backchannel(load(&saved).unwrap(), None, moment).unwrap_err(), other);
        assert!(load(&saved).unwrap().poll(&bound(9), None, NOW).is_ok(), "a new key");
        // A state of before has no thumbprint, and a damaged one is refused.
        let mut old = saved.clone();
        old.as_object_mut().unwrap().remove("jkt");
        assert!(load(&old).unwrap().poll(&plain, None, NOW).is_ok());
        for odd in [json!(""), json!("abc"), json!(5), json!("A".repeat(44))] {
            let mut changed = saved.clone();
            changed["jkt"] = odd.clone();
            assert!(load(&changed).is_err(), "{odd}");
        }
    }
}
