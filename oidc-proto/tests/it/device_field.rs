//! What devices meet in the field: failures near the end of a code, and numbers in texts.

use crate::{
    device::{NOW, Scene, gap, waiting},
    support::{self, answer},
};
use oidc_proto::flow::{Client, Step};

/// After a failure a device asks half as often, but it still asks at the end: the user may have agreed meanwhile.
#[test]
fn a_failure_near_the_end_does_not_cost_the_last_poll() {
    for (lifetime, failures) in [(30, 1), (60, 2), (100, 3), (600, 6)] {
        for status in [0, 500, 503] {
            let mut scene = Scene::new();
            scene.provider.device_times(5, lifetime);
            let device = scene.begin(&["api:read"]).unwrap();
            let user_code = device.user_code().to_owned();
            let mut pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
            for _ in 0..failures {
                let (before, asked) = (gap(&scene, &pause), pause.until());
                scene.clock.advance(before);
                let Step::Send(call) = pause.wake(scene.clock.moment()).unwrap() else { panic!("it asks") };
                let (_, _, pending) = call.into_parts();
                pause = waiting(if status == 0 {
                    pending.fail(scene.clock.moment()).unwrap().expect("it goes on")
                } else {
                    let broken = http::Response::builder().status(status).body("").unwrap();
                    pending.receive(broken, scene.clock.moment()).unwrap()
                });
                assert!(pause.until() >= asked.plus(before.min(lifetime)), "no interval becomes shorter");
            }
            scene.provider.enter_user_code(&user_code, true);
            assert!(scene.finish(pause).is_ok(), "{lifetime} s, {failures} failures, {status}");
            assert!(scene.clock.now() < NOW.plus(lifetime));
        }
    }
}

#[test]
fn the_quirk_for_numbers_in_texts_counts_for_the_codes_of_a_device_too() {
    let scene = Scene::new();
    let mut quirks = oidc_proto::flow::Quirks::default();
    quirks.expires_in_as_string = true;
    let tolerant = Client::builder(scene.client.metadata().clone(), "tv").quirks(quirks).build().unwrap();
    let read = |client: &Client, expires_in: serde_json::Value, interval: serde_json::Value| {
        let call = client.device_authorization(["openid"], oidc_proto::Moment::new(NOW, [7; 32])).unwrap();
        let document = serde_json::json!({
            "device_code": "secret", "user_code": "WDJB-MJHT", "verification_uri": "https://op.example/device",
            "expires_in": expires_in, "interval": interval,
        });
        match answer(call, 200, "application/json", &document) {
            Ok(Step::Done(device)) => {
                let first = device.clone().poll(client, None, support::NOW).unwrap().until();
                Ok((device.expires_at().0 - support::NOW.0, first.0 - support::NOW.0))
            }
            Ok(_) => panic!("one request"),
            Err(error) => Err(error.to_string()),
        }
    };
    for (expires_in, interval, times) in [
        ("1800".into(), 7.into(), (1_800, 7)),
        (serde_json::Value::from(600), "10".into(), (600, 10)),
        ("900".into(), "3".into(), (900, 3)),
        ("60".into(), serde_json::Value::Null, (60, 5)),
    ] {
        let refused = read(&scene.client, expires_in.clone(), interval.clone()).unwrap_err();
        assert!(refused.contains("`Quirks::expires_in_as_string`"), "{refused}");
        assert_eq!(read(&tolerant, expires_in, interval), Ok(times));
    }
    for (expires_in, interval) in
        [("soon", "5"), ("", "5"), ("0", "5"), ("-1", "5"), ("1800", "five"), ("1e3", "5")]
    {
        assert!(read(&tolerant, expires_in.into(), interval.into()).is_err(), "{expires_in} {interval}");
    }
}
