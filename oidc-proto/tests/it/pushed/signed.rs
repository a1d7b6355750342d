//! Users who log in with signed requests: by value, by reference and pushed.

use super::*;
use oidc_proto::{
    Error,
    flow::{ConfigError, RequestObject},
    jose::SignError,
    message::{AccessRequest, AuthorizationRequest},
};
use serde_json::json;
use std::time::Duration;

/// Every algorithm, of a client that has the key or the secret for it.
fn places() -> impl Iterator<Item = (Algorithm, Place)> {
    Algorithm::RING.iter().copied().map(|algorithm| {
        let place = if algorithm.is_symmetric() {
            Place::with(
                How::Basic.registration(),
                |_| {},
                |client| How::Basic.shape(client).request_object_signing_alg(algorithm),
            )
        } else {
            let (key, jwk) = KeyRing::client_key(algorithm);
            let registration = How::Basic.registration().request_object_key(jwk);
            Place::with(registration, |_| {}, |client| How::Basic.shape(client).request_object_signer(key))
        };
        (algorithm, place)
    })
}

fn signed(place: &mut Place) -> RequestObject<PendingAuthorization> {
    let request = AuthorizationRequest::new(["profile", "email"])
        .login_hint("alice@example.com")
        .max_age(Duration::from_secs(600));
    place.client.prepare_authorization(&request, place.clock.moment()).unwrap().sign().unwrap()
}

#[test]
fn a_user_logs_in_with_a_request_object_by_value_in_every_algorithm() {
    for (algorithm, mut place) in places() {
        let (url, pending) = signed(&mut place).by_value().unwrap();
        let outside = query(&url);
        assert_eq!(names(&outside), ["client_id", "request", "response_type", "scope"]);
        assert_eq!((outside["scope"].as_str(), outside["response_type"].as_str()), ("openid", "code"));
        let (header, claims) = read(&outside["request"]);
        assert_eq!(
            (&header["typ"], &header["alg"]),
            (&json!("oauth-authz-req+jwt"), &json!(algorithm.name()))
        );
        for (name, value) in [
            ("iss", json!("app")),
            ("client_id", json!("app")),
            ("aud", json!(ISSUER)),
            ("iat", json!(NOW.0)),
            ("nbf", json!(NOW.0)),
            ("exp", json!(NOW.0 + 300)),
            ("response_type", json!("code")),
            ("redirect_uri", json!(CALLBACK)),
            ("scope", json!("openid profile email")),
            ("state", json!(pending.state())),
            ("max_age", json!(600)),
            ("login_hint", json!("alice@example.com")),
        ] {
            assert_eq!(claims[name], value, "{name}");
        }
        assert!(claims["jti"].as_str().unwrap().len() >= 22 && claims.get("sub").is_none());
        assert!(claims["nonce"].is_string() && claims["code_challenge"].is_string());
        assert_eq!(place.log_in(&url, pending).id_token.sub, "alice");
        place.provider.assert_clean();
    }
}

#[test]
fn a_user_logs_in_with_a_request_object_that_the_application_hosts() {
    for (algorithm, mut place) in places() {
        let hosted = signed(&mut place).by_reference("https://app.example/requests/1").unwrap();
        assert_eq!(hosted.media_type(), "application/oauth-authz-req+jwt");
        assert_eq!(names(&query(&hosted.url)), ["client_id", "request_uri", "response_type", "scope"]);
        assert_eq!(query(&hosted.url)["request_uri"], "https://app.example/requests/1");
        place.provider.host_request_object("https://app.example/requests/1", hosted.request_object.expose());
        assert_eq!(place.log_in(&hosted.url, hosted.pending).id_token.sub, "alice", "{algorithm:?}");
        place.provider.assert_clean();
    }
}

#[test]
fn a_user_logs_in_with_a_request_object_that_was_pushed() {
    for (algorithm, mut place) in places() {
        let signed = signed(&mut place);
        let call = signed.push(place.clock.moment()).unwrap();
        let pushed = place.run(call).unwrap();
        assert_eq!(names(&place.form()), ["client_id", "request"], "all others are inside: {algorithm:?}");
        assert_eq!(names(&query(&pushed.url)), ["client_id", "request_uri"]);
        assert_eq!(place.log_in_pushed(pushed).id_token.sub, "alice");
        place.provider.assert_clean();
    }
    // The client's assertions and its request objects may have one key.
    for how in [How::SecretJwt, How::KeyJwt] {
        let mut place = Place::new(how, |provider| provider.require_pushed_requests(true));
        let signed = signed(&mut place);
        let call = signed.push(place.clock.moment()).unwrap();
        let pushed = place.run(call).unwrap();
        let form = place.form();
        assert_eq!(names(&form), ["client_assertion", "client_assertion_type", "client_id", "request"]);
        assert_ne!(read(&form["request"]).1["jti"], read(&form["client_assertion"]).1["jti"]);
        assert_eq!(place.log_in_pushed(pushed).id_token.sub, "alice");
        place.provider.assert_clean();
    }
}

#[test]
fn a_provider_or_a_registration_that_demands_signatures_gets_nothing_unsigned() {
    let demanding = Place::new(How::KeyJwt, |provider| provider.require_signed_requests(true));
    let registered = Place::with(
        How::KeyJwt.registration(),
        |_| {},
        |client| How::KeyJwt.shape(client).require_signed_request_object(),
    );
    let by_secret = Place::new(How::Basic, |provider| provider.require_signed_requests(true));
    for mut place in [demanding, registered, by_secret] {
        assert!(place.client.requires_signed_requests());
        let request = AuthorizationRequest::new(["email"]);
        let (url, pending) = place.client.authorize(&request, place.clock.moment()).unwrap();
        assert!(query(&url).contains_key("request"));
        assert_eq!(place.log_in(&url, pending).id_token.sub, "alice");
        let call = place.client.push_authorize(&request, place.clock.moment()).unwrap();
        let pushed = place.run(call).unwrap();
        assert!(place.form().contains_key("request"));
        assert_eq!(place.log_in_pushed(pushed).id_token.sub, "alice");
        let access = AccessRequest::new(["reports"]);
        let (url, _) = place.client.authorize_access(&access, place.clock.moment()).unwrap();
        assert_eq!(names(&query(&url)), ["client_id", "request"], "plain OAuth has nothing to repeat");
        place.provider.assert_clean();
    }
    // Without a key, the error says what to do.
    let keyless = Place::new(How::Public, |provider| provider.require_signed_requests(true));
    let request = AuthorizationRequest::new(["email"]);
    let refused = ConfigError::SignedRequestsOnly;
    assert_eq!(keyless.client.authorize(&request, moment(NOW)).unwrap_err(), refused.into());
    assert_eq!(keyless.client.push_authorize(&request, moment(NOW)).unwrap_err(), refused.into());
    assert!(refused.to_string().contains("`ClientBuilder::signer`"), "{refused}");
}

#[test]
fn a_request_object_is_signed_by_a_key_that_is_elsewhere() {
    for algorithm in [Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA, Algorithm::Ed25519] {
        let (key, jwk) = KeyRing::client_key(algorithm);
        let registration = How::Public.registration().request_object_key(jwk);
        let mut place =
            Place::with(registration, |provider| provider.require_signed_requests(true), |client| client);
        let request = AuthorizationRequest::new(["email"]);
        let prepare = |place: &mut Place| {
            let prepared = place.client.prepare_authorization(&request, place.clock.moment()).unwrap();
            let to_sign = prepared.to_sign(algorithm, key.key_id()).unwrap();
            assert_eq!(to_sign.algorithm(), algorithm);
            let signature = key.sign(to_sign.signing_input()).unwrap();
            to_sign.with_signature(&signature)
        };
        let (url, pending) = prepare(&mut place).by_value().unwrap();
        assert_eq!(place.log_in(&url, pending).id_token.sub, "alice");
        let hosted = prepare(&mut place).by_reference("https://app.example/r").unwrap();
        place.provider.host_request_object("https://app.example/r", hosted.request_object.expose());
        assert_eq!(place.log_in(&hosted.url, hosted.pending).id_token.sub, "alice");
        let call = prepare(&mut place).push(place.clock.moment()).unwrap();
        let pushed = place.run(call).unwrap();
        assert_eq!(place.log_in_pushed(pushed).id_token.sub, "alice");
        place.provider.assert_clean();
        // A signature of another key is of no use.
        let prepared = place.client.prepare_authorization(&request, place.clock.moment()).unwrap();
        let (url, _) =
            prepared.to_sign(algorithm, None).unwrap().with_signature(&[7; 64]).by_value().unwrap();
        assert!(matches!(place.visit(&url), Landing::Page(..)));
    }
}

#[test]
fn claims_are_json_and_resources_a_list_inside_a_request_object() {
    let mut place = Place::new(How::KeyJwt, |_| {});
    let mut request = AuthorizationRequest::new(["email"]);
    let wanted = json!({"userinfo": {"email": {"essential": true}}});
    request.claims = wanted.as_object().cloned();
    let prepared = place.client.prepare_authorization(&request, place.clock.moment()).unwrap();
    let (url, pending) = prepared.sign().unwrap().by_value().unwrap();
    assert_eq!(read(&query(&url)["request"]).1["claims"], wanted);
    assert_eq!(place.log_in(&url, pending).id_token.sub, "alice");

    for resources in [vec!["https://a.example"], vec!["https://b.example", "https://a.example"]] {
        let access = resources.iter().fold(AccessRequest::new(["r"]), |access, one| access.resource(*one));
        let prepared = place.client.prepare_access(&access, place.clock.moment()).unwrap();
        let (url, _) = prepared.sign().unwrap().by_value().unwrap();
        let inside = &read(&query(&url)["request"]).1["resource"];
        let several = resources.len() > 1;
        assert_eq!(inside, &if several { json!(resources) } else { json!(resources[0]) });
        assert!(matches!(place.visit(&url), Landing::Callback(_)));
    }
    place.provider.assert_clean();
    // No parameter of the application passes for a claim about the request object.
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] {
        let request = AuthorizationRequest::new(["email"]).parameter(name, "evil");
        let prepare = || place.client.prepare_authorization(&request, moment(NOW)).unwrap();
        assert_eq!(prepare().sign().unwrap_err(), ConfigError::Reserved(name).into());
        let refused = prepare().to_sign(Algorithm::EdDSA, None).unwrap_err();
        assert_eq!(refused, ConfigError::Reserved(name).into());
        assert!(prepare().url().is_ok(), "a plain request may have it");
    }
}

#[test]
fn a_request_object_is_hosted_only_where_nobody_on_the_way_reads_it() {
    let mut place = Place::new(How::KeyJwt, |_| {});
    let long = |length: usize| format!("https://app.example/{}", "x".repeat(length - 20));
    for good in [
        "https://app.example/r#hash",
        "https://app.example:8443/r?a=b",
        "http://localhost:3000/r",
        "http://[::1]/r",
        &long(512),
    ] {
        assert!(signed(&mut place).by_reference(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "app.example/r",
        "http://app.example/r",
        "http://10.0.0.1/r",
        "ftp://app.example/r",
        "urn:example:r",
        "data:text/plain,r",
        "https://app.example/a b",
        "https://app.example/\nr",
        "https://app.example/é",
        &long(513),
    ] {
        let refused = signed(&mut place).by_reference(bad).unwrap_err();
        assert_eq!(refused, ConfigError::Parameter("request_uri").into(), "{bad}");
    }
}

#[test]
fn metadata_that_exclude_a_parameter_exclude_it_and_silent_ones_do_not() {
    let request = AuthorizationRequest::new(["email"]);
    for (name, said) in
        [("request", Some(false)), ("request_uri", Some(false)), ("request", None), ("request_uri", None)]
    {
        let mut metadata = Place::new(How::KeyJwt, |_| {}).provider.metadata();
        let member = format!("{name}_parameter_supported");
        metadata.as_object_mut().unwrap().remove(&member);
        if let Some(said) = said {
            metadata[&member] = said.into();
        }
        let client = How::KeyJwt.shape(of(&metadata)).build().unwrap();
        let signed = || client.prepare_authorization(&request, moment(NOW)).unwrap().sign().unwrap();
        let ended = match name {
            "request" => signed().by_value().map(drop),
            _ => signed().by_reference("https://app.example/r").map(drop),
        };
        let refused = ConfigError::NoRequestParameter(name);
        assert_eq!(ended, if said.is_some() { Err(refused.into()) } else { Ok(()) }, "{member}");
        // A reference from a push is no `request_uri` of this kind, and the object need not come by URL.
        assert!(signed().push(moment(NOW)).is_ok());
        assert!(refused.to_string().contains("`RequestObject::push`"), "{refused}");
    }
}

#[test]
fn a_key_that_does_not_sign_ends_the_request() {
    struct Lost;
    impl oidc_proto::jose::Sign for Lost {
        fn algorithm(&self) -> Algorithm {
            Algorithm::ES256
        }
        fn key_id(&self) -> Option<&str> {
            None
        }
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
            Err(SignError::Failed)
        }
        fn public_jwk(&self) -> Option<oidc_proto::jose::Jwk> {
            None
        }
    }
    let place = Place::with(
        How::Basic.registration(),
        |_| {},
        |client| {
            let client = How::Basic.shape(client).require_signed_request_object();
            client.request_object_signer(std::sync::Arc::new(Lost))
        },
    );
    let request = AuthorizationRequest::new(["email"]);
    let failed = Error::Sign(SignError::Failed);
    assert_eq!(place.client.authorize(&request, moment(NOW)).unwrap_err(), failed);
    assert_eq!(place.client.push_authorize(&request, moment(NOW)).unwrap_err(), failed);
}
