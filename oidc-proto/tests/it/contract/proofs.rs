//! A client that sends DPoP proofs: one for each request, and one more request for a server that demands a
//! nonce.

use super::{NOW, builder, form, key, moment, read, response, sent, with_nonce};
use http::Method;
use oidc_proto::{
    Error, Secret, Timestamp,
    flow::{
        Attempt, Call, Client, ClientAuthentication, ClientCredentialsRequest, ConfigError, Endpoint, Flow,
        Request, Step,
    },
    jose::{Algorithm, RingSigner, Sign},
    message::{AuthorizationRequest, AuthorizationResponse},
    sender::{DpopNonces, DpopVerifier},
};
use std::sync::Arc;

const TOKEN: &str = "https://op.example/token";
const USERINFO: &str = "https://op.example/userinfo";
const BOUND: &str = r#"{"access_token": "an-access-token", "token_type": "dpop", "expires_in": 60}"#;
const DEMAND: &str = r#"{"error": "use_dpop_nonce", "error_description": "a nonce, please"}"#;

/// Verifies the proof of a request with the library's verifier, and returns its nonce and its `jti`.
fn proof(request: &Request, url: &str, token: Option<&Secret>, now: Timestamp) -> (Option<String>, String) {
    let verifier = DpopVerifier::new();
    let proof = verifier.verify(request.headers(), request.method(), url, token, now);
    assert!(proof.is_ok(), "a server accepts the proof: {proof:?}");
    let (header, claims) = read(request.headers()["dpop"].to_str().unwrap());
    let names: std::collections::BTreeSet<&str> =
        header["jwk"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["crv", "kty", "x", "y"].into(), "the key itself and nothing else");
    assert_eq!(claims["htu"], url, "the URL has no query");
    (claims["nonce"].as_str().map(str::to_owned), claims["jti"].as_str().unwrap().to_owned())
}

fn client() -> Client {
    builder().signer(key()).dpop_key(key()).build().unwrap()
}

/// A demand for a nonce leads to one more request, with a new proof and new authentication. A second demand
/// ends the flow.
fn demanded_once_and_never_twice<F: Flow<Output: std::fmt::Debug>>(
    start: &dyn Fn(&Client) -> Call<F>,
    (url, token): (&str, Option<&Secret>),
    demand: &dyn Fn(&str) -> http::Response<Vec<u8>>,
) {
    let client = client();
    let spent = |request: &Request| {
        let mut form = form(request);
        form.remove("client_assertion");
        form
    };
    let (first, _, pending) = sent(start(&client));
    let (none, jti) = proof(&first, url, token, NOW);
    assert_eq!(none, None, "the server has named no nonce yet");
    let (second, _, pending) = sent(pending.receive(demand("n1"), moment(0, 2)).unwrap());
    let (nonce, other) = proof(&second, url, token, NOW);
    assert_eq!(nonce.as_deref(), Some("n1"));
    assert_ne!(jti, other, "no proof is sent twice");
    assert_eq!(
        (spent(&first), first.uri()),
        (spent(&second), second.uri()),
        "everything else in the request is the same"
    );
    assert!(
        form(&first).get("client_assertion").is_none_or(|one| one != &form(&second)["client_assertion"]),
        "no assertion is sent twice"
    );
    let Err(Error::OAuth(refused)) = pending.receive(demand("n2"), moment(0, 3)) else { panic!("it ends") };
    assert_eq!((refused.dpop_nonce.as_deref(), &*refused.response.error), (Some("n2"), "use_dpop_nonce"));

    // A client that knows the nonce sends it at once.
    let (request, _, _) = sent(start(&client.with_dpop_nonce(Endpoint::Token, "n2")));
    assert_eq!(proof(&request, url, token, NOW).0.as_deref(), Some("n2"));
    // A demand without a nonce, or with a nonce that no header can carry, is an ordinary error.
    for odd in ["", "a b", "\"quoted\"", "a\\b"] {
        let (_, _, pending) = sent(start(&client));
        assert!(pending.receive(demand(odd), moment(0, 4)).is_err(), "{odd:?}");
    }
    // A client without a key cannot prove anything.
    let (_, _, pending) = sent(start(&builder().build().unwrap()));
    assert!(pending.receive(demand("n1"), moment(0, 5)).is_err());
}

fn at_the_token_endpoint(nonce: &str) -> http::Response<Vec<u8>> {
    with_nonce(response(400, DEMAND), nonce)
}

#[test]
fn a_nonce_is_proven_for_a_code_a_refresh_token_and_the_client_itself() {
    let token = (TOKEN, None);
    let callback = |client: &Client| {
        let (_, pending) = client.authorize(&AuthorizationRequest::default(), moment(0, 9)).unwrap();
        let query = format!("code=the-code&state={}", pending.state());
        let answer = AuthorizationResponse::from_query(&query).unwrap();
        pending.callback(client, None, answer, moment(0, 1)).unwrap().into_call().unwrap()
    };
    demanded_once_and_never_twice(&callback, token, &at_the_token_endpoint);
    let refresh =
        |client: &Client| client.refresh(&"a-refresh-token".into(), None, None, moment(0, 1)).unwrap();
    demanded_once_and_never_twice(&refresh, token, &at_the_token_endpoint);
    let wanted = ClientCredentialsRequest::new(["a"]);
    let once = |client: &Client| client.client_credentials_once(&wanted, moment(0, 1)).unwrap();
    demanded_once_and_never_twice(&once, token, &at_the_token_endpoint);
    let again = |client: &Client| client.client_credentials(&wanted, moment(0, 1)).unwrap();
    demanded_once_and_never_twice(&again, token, &at_the_token_endpoint);
}

#[test]
fn userinfo_is_requested_with_a_proof() {
    let token = Secret::new("an-access-token");
    let ask = |client: &Client| client.userinfo(&token, "alice", moment(0, 1)).unwrap();
    let (request, _, pending) = sent(ask(&client()));
    assert_eq!(request.headers()["authorization"], "DPoP an-access-token");
    assert_eq!(request.method(), Method::GET);
    let done = pending.receive(response(200, r#"{"sub": "alice"}"#), moment(0, 2)).unwrap();
    assert!(matches!(done, Step::Done(user) if user.sub == "alice"));
    let demand = |nonce: &str| {
        let mut demand = with_nonce(response(401, ""), nonce);
        let challenge = r#"DPoP error="use_dpop_nonce", algs="ES256""#;
        demand.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
        demand
    };
    demanded_once_and_never_twice(&ask, (USERINFO, Some(&token)), &demand);
}

#[test]
fn a_nonce_is_sent_only_to_the_server_that_wants_it() {
    let learned = |url: &str| {
        let mut nonces = DpopNonces::new();
        nonces.learn(&url.parse().unwrap(), with_nonce(response(200, ""), "n1").headers());
        client().with_dpop_nonces(nonces)
    };
    let token = Secret::new("an-access-token");
    for (url, expected) in [("https://op.example/other", Some("n1")), ("https://api.example/", None)] {
        let client = learned(url);
        let (request, _, _) =
            sent(client.client_credentials(&ClientCredentialsRequest::default(), moment(0, 1)).unwrap());
        assert_eq!(proof(&request, TOKEN, None, NOW).0.as_deref(), expected);
        let (request, _, _) = sent(client.userinfo(&token, "alice", moment(0, 1)).unwrap());
        assert_eq!(proof(&request, USERINFO, Some(&token), NOW).0.as_deref(), expected);
    }
}

/// A remote key, which signs between two transitions of a flow.
#[test]
fn a_proof_may_be_signed_remotely_and_late() {
    let (secret, assertions) = (key(), key());
    let public = secret.public_jwk().unwrap();
    let client =
        builder().signer(assertions).dpop_public_key(public.clone(), Algorithm::ES256).build().unwrap();
    let prove = |client: &Client, endpoint, token: Option<&Secret>, after, seed| {
        let to_sign = client.proof_to_sign(endpoint, token, moment(after, seed)).unwrap();
        assert_eq!(to_sign.algorithm(), Algorithm::ES256);
        let signature = secret.sign(to_sign.signing_input()).unwrap();
        Attempt::from(client).with_proof(to_sign.with_signature(&signature))
    };
    let wanted = ClientCredentialsRequest::default();
    let attempt = prove(&client, Endpoint::Token, None, 0, 1);
    let (request, _, pending) = sent(attempt.client_credentials(&wanted, moment(5, 2)).unwrap());
    let (nonce, first) = proof(&request, TOKEN, None, NOW.plus(5));
    assert_eq!(nonce, None);
    // A proof that was sent is not sent again: the flow ends, and its error has the nonce that the server
    // wants.
    let Err(Error::OAuth(refused)) = pending.receive(at_the_token_endpoint("n1"), moment(6, 3)) else {
        panic!()
    };
    let client = client.with_dpop_nonce(Endpoint::Token, refused.dpop_nonce.as_deref().unwrap());
    let attempt = prove(&client, Endpoint::Token, None, 7, 4);
    let (request, _, pending) = sent(attempt.client_credentials(&wanted, moment(8, 5)).unwrap());
    let (nonce, second) = proof(&request, TOKEN, None, NOW.plus(8));
    assert_eq!(nonce.as_deref(), Some("n1"));
    assert_ne!(first, second);
    // The token must be bound, wherever the key is.
    let unbound = BOUND.replace("dpop", "Bearer");
    let refused = pending.receive(response(200, &unbound), moment(9, 6)).unwrap_err();
    assert_eq!(refused.code(), "response_not_bound");

    let token = Secret::new("an-access-token");
    let attempt = prove(&client, Endpoint::UserInfo, Some(&token), 10, 7);
    let (request, _, _) = sent(attempt.userinfo(&token, "alice", moment(11, 8)).unwrap());
    assert_eq!(request.headers()["authorization"], "DPoP an-access-token");
    proof(&request, USERINFO, Some(&token), NOW.plus(11));

    // A proof that would not be sent is refused, and so is a proof of a client that would then accept a
    // bearer token.
    for (client, endpoint) in [(&client, Endpoint::Introspection), (&client, Endpoint::Revocation)] {
        let refused = client.proof_to_sign(endpoint, None, moment(12, 9)).unwrap_err();
        assert_eq!(refused, ConfigError::UnwantedProof.into());
    }
    let refused = prove(&client, Endpoint::Token, None, 12, 9).introspect(&token, None, moment(12, 9));
    assert_eq!(refused.unwrap_err(), ConfigError::UnwantedProof.into());
    let keyless = builder().authentication(ClientAuthentication::None).build().unwrap();
    let signature = [1; 64];
    let to_sign = client.proof_to_sign(Endpoint::Token, None, moment(12, 9)).unwrap();
    let attempt = Attempt::from(&keyless).with_proof(to_sign.with_signature(&signature));
    let refused = attempt.client_credentials(&wanted, moment(12, 9)).unwrap_err();
    assert_eq!(refused, ConfigError::UnwantedProof.into());

    // Without a proof nothing is sent, and no login begins that could not end.
    let refused = client.client_credentials(&wanted, moment(12, 9)).unwrap_err();
    assert_eq!(refused, ConfigError::NoProof.into());
    assert_eq!(client.userinfo(&token, "alice", moment(12, 9)).unwrap_err(), ConfigError::NoProof.into());
    let ends_nowhere = builder().dpop_public_key(public, Algorithm::ES256).fetch_userinfo().build();
    assert_eq!(ends_nowhere.unwrap_err(), ConfigError::NoProof);
    let none = builder().build().unwrap().proof_to_sign(Endpoint::Token, None, moment(0, 1)).unwrap_err();
    assert_eq!(none, ConfigError::NoProof.into());
}

#[test]
fn a_device_remembers_the_nonce_from_one_poll_to_the_next() {
    let client = client();
    let (request, _, pending) = sent(client.device_authorization(["a"], moment(0, 1)).unwrap());
    assert!(!request.headers().contains_key("dpop"), "this request yields no token");
    let device = r#"{"device_code": "a-device-code", "user_code": "U", "expires_in": 600,
        "verification_uri": "https://op.example/enter"}"#;
    let Ok(Step::Done(device)) = pending.receive(response(200, device), moment(0, 2)) else { panic!() };
    // No local key would sign at the wake-up.
    let public = key().public_jwk().unwrap();
    let elsewhere = builder().dpop_public_key(public, Algorithm::ES256).build().unwrap();
    let refused = device.clone().poll(&elsewhere, None, NOW).unwrap_err();
    assert_eq!(refused, ConfigError::NoProof.into());
    let poll = |_: &Client| match device.clone().poll(&client, None, NOW).unwrap().wake(moment(5, 3)).unwrap()
    {
        Step::Send(call) => call,
        other => panic!("it asks: {other:?}"),
    };
    let (_, _, pending) = sent(poll(&client));
    let (request, _, pending) = sent(pending.receive(at_the_token_endpoint("n1"), moment(6, 4)).unwrap());
    assert_eq!(proof(&request, TOKEN, None, NOW.plus(6)).0.as_deref(), Some("n1"));
    let undecided = with_nonce(response(400, r#"{"error": "authorization_pending"}"#), "n2");
    let Ok(Step::Wait(pause)) = pending.receive(undecided, moment(7, 5)) else { panic!("it rests") };
    let (request, _, _) = sent(pause.wake(moment(20, 6)).unwrap());
    assert_eq!(
        proof(&request, TOKEN, None, NOW.plus(20)).0.as_deref(),
        Some("n2"),
        "the newest nonce is kept"
    );
}

#[test]
fn a_waiting_request_keeps_the_newest_nonce_and_makes_a_new_proof() {
    let client = client();
    let begun = client.client_credentials(&ClientCredentialsRequest::new(["a"]), moment(0, 1)).unwrap();
    let (_, _, pending) = sent(begun);
    let (first, _, pending) = sent(pending.receive(at_the_token_endpoint("n1"), moment(0, 2)).unwrap());
    let busy = with_nonce(response(503, ""), "n2");
    let Ok(Step::Wait(pause)) = pending.receive(busy, moment(1, 3)) else { panic!("it waits") };
    let (second, _, pending) = sent(pause.wake(moment(60, 4)).unwrap());
    let (nonce, jti) = proof(&second, TOKEN, None, NOW.plus(60));
    assert_eq!(nonce.as_deref(), Some("n2"));
    assert_ne!(jti, proof(&first, TOKEN, None, NOW).1);
    assert!(matches!(pending.receive(response(200, BOUND), moment(61, 5)), Ok(Step::Done(_))));
}

#[test]
fn a_client_with_a_key_refuses_a_bearer_token() {
    let begin = || sent(client().refresh(&"a-refresh-token".into(), None, None, moment(0, 1)).unwrap()).2;
    assert!(matches!(begin().receive(response(200, BOUND), moment(0, 2)), Ok(Step::Done(_))));
    let bearer = BOUND.replace("dpop", "Bearer");
    let error = begin().receive(response(200, &bearer), moment(0, 2)).unwrap_err();
    assert_eq!(error.code(), "response_not_bound");
    assert!(error.to_string().contains("not bound to the client's DPoP key"), "{error}");
}

#[test]
fn a_shared_secret_cannot_sign_proofs() {
    let secret = RingSigner::from_secret(Algorithm::HS256, &Secret::new("x".repeat(64)), None).unwrap();
    assert_eq!(builder().dpop_key(Arc::new(secret)).build().unwrap_err(), ConfigError::DpopKey);
}
