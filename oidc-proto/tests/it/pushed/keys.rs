//! The key and the algorithm of a request object.

use super::*;
use oidc_proto::{
    Error,
    flow::ConfigError,
    jose::{AlgorithmSet, Sign},
    message::AuthorizationRequest,
};
use serde_json::json;
use std::sync::Arc;

fn key(algorithm: Algorithm) -> Arc<dyn Sign> {
    KeyRing::client_key(algorithm).0
}

/// The algorithm of the request object of a client at a provider with this list, or the reason why there is none.
fn chosen(listed: &Value, shape: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<String, Error> {
    let mut metadata = Place::new(How::Basic, |_| {}).provider.metadata();
    metadata["request_object_signing_alg_values_supported"] = listed.clone();
    if listed.is_null() {
        metadata.as_object_mut().unwrap().remove("request_object_signing_alg_values_supported");
    }
    let client = shape(of(&metadata)).build()?;
    let prepared = client.prepare_authorization(&AuthorizationRequest::new(["email"]), moment(NOW))?;
    let (url, _) = prepared.sign()?.by_value()?;
    Ok(read(&query(&url)["request"]).0["alg"].as_str().unwrap().to_owned())
}

#[test]
fn the_metadata_choose_among_the_keys_of_a_client() {
    let both = |client: ClientBuilder| client.signer(key(Algorithm::PS256)).signer(key(Algorithm::ES256));
    for (listed, name) in [
        (json!(["ES256", "RS256"]), "ES256"),
        (json!(["none", "PS256", "ES256"]), "PS256"),
        (json!([]), "PS256"),
        (json!(null), "PS256"),
    ] {
        assert_eq!(chosen(&listed, both).as_deref(), Ok(name), "{listed}");
    }
    // A key for request objects alone comes first, and the keys of assertions do not matter then.
    let own = |client: ClientBuilder| both(client).request_object_signer(key(Algorithm::EdDSA));
    assert_eq!(chosen(&json!(["PS256", "EdDSA"]), own).as_deref(), Ok("EdDSA"));
    // A signature of Ed25519 has two names.
    assert_eq!(chosen(&json!(["Ed25519"]), own).as_deref(), Ok("Ed25519"));
    let refused = chosen(&json!(["PS256", "none"]), own).unwrap_err();
    let (offered, usable) = ([Algorithm::PS256], [Algorithm::EdDSA]);
    let (offered, usable) = (offered.into_iter().collect(), usable.into_iter().collect());
    assert_eq!(refused, ConfigError::NoRequestObjectAlgorithm { offered, usable }.into());
    let text = refused.to_string();
    assert!(text.contains("with EdDSA") && text.contains("has PS256"), "{text}");
}

#[test]
fn a_registered_algorithm_is_the_only_one() {
    let told = |algorithm| {
        move |client: ClientBuilder| {
            let keys = client.secret(SECRET).signer(key(Algorithm::ES256)).signer(key(Algorithm::RS256));
            keys.request_object_signing_alg(algorithm)
        }
    };
    for (algorithm, listed) in [
        (Algorithm::RS256, json!(["ES256"])),
        (Algorithm::ES256, json!(null)),
        (Algorithm::HS256, json!(["RS256"])),
        (Algorithm::HS512, json!(null)),
    ] {
        assert_eq!(chosen(&listed, told(algorithm)).as_deref(), Ok(algorithm.name()));
    }
    let refused = chosen(&json!(["EdDSA"]), told(Algorithm::EdDSA)).unwrap_err();
    assert_eq!(refused.code(), "config_request_object");
}

#[test]
fn a_secret_signs_only_if_somebody_asks_for_it() {
    let secret = |client: ClientBuilder| client.secret(SECRET);
    for (listed, name) in [
        (json!(["RS256", "HS256"]), Some("HS256")),
        (json!(["HS512", "HS384"]), Some("HS384")),
        (json!(null), None),
        (json!([]), None),
    ] {
        let ended = chosen(&listed, secret);
        match name {
            Some(name) => assert_eq!(ended.as_deref(), Ok(name), "{listed}"),
            None => assert_eq!(ended, Err(ConfigError::NoRequestObjectKey.into()), "{listed}"),
        }
    }
    // A secret that is too short for one hash may be long enough for another.
    let short = |client: ClientBuilder| client.secret("s".repeat(40));
    assert_eq!(chosen(&json!(["HS512", "HS256"]), short).as_deref(), Ok("HS256"));
    assert!(chosen(&json!(["HS512"]), short).is_err());
    let shortest = |client: ClientBuilder| client.secret("short");
    assert_eq!(chosen(&json!(["HS256"]), shortest), Err(ConfigError::NoRequestObjectKey.into()));
    let refused = chosen(&json!(["RS256"]), secret).unwrap_err();
    let usable = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512].into_iter().collect();
    let offered = AlgorithmSet::EMPTY.with(Algorithm::RS256);
    assert_eq!(refused, ConfigError::NoRequestObjectAlgorithm { offered, usable }.into());
}

#[test]
fn a_client_that_must_sign_and_cannot_is_not_built_and_one_that_need_not_is() {
    let wrong = |client: ClientBuilder| client.signer(key(Algorithm::ES256));
    let mut metadata = Place::new(How::Basic, |_| {}).provider.metadata();
    metadata["request_object_signing_alg_values_supported"] = json!(["RS256"]);
    assert!(wrong(of(&metadata)).build().is_ok(), "it may never sign a request");
    let refused = wrong(of(&metadata)).require_signed_request_object().build().unwrap_err();
    assert_eq!(refused.code(), "config_request_object");
    // The key may be elsewhere.
    assert!(of(&metadata).require_signed_request_object().build().is_ok());
    let client = of(&metadata).build().unwrap();
    let request = AuthorizationRequest::new(["email"]);
    for (algorithm, good) in [(Algorithm::RS256, true), (Algorithm::ES256, false), (Algorithm::HS256, false)]
    {
        let prepared = client.prepare_authorization(&request, moment(NOW)).unwrap();
        assert_eq!(prepared.to_sign(algorithm, None).is_ok(), good, "{algorithm:?}");
    }
}
