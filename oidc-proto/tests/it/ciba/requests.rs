//! Authentication requests (CIBA section 7): what is sent, what is refused before, and what the provider refuses.

use super::*;
use oidc_proto::{
    Moment, UrlPolicy,
    flow::{ConfigError, Endpoint, Quirks, ResponseRule},
    jose::Sign,
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::KeyRing;
use std::{sync::Arc, time::Duration};

/// A client of a provider with these changes to its metadata.
fn client(change: impl FnOnce(&mut serde_json::Value)) -> Client {
    let mut provider = TestProvider::new(ISSUER);
    provider.register(Registration::basic("shop", "its secret"));
    let mut document = provider.metadata();
    change(&mut document);
    let metadata = ProviderMetadata::parse(
        document.to_string().as_bytes(),
        ISSUER,
        Profile::OpenIdProvider,
        &UrlPolicy::default(),
    );
    Client::builder(metadata.unwrap(), "shop").secret("its secret").build().unwrap()
}

fn refused(client: &Client, request: &BackchannelAuthenticationRequest) -> Error {
    client.backchannel_authentication(request, Moment::new(NOW, [7; 32])).unwrap_err()
}

fn hint() -> BackchannelAuthenticationRequest {
    BackchannelAuthenticationRequest::login_hint("alice")
}

#[test]
fn a_request_has_exactly_one_hint_and_only_what_was_asked_for() {
    for (request, name) in [
        (BackchannelAuthenticationRequest::login_hint("alice@example.com"), "login_hint"),
        (BackchannelAuthenticationRequest::login_hint_token("token-of-alice"), "login_hint_token"),
    ] {
        let mut scene = Scene::new(DeliveryMode::Poll);
        scene.ask(&request).unwrap();
        let seen = scene.provider.requests().last().unwrap().form();
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["scope", name]);
        scene.provider.assert_clean();
    }
    let mut scene = Scene::new(DeliveryMode::Ping);
    scene.provider.require_user_code("1234");
    let metadata = scene.provider.metadata();
    assert_eq!(metadata["backchannel_user_code_parameter_supported"], true);
    let client = client(|document| document["backchannel_user_code_parameter_supported"] = true.into());
    let request = hint()
        .delivery_mode(DeliveryMode::Ping)
        .scopes(["profile", "openid", "profile"])
        .essential_acr(["gold"])
        .acr_values(["gold", "silver"])
        .binding_message("Pay 7 € to Bob")
        .user_code("1234")
        .requested_expiry(Duration::from_millis(59_001))
        .resource("https://api.example")
        .resource("https://other.example")
        .parameter("request_context", "a context");
    let call = client.backchannel_authentication(&request, scene.clock.moment()).unwrap();
    assert_eq!(call.request().uri(), "https://op.example/bc-authorize");
    drive(call, &mut scene.provider, &mut scene.clock).unwrap();
    let mut seen = scene.provider.requests().last().unwrap().form();
    let at = seen.iter().position(|(name, _)| name == "client_notification_token").unwrap();
    assert_eq!(seen.remove(at).1.len(), 43, "256 bits");
    let expected = [
        ("scope", "openid profile"),
        ("login_hint", "alice"),
        ("binding_message", "Pay 7 € to Bob"),
        ("user_code", "1234"),
        ("acr_values", "gold silver"),
        ("requested_expiry", "60"),
        ("resource", "https://api.example"),
        ("resource", "https://other.example"),
        ("request_context", "a context"),
    ];
    assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    scene.provider.assert_clean();
}

#[test]
fn the_user_of_an_id_token_is_asked_for_and_nobody_else_gets_in() {
    let mut party = Party::new();
    party.provider.allow_backchannel("app", "poll");
    let user = party.login().unwrap();
    let ask = |party: &mut Party| {
        let request = BackchannelAuthenticationRequest::from(&user.id_token);
        let call = party.client.backchannel_authentication(&request, party.clock.moment()).unwrap();
        let asked = drive(call, &mut party.provider, &mut party.clock).unwrap();
        party.provider.decide(asked.auth_req_id().expose(), true);
        asked.poll(&party.client, None, party.clock.now()).unwrap()
    };
    let pause = ask(&mut party);
    let again = drive(pause, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(again.id_token.sub, "alice");
    // The provider asks alice, and mallory answers.
    let pause = ask(&mut party);
    party.provider.user(oidc_testkit::User::new("mallory"));
    party.provider.alter_id_token(hostile::set_claim("sub", "mallory"));
    let error = drive(pause, &mut party.provider, &mut party.clock).unwrap_err();
    assert_eq!(error.code(), "token_other_user");
    party.provider.assert_clean();
}

#[test]
fn what_the_metadata_do_not_offer_is_refused_before_anything_is_sent() {
    let modes = "backchannel_token_delivery_modes_supported";
    for (listed, mode) in [
        (serde_json::json!(["poll"]), DeliveryMode::Ping),
        (serde_json::json!(["poll", "ping"]), DeliveryMode::Push),
        (serde_json::json!(["push"]), DeliveryMode::Poll),
        (serde_json::Value::Null, DeliveryMode::Poll),
    ] {
        let client = client(|document| document[modes] = listed.clone());
        let error = refused(&client, &hint().delivery_mode(mode));
        assert_eq!(error, ConfigError::NoDeliveryMode(mode.name()).into(), "{listed}");
        assert!(error.to_string().contains(modes), "{error}");
    }
    let without_code = client(|_| {});
    assert_eq!(refused(&without_code, &hint().user_code("1234")), ConfigError::NoUserCode.into());
    let without_endpoint = client(|document| {
        document.as_object_mut().unwrap().remove("backchannel_authentication_endpoint");
    });
    assert_eq!(
        refused(&without_endpoint, &hint()),
        ConfigError::NoEndpoint("backchannel_authentication_endpoint").into()
    );
    let algorithms = "backchannel_authentication_request_signing_alg_values_supported";
    for listed in [serde_json::json!(["RS256", "PS256"]), serde_json::json!([]), serde_json::Value::Null] {
        let client = client(|document| document[algorithms] = listed.clone());
        let error = refused(&client, &hint().signed_by(KeyRing::client_key(Algorithm::ES256).0));
        let Error::Config(ConfigError::NoBackchannelRequestAlgorithm { usable, .. }) = error else {
            panic!("{listed}: {error}")
        };
        assert!(usable.contains(Algorithm::ES256));
        assert!(error.to_string().contains(algorithms) && error.to_string().contains("ES256"), "{error}");
    }
}

#[test]
fn impossible_parameters_are_refused_before_anything_is_sent() {
    let client = client(|document| document["backchannel_user_code_parameter_supported"] = true.into());
    for (request, name) in [
        (BackchannelAuthenticationRequest::login_hint(""), "login_hint"),
        (BackchannelAuthenticationRequest::login_hint_token("a\nb"), "login_hint_token"),
        (BackchannelAuthenticationRequest::id_token_hint(""), "id_token_hint"),
        (hint().scopes(["a b"]), "scope"),
        (hint().scopes([""]), "scope"),
        (hint().scopes(["a\"b"]), "scope"),
        (hint().acr_values(["a b"]), "acr_values"),
        (hint().essential_acr([""]), "acr_values"),
        (hint().binding_message(""), "binding_message"),
        (hint().binding_message("a\u{202e}b"), "binding_message"),
        (hint().user_code(""), "user_code"),
        (hint().requested_expiry(Duration::ZERO), "requested_expiry"),
        (hint().resource(""), "resource"),
        (hint().resource("orders"), "resource"),
        (hint().resource("https://api.example/#orders"), "resource"),
        (hint().resource("https://api.example/a b"), "resource"),
        (hint().subject(""), "sub"),
        (hint().subject("a\u{7}b"), "sub"),
    ] {
        assert_eq!(refused(&client, &request), ConfigError::Parameter(name).into(), "{name}");
    }
    for name in [
        "scope",
        "request",
        "client_notification_token",
        "login_hint",
        "client_id",
        "client_assertion",
        "authorization_details",
        // With these, the signed request could pass for a JWT of another kind.
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
    ] {
        let error = refused(&client, &hint().parameter(name, "x"));
        assert_eq!(error, ConfigError::Reserved(name).into());
    }
    let twice = hint().parameter("request_context", "a").parameter("request_context", "b");
    assert_eq!(refused(&client, &twice), ConfigError::Reserved("extra").into());
}

/// A scene whose provider wants signed requests, and the key that signs them.
fn signing(algorithm: Algorithm, mode: DeliveryMode) -> (Scene, Arc<dyn Sign>) {
    let (key, jwk) = KeyRing::client_key(algorithm);
    let mut scene = Scene::new(mode);
    scene.provider.require_signed_backchannel("shop", jwk);
    (scene, key)
}

#[test]
fn a_request_is_signed_with_any_algorithm_and_everything_is_in_the_signature() {
    let algorithms = [
        Algorithm::RS256,
        Algorithm::PS256,
        Algorithm::PS512,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];
    for (algorithm, mode) in algorithms.into_iter().flat_map(|algorithm| {
        [DeliveryMode::Poll, DeliveryMode::Ping, DeliveryMode::Push].map(|mode| (algorithm, mode))
    }) {
        let (mut scene, key) = signing(algorithm, mode);
        let request = scene
            .wanted()
            .scopes(["profile"])
            .binding_message("W4SCT")
            .resource("https://api.example")
            .resource("https://other.example")
            .requested_expiry(Duration::from_secs(60))
            .signed_by(key);
        let asked = scene.ask(&request).unwrap();
        assert_eq!(asked.expires_at(), NOW.plus(60), "the provider has read it");
        let seen = scene.provider.requests().last().unwrap().form();
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["request"], "{algorithm:?}");
        scene.provider.assert_clean();
    }
    let (mut scene, _) = signing(Algorithm::ES256, DeliveryMode::Poll);
    let Err(Error::OAuth(unsigned)) = scene.ask(&scene.wanted()) else { panic!("it must be signed") };
    assert_eq!(unsigned.response.error, "invalid_request");
    let (mut scene, _) = signing(Algorithm::ES256, DeliveryMode::Poll);
    let forged = scene.wanted().signed_by(KeyRing::client_key(Algorithm::PS256).0);
    assert!(scene.ask(&forged).is_err(), "another key");
}

#[test]
fn a_key_elsewhere_signs_the_request_of_each_mode() {
    for mode in [DeliveryMode::Poll, DeliveryMode::Ping, DeliveryMode::Push] {
        let (mut scene, key) = signing(Algorithm::ES256, mode);
        let wanted = scene.wanted();
        let to_sign = scene.client.backchannel_request_to_sign(
            &wanted,
            Algorithm::ES256,
            key.key_id(),
            scene.clock.moment(),
        );
        let to_sign = to_sign.unwrap();
        let signature = key.sign(to_sign.signing_input()).unwrap();
        let signed = to_sign.with_signature(&signature);
        assert_eq!(format!("{signed:?}"), "SignedAuthenticationRequest(..)");
        let call = scene.client.signed_backchannel_authentication(&wanted, signed, scene.clock.moment());
        let asked = drive(call.unwrap(), &mut scene.provider, &mut scene.clock).unwrap();
        scene.provider.assert_clean();
        if mode == DeliveryMode::Ping {
            scene.provider.decide(asked.auth_req_id().expose(), true);
            let notification = scene.notification();
            assert!(
                asked.receive(&notification, &scene.client, NOW).is_ok(),
                "the token is that of the request"
            );
        }
    }
    // A request that was signed for another mode is not sent.
    let (mut scene, key) = signing(Algorithm::ES256, DeliveryMode::Ping);
    let (ping, moment) = (scene.wanted(), scene.clock.moment());
    let to_sign = scene.client.backchannel_request_to_sign(&ping, Algorithm::ES256, None, moment).unwrap();
    let signature = key.sign(to_sign.signing_input()).unwrap();
    let poll = hint();
    let moment = scene.clock.moment();
    let error = scene
        .client
        .signed_backchannel_authentication(&poll, to_sign.with_signature(&signature), moment)
        .unwrap_err();
    assert_eq!(error, ConfigError::Parameter("client_notification_token").into());
    let elsewhere =
        scene.client.backchannel_request_to_sign(&ping, Algorithm::HS256, None, Moment::new(NOW, [7; 32]));
    assert_eq!(
        elsewhere.unwrap_err().code(),
        "config_no_algorithm",
        "a shared secret proves nothing to others"
    );
}

/// What a key elsewhere signed is sent for the request that was signed, and for no other.
#[test]
fn a_signed_request_belongs_to_its_request_client_provider_and_minute() {
    let (mut scene, key) = signing(Algorithm::ES256, DeliveryMode::Poll);
    let full = || hint().scopes(["a"]).binding_message("W4SCT").resource("https://api.example");
    let sign = |client: &Client, request: &BackchannelAuthenticationRequest, seed| {
        let moment = Moment::new(NOW, [seed; 32]);
        let to_sign = client.backchannel_request_to_sign(request, Algorithm::ES256, key.key_id(), moment);
        let to_sign = to_sign.unwrap();
        let signature = key.sign(to_sign.signing_input()).unwrap();
        to_sign.with_signature(&signature)
    };
    let send = |client: &Client, request: &BackchannelAuthenticationRequest, signed, now| {
        client.signed_backchannel_authentication(request, signed, Moment::new(now, [8; 32])).map(drop)
    };
    let wrong = Err(ConfigError::SignedRequest.into());
    for other in [
        BackchannelAuthenticationRequest::login_hint("bob").scopes(["a"]).binding_message("W4SCT"),
        BackchannelAuthenticationRequest::login_hint_token("alice"),
        full().scopes(["b"]),
        full().user_code("1234"),
        full().resource("https://other.example"),
        full().requested_expiry(Duration::from_secs(60)),
        full().parameter("request_context", "x"),
        hint(),
    ] {
        scene.provider.require_user_code("1234");
        let discovery = oidc_proto::flow::Discovery::start(ISSUER, &Default::default()).unwrap();
        let metadata = drive(discovery, &mut scene.provider, &mut scene.clock).unwrap();
        let client = Client::builder(metadata, "shop").secret("its secret").build().unwrap();
        assert_eq!(send(&client, &other, sign(&client, &full(), 1), NOW), wrong, "{other:?}");
        assert_eq!(send(&client, &full(), sign(&client, &other, 2), NOW), wrong, "{other:?}");
        assert_eq!(send(&client, &other, sign(&client, &other, 3), NOW), Ok(()), "{other:?}");
    }
    // Another client of the provider, and the same client of another provider.
    let metadata = scene.client.metadata();
    let namesake = Client::builder(metadata.clone(), "shop-2").secret("its secret").build().unwrap();
    let mut document = scene.provider.metadata();
    document["issuer"] = "https://other.example".into();
    let (profile, policy) = (Profile::OpenIdProvider, UrlPolicy::default());
    let text = document.to_string();
    let metadata = ProviderMetadata::parse(text.as_bytes(), "https://other.example", profile, &policy);
    let elsewhere = Client::builder(metadata.unwrap(), "shop").secret("its secret").build().unwrap();
    for other in [&namesake, &elsewhere] {
        assert_eq!(send(other, &full(), sign(&scene.client, &full(), 4), NOW), wrong);
        assert_eq!(send(&scene.client, &full(), sign(other, &full(), 5), NOW), wrong);
    }
    // It is valid for 60 seconds.
    for (after, sent) in [(0, Ok(())), (59, Ok(())), (60, wrong.clone()), (3_600, wrong)] {
        let signed = sign(&scene.client, &full(), 6);
        assert_eq!(send(&scene.client, &full(), signed, NOW.plus(after)), sent, "{after}");
    }
}

#[test]
fn a_refusal_of_the_request_says_what_to_do() {
    for (error, hint) in [
        ("unknown_user_id", "ask the user for another one"),
        ("expired_login_hint_token", "get a new `login_hint_token`"),
        ("missing_user_code", "`BackchannelAuthenticationRequest::user_code`"),
        ("invalid_user_code", "`BackchannelAuthenticationRequest::user_code`"),
        ("invalid_binding_message", "`BackchannelAuthenticationRequest::binding_message`"),
        ("unauthorized_client", "let this client use backchannel authentication"),
        ("access_denied", "let this client use backchannel authentication"),
        ("invalid_scope", "ask for scopes"),
    ] {
        let mut scene = Scene::new(DeliveryMode::Poll);
        let status = if error == "access_denied" { 403 } else { 400 };
        scene
            .provider
            .alter_response(EndpointName::BackchannelAuthentication, hostile::oauth_error(status, error));
        let refused = scene.ask(&scene.wanted()).unwrap_err();
        assert_eq!(refused.code(), error);
        assert!(refused.to_string().contains(hint), "{refused}");
    }
    // The provider of the tests refuses these itself.
    let mut scene = Scene::new(DeliveryMode::Poll);
    for (request, code) in [
        (BackchannelAuthenticationRequest::login_hint("nobody"), "unknown_user_id"),
        (BackchannelAuthenticationRequest::login_hint_token("eyJ.old"), "expired_login_hint_token"),
        (BackchannelAuthenticationRequest::id_token_hint("a.b.c"), "invalid_request"),
        (scene.wanted().binding_message("x".repeat(60)), "invalid_binding_message"),
    ] {
        assert_eq!(scene.ask(&request).unwrap_err().code(), code);
    }
    scene.provider.require_user_code("1234");
    assert_eq!(scene.ask(&scene.wanted()).unwrap_err().code(), "missing_user_code");
}

#[test]
fn required_members_are_demanded_and_optional_ones_are_not() {
    let begun = |body: serde_json::Value, quirks: Quirks| {
        let mut scene = Scene::new(DeliveryMode::Poll);
        let metadata = scene.client.metadata().clone();
        scene.client = Client::builder(metadata, "shop").secret("its secret").quirks(quirks).build().unwrap();
        let answer = hostile::respond(200, "application/json", body.to_string());
        scene.provider.alter_response(EndpointName::BackchannelAuthentication, answer);
        let asked = scene.ask(&scene.wanted());
        asked.map(|asked| {
            let pause = asked.clone().poll(&scene.client, None, NOW).unwrap();
            (asked.expires_at().0 - NOW.0, pause.until().0 - NOW.0)
        })
    };
    let rule = |body: serde_json::Value| match begun(body, Quirks::default()) {
        Err(Error::Response(broken)) => {
            assert_eq!(broken.endpoint, Endpoint::BackchannelAuthentication);
            broken.rule
        }
        other => panic!("{other:?}"),
    };
    use serde_json::json;
    assert_eq!(rule(json!({"auth_req_id": "a"})), ResponseRule::Missing("expires_in"));
    assert_eq!(rule(json!({"auth_req_id": "a", "expires_in": 0})), ResponseRule::Value("expires_in"));
    assert_eq!(rule(json!({"expires_in": 60})).code(), "response_missing_member");
    assert_eq!(rule(json!({"auth_req_id": "", "expires_in": 60})), ResponseRule::Missing("auth_req_id"));
    assert_eq!(rule(json!({"auth_req_id": "a\nb", "expires_in": 60})), ResponseRule::Value("auth_req_id"));
    assert_eq!(
        rule(json!({"auth_req_id": "x".repeat(2049), "expires_in": 60})),
        ResponseRule::Value("auth_req_id")
    );
    assert!(matches!(rule(json!({"auth_req_id": "a", "expires_in": "60"})), ResponseRule::Json(_)));

    let strict = Quirks::default();
    assert_eq!(begun(json!({"auth_req_id": "a", "expires_in": 60}), strict).unwrap(), (60, 5));
    let whole = json!({"auth_req_id": "a", "expires_in": 60, "interval": 2, "more": [1]});
    assert_eq!(begun(whole, strict).unwrap(), (60, 2));
    let zero = json!({"auth_req_id": "a", "expires_in": 60, "interval": 0});
    assert_eq!(begun(zero, strict).unwrap(), (60, 1));
    let long = json!({"auth_req_id": "a", "expires_in": 1_000_000_000, "interval": 1_000_000_000});
    assert_eq!(begun(long, strict).unwrap(), (86_400, 86_399), "a day is the most");
    let mut texts = Quirks::default();
    texts.expires_in_as_string = true;
    let text = json!({"auth_req_id": "a", "expires_in": "60", "interval": "3"});
    assert_eq!(begun(text, texts).unwrap(), (60, 3));
    let mut odd = Quirks::default();
    odd.odd_expires_in = true;
    assert_eq!(begun(json!({"auth_req_id": "a", "expires_in": -1}), odd).unwrap(), (86_400, 5));
}

/// Each request disturbs the user, so it is sent once, whatever happens to it.
#[test]
fn an_authentication_request_is_sent_once() {
    let scene = Scene::new(DeliveryMode::Poll);
    let call =
        || scene.client.backchannel_authentication(&scene.wanted(), Moment::new(NOW, [7; 32])).unwrap();
    let (_, _, pending) = call().into_parts();
    assert!(pending.fail(Moment::new(NOW, [8; 32])).unwrap().is_none());
    for status in [429, 500, 503] {
        let (_, _, pending) = call().into_parts();
        let busy = http::Response::builder().status(status).body("").unwrap();
        assert_eq!(pending.receive(busy, Moment::new(NOW, [8; 32])).unwrap_err().code(), "unavailable");
    }
}
