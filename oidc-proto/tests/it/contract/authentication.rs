//! A client that signs assertions: a new one for each attempt, with a local key or a remote one.

use super::{ISSUER, NOW, builder, form, key, moment, read, response, sent, with_nonce};
use oidc_proto::{
    Error, Secret,
    flow::{
        Assertion, Attempt, Client, ClientAuthentication, ClientCredentialsRequest, ConfigError, Endpoint,
        OAuthError, Request, Step,
    },
    jose::{Algorithm, AlgorithmSet, Jwk, KeySet, RingSigner, Sign, SignError, verify_compact},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use serde_json::json;
use std::sync::Arc;

const TOKENS: &str = r#"{"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 60}"#;
const DEVICE: &str = r#"{"device_code": "a-device-code", "user_code": "ABCD", "expires_in": 600,
    "verification_uri": "https://op.example/enter"}"#;

fn wanted() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["reports"])
}

/// The assertion of a request, and its claims. Checks that this key signed it.
fn assertion(request: &Request, key: &RingSigner) -> (String, serde_json::Value) {
    let form = form(request);
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let assertion = form["client_assertion"].clone();
    let keys = KeySet::from_jwks(key.public_jwk()).unwrap();
    verify_compact(&assertion, &keys, AlgorithmSet::ASYMMETRIC, &mut Default::default())
        .expect("the key of the client has signed it");
    let (header, claims) = read(&assertion);
    assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("ES256"), Some("k1")));
    let expected = json!({"iss": "app", "sub": "app", "aud": ISSUER});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&claims[name], value, "{name}");
    }
    (assertion, claims)
}

#[test]
fn a_repeated_request_has_a_new_assertion_of_its_own_time() {
    let key = key();
    let client = builder().signer(key.clone()).build().unwrap();
    assert_eq!(client.authentication(), ClientAuthentication::PrivateKeyJwt);
    let (request, _, pending) = sent(client.client_credentials(&wanted(), moment(0, 1)).unwrap());
    let (first, claims) = assertion(&request, &key);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW.0), &json!(NOW.0 + 60)));

    let Step::Wait(pause) = pending.receive(response(503, ""), moment(1, 2)).unwrap() else { panic!() };
    let (request, _, pending) = sent(pause.wake(moment(100, 3)).unwrap());
    let (second, later) = assertion(&request, &key);
    assert_eq!((&later["iat"], &later["exp"]), (&json!(NOW.0 + 100), &json!(NOW.0 + 160)));
    assert_ne!((first, &claims["jti"]), (second.clone(), &later["jti"]), "no assertion is sent twice");

    // The errors of an attempt hide the secrets of that attempt.
    let echo = json!({"error": "invalid_client", "error_description": format!("not {second}")}).to_string();
    let error = pending.receive(response(400, &echo), moment(101, 4)).unwrap_err().to_string();
    assert!(error.contains("[secret]") && !error.contains(&second[..40]), "{error}");
}

/// A key that cannot be used.
struct Broken;

impl Sign for Broken {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
    fn key_id(&self) -> Option<&str> {
        None
    }
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Err(SignError::Failed)
    }
    fn public_jwk(&self) -> Option<Jwk> {
        key().public_jwk()
    }
}

/// The error of each flow that authenticates the client, at its start.
fn starts(client: &Client) -> Vec<Error> {
    let answer = |pending: &oidc_proto::flow::PendingAuthorization| {
        AuthorizationResponse::from_query(&format!("code=c&state={}", pending.state())).unwrap()
    };
    let (_, pending) = client.authorize(&AuthorizationRequest::default(), moment(0, 1)).unwrap();
    let answer = answer(&pending);
    let (_, _, asked) = sent(builder().build().unwrap().device_authorization(["a"], moment(0, 1)).unwrap());
    let Ok(Step::Done(device)) = asked.receive(response(200, DEVICE), moment(0, 2)) else { panic!() };
    let token = Secret::new("a-token-a-token");
    vec![
        client.client_credentials(&wanted(), moment(0, 2)).unwrap_err(),
        client.client_credentials_once(&wanted(), moment(0, 2)).unwrap_err(),
        client.introspect(&token, None, moment(0, 2)).unwrap_err(),
        client.introspect_once(&token, None, moment(0, 2)).unwrap_err(),
        client.revoke(&token, None, moment(0, 2)).unwrap_err(),
        client.refresh(&token, None, None, moment(0, 2)).unwrap_err(),
        client.device_authorization(["a"], moment(0, 2)).unwrap_err(),
        pending.callback(client, None, answer, moment(0, 2)).unwrap_err(),
        device.poll(client, None, NOW).unwrap().wake(moment(300, 2)).unwrap_err(),
    ]
}

#[test]
fn a_client_whose_key_fails_to_sign_fails_at_the_start_of_each_flow() {
    let client = builder().signer(Arc::new(Broken)).build().unwrap();
    for error in starts(&client) {
        assert_eq!((error.code(), &error), ("sign", &Error::Sign(SignError::Failed)));
        assert_eq!(
            error.to_string(),
            "the client could not sign its request: the private key could not be reached or did not sign"
        );
    }
}

#[test]
fn a_client_without_a_signer_names_the_method_to_call_at_the_start_of_each_flow() {
    let client = builder().authentication(ClientAuthentication::PrivateKeyJwt).build().unwrap();
    for error in starts(&client) {
        assert_eq!(error, ConfigError::NoAssertion.into());
        assert!(error.to_string().contains("ClientBuilder::signer"), "{error}");
    }
}

/// A signer in another place: it takes the text to sign, and returns the signature later.
struct Elsewhere {
    key: Arc<RingSigner>,
    asked: Vec<Vec<u8>>,
}

impl Elsewhere {
    fn attempt(&mut self, client: &Client, after: i64, seed: u8) -> Attempt {
        let to_sign = client
            .assertion_to_sign(Endpoint::Token, Algorithm::ES256, Some("k1"), moment(after, seed))
            .unwrap();
        assert_eq!(to_sign.algorithm(), Algorithm::ES256);
        self.asked.push(to_sign.signing_input().to_vec());
        let signature = self.key.sign(self.asked.last().unwrap()).unwrap();
        client.attempt(to_sign.with_signature(&signature))
    }
}

#[test]
fn a_remote_signer_may_be_slow_and_each_attempt_has_its_own_assertion() {
    let mut signer = Elsewhere { key: key(), asked: Vec::new() };
    let client = builder().authentication(ClientAuthentication::PrivateKeyJwt).build().unwrap();

    // The signature takes ten seconds. The flow begins when it has arrived.
    let attempt = signer.attempt(&client, 0, 1);
    let (request, _, pending) = sent(attempt.client_credentials(&wanted(), moment(10, 2)).unwrap());
    let (first, claims) = assertion(&request, &signer.key);
    assert_eq!(
        claims["iat"],
        json!(NOW.0),
        "the assertion has the time at which it was made, not at which it is sent"
    );
    let busy = pending.receive(response(503, ""), moment(11, 3)).unwrap_err();
    assert_eq!(
        busy.code(),
        "unavailable",
        "the flow does not wait with an assertion that it must not repeat"
    );

    let attempt = signer.attempt(&client, 20, 4);
    let (request, _, pending) = sent(attempt.client_credentials(&wanted(), moment(30, 5)).unwrap());
    assert_ne!(assertion(&request, &signer.key).0, first);
    assert!(matches!(pending.receive(response(200, TOKENS), moment(31, 6)), Ok(Step::Done(_))));
    assert_eq!(signer.asked.len(), 2);
}

#[test]
fn a_device_polls_with_a_remote_key() {
    let mut signer = Elsewhere { key: key(), asked: Vec::new() };
    let client = builder().authentication(ClientAuthentication::PrivateKeyJwt).build().unwrap();
    let begun = signer.attempt(&client, 0, 1).device_authorization(["a"], moment(0, 2)).unwrap();
    let (_, _, pending) = sent(begun);
    let Ok(Step::Done(device)) = pending.receive(response(200, DEVICE), moment(1, 3)) else { panic!() };
    let undecided = response(400, r#"{"error": "authorization_pending"}"#);
    let polled = signer.attempt(&client, 6, 4).poll(device, None, moment(8, 5)).unwrap();
    let (first, _, pending) = sent(polled);
    let Ok(Step::Wait(pause)) = pending.receive(undecided, moment(9, 6)) else { panic!("it rests") };
    // A wake-up would need a local key. The saved grant goes on with the next assertion instead.
    let polled = signer.attempt(&client, 15, 7).poll(pause.save(), None, moment(16, 8)).unwrap();
    let (second, _, pending) = sent(polled);
    assert_ne!(assertion(&first, &signer.key).0, assertion(&second, &signer.key).0);
    assert!(matches!(pending.receive(response(200, TOKENS), moment(17, 9)), Ok(Step::Done(_))));
    assert_eq!(pause.wake(moment(30, 10)).unwrap_err(), ConfigError::NoAssertion.into());
}

#[test]
fn a_foreign_assertion_is_sent_unchanged() {
    let client = builder().authentication(ClientAuthentication::PrivateKeyJwt).build().unwrap();
    let attempt = client.attempt(Assertion::foreign("from.the.platform"));
    let (request, _, _) = sent(attempt.refresh(&"a-refresh-token".into(), None, None, moment(0, 1)).unwrap());
    assert_eq!(form(&request)["client_assertion"], "from.the.platform");
}

/// Without this, a client with a remote key would never get past a server that demands nonces.
#[test]
fn the_nonce_that_a_server_demands_is_in_the_error_if_the_flow_may_not_repeat_the_request() {
    let mut signer = Elsewhere { key: key(), asked: Vec::new() };
    let client =
        builder().authentication(ClientAuthentication::PrivateKeyJwt).dpop_key(key()).build().unwrap();
    let attempt = signer.attempt(&client, 0, 1);
    let (_, _, pending) = sent(attempt.client_credentials(&wanted(), moment(0, 2)).unwrap());
    let demand = with_nonce(response(400, r#"{"error": "use_dpop_nonce"}"#), "n1");
    let Err(Error::OAuth(refused)) = pending.receive(demand, moment(1, 3)) else { panic!("it ends") };
    let OAuthError { dpop_nonce, .. } = *refused;
    assert_eq!(dpop_nonce.as_deref(), Some("n1"));
    let attempt = signer.attempt(&client.with_dpop_nonce(Endpoint::Token, "n1"), 2, 4);
    let (request, _, _) = sent(attempt.client_credentials(&wanted(), moment(2, 5)).unwrap());
    assert_eq!(read(request.headers()["dpop"].to_str().unwrap()).1["nonce"], "n1");
}
