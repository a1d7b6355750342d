//! The device authorization grant (RFC 8628): the device shows a code, and the user enters it on another device.

use crate::support::{self, answer};
use oidc_proto::{
    Error, Secret, Timestamp,
    flow::{
        self, Client, ConfigError, DEVICE_LIFETIME_CAP, DeviceAuthorization, DeviceGrant, DeviceTokens,
        Pause, RETRY_AFTER_CAP, ResponseRule, Step,
    },
    jose::Algorithm,
};
use oidc_testkit::{
    ClientAuthentication, Clock, DEVICE_GRANT, EndpointName, KeyRing, Registration, Seed, TestProvider,
    drive, hostile,
};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
const ISSUER: &str = "https://op.example";

pub(crate) struct Scene {
    pub(crate) provider: TestProvider,
    pub(crate) client: Client,
    pub(crate) clock: Clock,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(ClientAuthentication::ClientSecretBasic("its secret".into()))
    }

    fn with(authentication: ClientAuthentication) -> Self {
        let mut provider = TestProvider::new(ISSUER);
        let method = match &authentication {
            ClientAuthentication::None => None,
            ClientAuthentication::ClientSecretBasic(_) => Some(flow::ClientAuthentication::ClientSecretBasic),
            ClientAuthentication::ClientSecretPost(_) => Some(flow::ClientAuthentication::ClientSecretPost),
            ClientAuthentication::ClientSecretJwt(_) => Some(flow::ClientAuthentication::ClientSecretJwt),
            ClientAuthentication::PrivateKeyJwt(_) | ClientAuthentication::Federated(_) => {
                Some(flow::ClientAuthentication::PrivateKeyJwt)
            }
            ClientAuthentication::TlsClientAuth(_) => Some(flow::ClientAuthentication::TlsClientAuth),
            ClientAuthentication::SelfSignedTlsClientAuth(_) => {
                Some(flow::ClientAuthentication::SelfSignedTlsClientAuth)
            }
            ClientAuthentication::Attested(_) => panic!("an attested client has stories of its own"),
        };
        let secret = match &authentication {
            ClientAuthentication::ClientSecretBasic(secret)
            | ClientAuthentication::ClientSecretPost(secret)
            | ClientAuthentication::ClientSecretJwt(secret) => Some(secret.clone()),
            ClientAuthentication::None
            | ClientAuthentication::PrivateKeyJwt(_)
            | ClientAuthentication::Federated(_)
            | ClientAuthentication::TlsClientAuth(_)
            | ClientAuthentication::SelfSignedTlsClientAuth(_)
            | ClientAuthentication::Attested(_) => None,
        };
        provider.register(
            Registration::new("tv", authentication)
                .grant_types([DEVICE_GRANT, "refresh_token"])
                .id_token_alg(Algorithm::ES256),
        );
        let mut clock = Clock::new(NOW, Seed::new(3));
        let discovery = oidc_proto::flow::Discovery::start(ISSUER, &Default::default()).unwrap();
        let metadata = drive(discovery, &mut provider, &mut clock).unwrap();
        let mut builder = Client::builder(metadata, "tv").id_token_signed_response_alg(Algorithm::ES256);
        if let Some(method) = method {
            builder = builder.authentication(method);
        }
        match secret {
            Some(secret) => builder = builder.secret(secret),
            None if method.is_some() => builder = builder.signer(KeyRing::client_key(Algorithm::PS256).0),
            None => {}
        }
        Self { provider, client: builder.build().unwrap(), clock }
    }

    pub(crate) fn begin(&mut self, scopes: &[&str]) -> Result<DeviceAuthorization, Error> {
        let call = self
            .client
            .device_authorization(scopes.iter().copied(), oidc_proto::Moment::new(NOW, [7; 32]))?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    /// Waits once and sends one request.
    fn poll_once(&mut self, pause: Pause<DeviceGrant>) -> Result<Step<DeviceGrant>, Error> {
        self.clock.advance(pause.until().0 - self.clock.now().0);
        let Step::Send(call) = pause.wake(self.clock.moment())? else { panic!("it is time to ask") };
        let (request, _, pending) = call.into_parts();
        let response = self.provider.handle(&request, self.clock.now());
        pending.receive(response, self.clock.moment())
    }

    pub(crate) fn finish(&mut self, pause: Pause<DeviceGrant>) -> Result<DeviceTokens, Error> {
        drive(pause, &mut self.provider, &mut self.clock)
    }
}

pub(crate) fn waiting(step: Step<DeviceGrant>) -> Pause<DeviceGrant> {
    let Step::Wait(pause) = step else { panic!("it waits: {step:?}") };
    pause
}

/// The seconds until the next request.
pub(crate) fn gap(scene: &Scene, pause: &Pause<DeviceGrant>) -> i64 {
    pause.until().0 - scene.clock.now().0
}

#[test]
fn a_user_logs_in_on_a_device_without_a_browser() {
    for authentication in [
        ClientAuthentication::None,
        ClientAuthentication::ClientSecretBasic("its secret".into()),
        ClientAuthentication::ClientSecretPost("its secret".into()),
        ClientAuthentication::ClientSecretJwt("its secret of 32 bytes, or longer".into()),
        ClientAuthentication::PrivateKeyJwt(KeyRing::client_key(Algorithm::PS256).1),
    ] {
        let mut scene = Scene::with(authentication);
        let device = scene.begin(&["openid", "profile", "offline_access"]).unwrap();
        assert_eq!(device.verification_uri(), "https://op.example/device");
        let complete = device.verification_uri_complete().unwrap();
        assert!(complete.ends_with(device.user_code()), "{complete}");
        assert_eq!(device.expires_at(), NOW.plus(600));

        let user_code = device.user_code().to_owned();
        let mut pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
        for _ in 0..3 {
            assert_eq!(gap(&scene, &pause), 5, "no poll comes earlier than allowed");
            pause = waiting(scene.poll_once(pause).unwrap());
        }
        scene.provider.enter_user_code(&user_code, true);
        let login = scene.finish(pause).unwrap();
        assert_eq!(login.id_token.unwrap().sub, "alice");
        assert!(login.tokens.refresh_token.is_some() && login.learned.keys.is_some());
        scene.provider.assert_clean();
    }
}

#[test]
fn a_device_without_openid_gets_an_access_token_without_a_login() {
    let mut scene = Scene::new();
    let device = scene.begin(&["api:read"]).unwrap();
    scene.provider.enter_user_code(device.user_code(), true);
    let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    let tokens = scene.finish(pause).unwrap();
    assert!(tokens.id_token.is_none());
    assert_eq!(tokens.tokens.scope.as_deref(), Some("api:read"));
    scene.provider.assert_clean();
}

#[test]
fn a_login_without_its_id_token_is_refused() {
    let mut scene = Scene::new();
    let device = scene.begin(&["openid"]).unwrap();
    scene.provider.enter_user_code(device.user_code(), true);
    scene.provider.alter_response(EndpointName::Token, hostile::remove_member("id_token"));
    let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    let error = scene.finish(pause).unwrap_err();
    assert!(
        matches!(&error, Error::Response(broken) if broken.rule == ResponseRule::Missing("id_token")),
        "{error}"
    );
}

#[test]
fn a_forged_id_token_ends_the_login() {
    let mut scene = Scene::new();
    let device = scene.begin(&["openid"]).unwrap();
    scene.provider.enter_user_code(device.user_code(), true);
    scene.provider.break_signatures(true);
    let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    assert_eq!(scene.finish(pause).unwrap_err().code(), "jws_signature");
}

#[test]
fn d14_slow_down_adds_five_seconds_to_every_later_interval() {
    let mut scene = Scene::new();
    let device = scene.begin(&["openid"]).unwrap();
    let mut pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    for wait in [10, 15] {
        let slow_down = hostile::oauth_error(400, "slow_down");
        scene.provider.alter_response(EndpointName::Token, slow_down);
        pause = waiting(scene.poll_once(pause).unwrap());
        assert_eq!(gap(&scene, &pause), wait);
        scene.provider.clear_alterations();
    }
    for _ in 0..3 {
        pause = waiting(scene.poll_once(pause).unwrap());
        assert_eq!(gap(&scene, &pause), 15, "authorization_pending does not shorten the interval again");
    }
    scene.provider.assert_clean();
}

/// Other libraries give up here, or keep polling at full speed.
#[test]
fn d13_polls_become_rarer_while_the_network_fails_and_the_login_is_not_lost() {
    let mut scene = Scene::new();
    let device = scene.begin(&["openid"]).unwrap();
    let user_code = device.user_code().to_owned();
    let mut pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    for wait in [10, 20, 40] {
        scene.clock.advance(gap(&scene, &pause));
        let Step::Send(call) = pause.wake(scene.clock.moment()).unwrap() else { panic!() };
        let (_, _, pending) = call.into_parts();
        pause = waiting(pending.fail(scene.clock.moment()).unwrap().expect("it goes on"));
        assert_eq!(gap(&scene, &pause), wait);
    }
    scene.provider.enter_user_code(&user_code, true);
    assert!(scene.finish(pause).unwrap().id_token.is_some());
    scene.provider.assert_clean();
}

#[test]
fn a_busy_provider_sets_the_time_of_the_next_poll_within_bounds() {
    for (retry_after, wait) in [(30, 30), (3, 10), (100_000, RETRY_AFTER_CAP.as_secs().cast_signed())] {
        let mut scene = Scene::new();
        let device = scene.begin(&["openid"]).unwrap();
        let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
        scene.provider.alter_response(EndpointName::Token, hostile::retry_after(retry_after));
        let pause = waiting(scene.poll_once(pause).unwrap());
        assert_eq!(gap(&scene, &pause), wait, "Retry-After: {retry_after}");
    }
}

#[test]
fn a_failing_server_has_not_decided_whatever_it_writes() {
    let mut scene = Scene::new();
    let device = scene.begin(&["openid"]).unwrap();
    let user_code = device.user_code().to_owned();
    let mut pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    let bodies = [(500, "server_error"), (502, "access_denied"), (504, "authorization_pending")];
    for ((status, error), wait) in bodies.into_iter().zip([10, 20, 40]) {
        scene.provider.alter_response(EndpointName::Token, hostile::oauth_error(status, error));
        pause = waiting(scene.poll_once(pause).unwrap());
        assert_eq!(gap(&scene, &pause), wait, "{status} {error}");
        scene.provider.clear_alterations();
    }
    scene.provider.enter_user_code(&user_code, true);
    assert!(scene.finish(pause).unwrap().id_token.is_some());

    let pause = scene.begin(&["openid"]).unwrap().poll(&scene.client, None, scene.clock.now()).unwrap();
    scene.provider.alter_response(EndpointName::Token, hostile::oauth_error(500, "server_error"));
    let Err(Error::OAuth(last)) = scene.finish(pause) else { panic!("what was said last is told") };
    assert_eq!((last.status, last.response.error.as_str()), (500, "server_error"));
}

#[test]
fn the_grant_ends_when_the_user_or_the_provider_refuses() {
    let mut scene = Scene::new();
    let device = scene.begin(&["openid"]).unwrap();
    scene.provider.enter_user_code(device.user_code(), false);
    let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    let Err(Error::OAuth(denied)) = scene.finish(pause) else { panic!() };
    assert_eq!(denied.response.error, "access_denied");
    for error in ["expired_token", "invalid_grant", "invalid_client", "something_else"] {
        let device = scene.begin(&["openid"]).unwrap();
        scene.provider.alter_response(EndpointName::Token, hostile::oauth_error(400, error));
        let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
        let Err(Error::OAuth(refused)) = scene.finish(pause) else { panic!("{error}") };
        assert_eq!(refused.response.error, error);
        scene.provider.clear_alterations();
    }
}

#[test]
fn no_poll_is_sent_after_the_code_has_expired() {
    let mut scene = Scene::new();
    scene.provider.device_times(5, 23);
    let device = scene.begin(&["openid"]).unwrap();
    let pause = device.clone().poll(&scene.client, None, scene.clock.now()).unwrap();
    assert_eq!(scene.finish(pause).unwrap_err(), Error::DeviceCodeExpired);
    assert_eq!(scene.provider.count(EndpointName::Token), 4, "at 5, 10 and 15 seconds, and in the last one");
    assert!(scene.clock.now() <= NOW.plus(23));
    scene.provider.assert_clean();

    // A device that slept too long does not poll either.
    let late = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    scene.clock.advance(3_600);
    assert!(matches!(late.wake(scene.clock.moment()), Err(Error::DeviceCodeExpired)));
    assert_eq!(scene.provider.count(EndpointName::Token), 4);
}

/// The user may decide until the last second. The last poll must not come a whole interval earlier.
#[test]
fn a_decision_in_the_last_interval_counts() {
    for (interval, lifetime) in
        [(5, 23), (5, 25), (5, 26), (5, 600), (1, 10), (7, 8), (10, 10), (30, 20), (600, 600), (5, 2)]
    {
        for slow_down in [false, true] {
            let mut scene = Scene::new();
            scene.provider.device_times(interval, lifetime);
            let device = scene.begin(&["api:read"]).unwrap();
            let user_code = device.user_code().to_owned();
            let at = format!("every {interval} s for {lifetime} s, slow_down: {slow_down}");
            let mut pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
            let (mut asked, mut least) = (None, interval);
            // No poll comes too early, and the last one comes in the last second.
            while pause.until() < NOW.plus(lifetime - 1) {
                let soonest = asked.map_or(NOW.plus(least.min(lifetime - 1)), |at: Timestamp| at.plus(least));
                assert!(pause.until() >= soonest, "{at}");
                if slow_down && asked.is_none() && lifetime > 20 {
                    scene
                        .provider
                        .alter_response(EndpointName::Token, hostile::oauth_error(400, "slow_down"));
                    least += 5;
                }
                asked = Some(pause.until());
                let step = scene.poll_once(pause);
                scene.provider.clear_alterations();
                match step {
                    Ok(step) => pause = waiting(step),
                    // The interval has become too long for another poll.
                    Err(error) => {
                        assert!(slow_down && error == Error::DeviceCodeExpired, "{at}: {error}");
                        assert!(scene.clock.now().plus(least) > NOW.plus(lifetime - 1), "{at}");
                        return;
                    }
                }
            }
            assert_eq!(pause.until(), NOW.plus(lifetime - 1), "{at}");
            assert!(asked.is_none_or(|at| pause.until() >= at.plus(least)), "{at}");
            scene.provider.enter_user_code(&user_code, true);
            assert!(scene.finish(pause).is_ok(), "{at}");
            scene.provider.assert_clean();
        }
    }
}

#[test]
fn a_grant_can_be_saved_at_any_rest_and_go_on_elsewhere() {
    let mut scene = Scene::new();
    let device = scene.begin(&["openid"]).unwrap();
    let user_code = device.user_code().to_owned();
    let slow_down = hostile::oauth_error(400, "slow_down");
    scene.provider.alter_response(EndpointName::Token, slow_down);
    let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    let pause = waiting(scene.poll_once(pause).unwrap());
    scene.provider.clear_alterations();

    let text = serde_json::to_string(&pause.save()).unwrap();
    let saved: DeviceAuthorization = serde_json::from_str(&text).unwrap();
    assert_eq!((saved.user_code(), saved.expires_at()), (&*user_code, NOW.plus(600)));
    let resumed = saved.clone().poll(&scene.client, None, scene.clock.now()).unwrap();
    assert_eq!(resumed.until(), pause.until(), "saving makes no poll earlier");
    let resumed = waiting(scene.poll_once(resumed).unwrap());
    assert_eq!(gap(&scene, &resumed), 10, "the interval of the provider is kept");
    scene.provider.enter_user_code(&user_code, true);
    assert!(scene.finish(resumed).is_ok());
    scene.provider.assert_clean();

    let stranger = Client::builder(scene.client.metadata().clone(), "another").build().unwrap();
    let refused = saved.poll(&stranger, None, NOW).map(drop).unwrap_err();
    assert_eq!(refused, ConfigError::SavedState.into());
}

#[test]
fn a_changed_saved_grant_is_refused_as_a_whole() {
    let mut scene = Scene::new();
    let good = serde_json::to_value(scene.begin(&["openid"]).unwrap()).unwrap();
    let load = |value: &serde_json::Value| serde_json::from_value::<DeviceAuthorization>(value.clone());
    assert!(load(&good).is_ok());
    for (member, bad) in [
        ("version", 2.into()),
        ("interval", 0.into()),
        ("interval", (DEVICE_LIFETIME_CAP.as_secs() + 1).into()),
        ("expires_at", i64::MAX.into()),
        ("expires_at", 0.into()),
        ("user_code", "".into()),
        ("user_code", "a\nb".into()),
        ("device_code", "".into()),
        ("verification_uri", "javascript:alert(1)".into()),
        ("verification_uri_complete", "data:text/html,x".into()),
        ("more", 1.into()),
    ] {
        let mut changed = good.clone();
        changed[member] = bad;
        assert!(load(&changed).is_err(), "{member}");
    }
}

#[test]
fn required_members_are_demanded_and_optional_ones_are_not() {
    let document = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut document = serde_json::json!({
            "device_code": "secret", "user_code": "WDJB-MJHT", "verification_uri": "https://op.example/device",
            "expires_in": 1800,
        });
        change(&mut document);
        document
    };
    let scene = Scene::new();
    let read = |document: &serde_json::Value| {
        let call =
            scene.client.device_authorization(["openid"], oidc_proto::Moment::new(NOW, [7; 32])).unwrap();
        match answer(call, 200, "application/json", document) {
            Ok(Step::Done(device)) => Ok(device),
            Ok(_) => panic!("one request"),
            Err(Error::Response(broken)) => Err(broken.rule),
            Err(error) => panic!("{error}"),
        }
    };
    let device = read(&document(&|_| {})).unwrap();
    assert_eq!(
        device.poll(&scene.client, None, support::NOW).unwrap().until(),
        support::NOW.plus(5),
        "five seconds by default"
    );
    // The name of the drafts, which Google still sends.
    for (old, new, shown) in [
        ("https://www.google.com/device", None, "https://www.google.com/device"),
        ("https://op.example/old", Some("https://op.example/new"), "https://op.example/new"),
        ("javascript:alert(1)", Some("https://op.example/new"), "https://op.example/new"),
    ] {
        let named = document(&|document| {
            document["verification_uri"] = new.into();
            document["verification_url"] = old.into();
        });
        assert_eq!(read(&named).unwrap().verification_uri(), shown);
    }
    let hostile = document(&|document| {
        document["verification_url"] = "javascript:alert(1)".into();
        document["verification_uri"] = serde_json::Value::Null;
    });
    assert_eq!(read(&hostile).unwrap_err(), ResponseRule::Value("verification_uri"));
    for missing in ["user_code", "verification_uri", "expires_in"] {
        let without = document(&|document| _ = document.as_object_mut().unwrap().remove(missing));
        assert_eq!(read(&without).unwrap_err(), ResponseRule::Missing(missing));
    }
    for empty in ["device_code", "user_code", "verification_uri"] {
        let without = document(&|document| document[empty] = "".into());
        assert_eq!(read(&without).unwrap_err(), ResponseRule::Missing(empty));
    }
    for (member, bad) in [
        ("verification_uri", "javascript:alert(1)".into()),
        ("verification_uri", "/device".into()),
        ("verification_uri", "https://op.example/\u{7}".into()),
        ("user_code", "AB\u{1b}[2J".into()),
        ("expires_in", 0.into()),
        ("expires_in", (-5).into()),
    ] {
        let bad =
            document(&|document: &mut serde_json::Value| document[member] = serde_json::Value::clone(&bad));
        assert_eq!(read(&bad).unwrap_err(), ResponseRule::Value(member));
    }
    let odd = document(&|document| document["verification_uri_complete"] = "data:text/html,x".into());
    assert!(
        read(&odd).unwrap().verification_uri_complete().is_none(),
        "the member is a convenience, and its absence no error"
    );
    for (interval, wait) in [(0, 1), (-7, 1), (7, 7), (1_000_000, 1_799)] {
        let device = read(&document(&|document| document["interval"] = interval.into())).unwrap();
        let first = device.poll(&scene.client, None, support::NOW).unwrap().until();
        assert_eq!(first, support::NOW.plus(wait), "{interval}");
    }
    let long = read(&document(&|document| document["expires_in"] = 10_000_000.into())).unwrap();
    assert_eq!(long.expires_at(), support::NOW.after(DEVICE_LIFETIME_CAP));
}

#[test]
fn impossible_settings_fail_before_anything_is_sent() {
    let scene = Scene::new();
    for bad in ["", "two words", "a\"b", "a\\b", "é"] {
        let error = scene
            .client
            .device_authorization([bad], oidc_proto::Moment::new(NOW, [7; 32]))
            .map(drop)
            .unwrap_err();
        assert_eq!(error, ConfigError::Parameter("scope").into(), "{bad:?}");
    }
    let mut metadata = scene.client.metadata().clone();
    metadata.device_authorization_endpoint = None;
    let client = Client::builder(metadata, "tv").build().unwrap();
    let error =
        client.device_authorization(["openid"], oidc_proto::Moment::new(NOW, [7; 32])).map(drop).unwrap_err();
    assert_eq!(error, ConfigError::NoEndpoint("device_authorization_endpoint").into());
}

#[test]
fn neither_code_shows_in_debug_or_errors() {
    let mut scene = Scene::new();
    let device = scene.begin(&["openid"]).unwrap();
    let text = serde_json::to_value(&device).unwrap();
    let code = text["device_code"].as_str().unwrap().to_owned();
    let shown = format!("{device:?}");
    assert!(!shown.contains(&code) && !shown.contains(device.user_code()), "{shown}");
    // The code does not show even if the provider repeats it.
    scene.provider.alter_response(
        EndpointName::Token,
        hostile::respond(
            400,
            "application/json",
            serde_json::json!({"error": "invalid_grant", "error_description": format!("no {code}")})
                .to_string(),
        ),
    );
    let pause = device.poll(&scene.client, None, scene.clock.now()).unwrap();
    let error = scene.finish(pause).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&code), "{error}");
    assert!(!Secret::new(&code).expose().is_empty());
}
