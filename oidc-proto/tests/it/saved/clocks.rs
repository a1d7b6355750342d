//! Saved states and clocks: the node that resumes a state applies the limits of its own clock.

use super::*;
use oidc_proto::flow::{CallbackError, PendingAuthorizations};

/// Times that were saved by a node whose clock was ahead, or that someone made up.
const AHEAD: [i64; 4] = [NOW.0 + 61, NOW.0 + 365 * 86_400, i64::MAX - 1, i64::MAX];

#[test]
fn a_resumed_grant_waits_no_longer_than_a_provider_may_ask_for() {
    for until in AHEAD {
        let mut grant: Value = serde_json::from_str(GRANT).unwrap();
        grant["until"] = until.into();
        let saved = load_grant(&grant.to_string()).unwrap();
        let pause = client().resume_client_credentials(saved, NOW).unwrap();
        assert_eq!(NOW.until(pause.until()).as_secs(), 60, "saved for {until}");
        // However often it is saved and resumed.
        let pause = client().resume_client_credentials(pause.save(), NOW.plus(59)).unwrap();
        assert_eq!(pause.until(), NOW.plus(60));
        assert!(matches!(pause.wake(Moment::new(NOW.plus(60), [1; 32])), Ok(Step::Send(_))));
    }
    for until in [i64::MIN, 0, NOW.0 - 1, NOW.0, NOW.0 + 60] {
        let mut grant: Value = serde_json::from_str(GRANT).unwrap();
        grant["until"] = until.into();
        let saved = load_grant(&grant.to_string()).unwrap();
        let pause = client().resume_client_credentials(saved, NOW).unwrap();
        assert_eq!(pause.until(), Timestamp(until), "saving makes the request neither earlier nor later");
    }
}

#[test]
fn a_resumed_device_waits_and_lives_no_longer_than_a_provider_may_allow() {
    for (interval, longest) in [(5, 65), (30, 90), (600, 1_200), (3_600, 3_600)] {
        for next in AHEAD.map(|next| next.saturating_add(2 * interval)) {
            for life in [0, 600, 3_600] {
                let saved = json!({"version": 1, "issuer": ISSUER, "client_id": CLIENT, "device_code": "d",
                    "user_code": "u", "verification_uri": "https://op.example/v", "openid": false,
                    "interval": interval, "next": next, "expires_at": next.saturating_add(life)});
                let saved: DeviceAuthorization = serde_json::from_value(saved).unwrap();
                let mut pause = saved.poll(&client(), None, NOW).unwrap();
                let wait = NOW.until(pause.until()).as_secs();
                assert!(wait <= longest, "every {interval} s: it sleeps for {wait} s");
                let ends = pause.save().expires_at();
                assert!(ends <= NOW.plus(3_600) && ends >= pause.until());
                // However often it is saved and resumed, and whatever the clock shows.
                for now in [NOW, NOW.plus(-86_400), NOW.plus(5)] {
                    pause = pause.save().poll(&client(), None, now).unwrap();
                    assert!(pause.save().expires_at() <= ends && pause.until() <= ends);
                }
            }
        }
    }
}

/// A login that began on a clock far ahead would never expire, and would keep others out of the cookie.
#[test]
fn a_saved_login_from_the_future_is_refused() {
    for (created, good) in [
        (NOW.0, true),
        (NOW.0 + 300, true),
        (NOW.0 + 3_600, true),
        (NOW.0 + 3_601, false),
        (NOW.0 + 365 * 86_400, false),
        (i64::MAX, false),
        (NOW.0 - 3_600, true),
        (NOW.0 - 3_601, false),
        (i64::MIN, false),
    ] {
        let mut provider = provider(ISSUER);
        let (url, pending) = begin(&client(), &mut Seed::new(8));
        let landing = Browser::new().visit(&mut provider, &url, NOW);
        let mut saved: Value = serde_json::from_str(&save(&pending)).unwrap();
        saved["t"] = created.into();
        let pending = load(&saved.to_string()).unwrap();
        let mut open = PendingAuthorizations::new();
        open.add(pending.clone(), NOW);
        open.add(begin(&client(), &mut Seed::new(9)).1, NOW);
        assert_eq!(open.len(), 1 + usize::from(good), "begun at {created}");
        let response = AuthorizationResponse::from_url(landing.url()).unwrap();
        let result = pending.callback(&client(), None, response, Moment::new(NOW, [1; 32]));
        match result {
            Ok(_) => assert!(good, "begun at {created}"),
            Err(error) => {
                let created = Timestamp(created);
                let why = match created < NOW {
                    true => CallbackError::Expired { ago: created.until(NOW) },
                    false => CallbackError::BegunInFuture { ahead: NOW.until(created) },
                };
                assert_eq!((good, error.code()), (false, "callback_expired"), "begun at {created:?}");
                assert_eq!(error, why.into(), "it tells by how much");
            }
        }
    }
}
