//! The contract of a pushed request: certificates, proofs, and what is signed elsewhere.

use super::*;
use oidc_proto::{
    Error, Moment,
    flow::{ConfigError, DpopKey, Endpoint, Request},
    jose::{Algorithm, Sign},
    message::AuthorizationRequest,
    sender::DpopVerifier,
};
use serde_json::json;
use std::sync::Arc;

const PAR: &str = "https://op.example/tenant/par";

fn metadata() -> Value {
    Place::new(How::Basic, |_| {}).provider.metadata()
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest::new(["email"])
}

fn key() -> Arc<dyn Sign> {
    KeyRing::client_key(Algorithm::ES256).0
}

/// Verifies the proof of a request, and returns its nonce and its `jti`.
fn proof(request: &Request) -> (Option<String>, String) {
    let verified = DpopVerifier::new().verify(request.headers(), request.method(), PAR, None, NOW);
    assert!(verified.is_ok(), "a server accepts the proof: {verified:?}");
    let (_, claims) = read(request.headers()["dpop"].to_str().unwrap());
    assert_eq!(claims["htu"], PAR);
    (claims["nonce"].as_str().map(str::to_owned), claims["jti"].as_str().unwrap().to_owned())
}

fn demand(nonce: &str) -> http::Response<Vec<u8>> {
    let response = http::Response::builder().status(400).header("content-type", "application/json");
    response.header("dpop-nonce", nonce).body(br#"{"error": "use_dpop_nonce"}"#.to_vec()).unwrap()
}

#[test]
fn a_client_with_a_certificate_pushes_to_the_alias() {
    for (alias, host) in [(true, "mtls.op.example"), (false, "op.example")] {
        let mut metadata = metadata();
        if alias {
            metadata["mtls_endpoint_aliases"] =
                json!({"pushed_authorization_request_endpoint": "https://mtls.op.example/par"});
        }
        for shape in [
            |client: ClientBuilder| client.authentication(ClientAuthentication::TlsClientAuth),
            |client: ClientBuilder| client.authentication(ClientAuthentication::SelfSignedTlsClientAuth),
            |client: ClientBuilder| client.secret(SECRET).tls_client_certificate_bound_access_tokens(),
        ] {
            let client = shape(of(&metadata)).build().unwrap();
            let (request, terms, _) = client.push_authorize(&request(), moment(NOW)).unwrap().into_parts();
            assert_eq!((request.uri().host(), terms.client_certificate), (Some(host), true));
            assert_eq!(terms.endpoint, Endpoint::PushedAuthorizationRequest);
        }
        let client = of(&metadata).secret(SECRET).build().unwrap();
        let (request, terms, _) = client.push_authorize(&request(), moment(NOW)).unwrap().into_parts();
        assert_eq!((request.uri().to_string().as_str(), terms.client_certificate), (PAR, false));
    }
}

#[test]
fn a_pushed_request_is_proven_and_a_nonce_is_followed_once() {
    let client = || of(&metadata()).signer(key()).dpop_key(key());
    for signed in [false, true] {
        let client = match signed {
            false => client().build().unwrap(),
            true => client().require_signed_request_object().build().unwrap(),
        };
        let (first, _, pending) = client.push_authorize(&request(), moment(NOW)).unwrap().into_parts();
        let (nonce, jti) = proof(&first);
        assert_eq!(nonce, None, "the server has named no nonce yet");
        let Step::Send(call) = pending.receive(demand("n1"), Moment::new(NOW, [2; 32])).unwrap() else {
            panic!("once more")
        };
        let (second, _, pending) = call.into_parts();
        let (nonce, other) = proof(&second);
        assert_eq!(nonce.as_deref(), Some("n1"));
        assert_ne!(jti, other, "no proof is sent twice");
        let form = |request: &Request| -> BTreeMap<String, String> {
            url::form_urlencoded::parse(request.body()).into_owned().collect()
        };
        let (mut first, mut second) = (form(&first), form(&second));
        let (one, two) = (first.remove("client_assertion"), second.remove("client_assertion"));
        assert!(one.is_some() && one != two, "no assertion is sent twice");
        assert_eq!(first, second, "it is the same request");
        let Err(Error::OAuth(refused)) = pending.receive(demand("n2"), moment(NOW)) else {
            panic!("it ends")
        };
        assert_eq!(refused.dpop_nonce.as_deref(), Some("n2"));
        // A client that knows the nonce sends it at once.
        let knows = client.with_dpop_nonce(Endpoint::PushedAuthorizationRequest, "n2");
        let (request, _, _) = knows.push_authorize(&request(), moment(NOW)).unwrap().into_parts();
        assert_eq!(proof(&request).0.as_deref(), Some("n2"));
    }
    // A client without a key cannot prove anything.
    let client = of(&metadata()).secret(SECRET).build().unwrap();
    let (request, _, pending) = client.push_authorize(&request(), moment(NOW)).unwrap().into_parts();
    assert!(!request.headers().contains_key("dpop"));
    assert!(pending.receive(demand("n1"), moment(NOW)).is_err());
}

#[test]
fn an_assertion_and_a_proof_from_elsewhere_are_sent_once() {
    let key = key();
    let jwk = key.public_jwk().unwrap();
    let client = of(&metadata())
        .authentication(ClientAuthentication::PrivateKeyJwt)
        .dpop_public_key(jwk, Algorithm::ES256)
        .build()
        .unwrap();
    let endpoint = Endpoint::PushedAuthorizationRequest;
    let attempt = || {
        let to_sign = client.assertion_to_sign(endpoint, Algorithm::ES256, None, moment(NOW)).unwrap();
        let signature = key.sign(to_sign.signing_input()).unwrap();
        client.attempt(to_sign.with_signature(&signature))
    };
    let proven = || {
        let to_sign = client.proof_to_sign(endpoint, None, moment(NOW)).unwrap();
        let signature = key.sign(to_sign.signing_input()).unwrap();
        attempt().with_proof(to_sign.with_signature(&signature))
    };
    let prepare = || client.prepare_authorization(&request(), moment(NOW)).unwrap();
    let (request, _, pending) = prepare().push_with(proven(), moment(NOW)).unwrap().into_parts();
    proof(&request);
    assert!(String::from_utf8_lossy(request.body()).contains("client_assertion=ey"));
    let Err(Error::OAuth(refused)) = pending.receive(demand("n1"), moment(NOW)) else { panic!("once") };
    assert_eq!(refused.dpop_nonce.as_deref(), Some("n1"));
    // The request may do without the proof, but not without the assertion.
    let (request, _, _) = prepare().push_with(attempt(), moment(NOW)).unwrap().into_parts();
    assert!(!request.headers().contains_key("dpop"));
    assert_eq!(prepare().push(moment(NOW)).unwrap_err(), ConfigError::NoAssertion.into());
    // The same, of a request object.
    let signed = || {
        let to_sign = prepare().to_sign(Algorithm::ES256, None).unwrap();
        let signature = key.sign(to_sign.signing_input()).unwrap();
        to_sign.with_signature(&signature)
    };
    let (request, _, _) = signed().push_with(proven(), moment(NOW)).unwrap().into_parts();
    proof(&request);
    // An attempt of another client is of no use.
    let other = |attempt: &str| {
        let client =
            Client::builder(client.metadata().clone(), attempt).secret(SECRET).redirect_uri(CALLBACK);
        prepare().push_with((&client.build().unwrap()).into(), moment(NOW)).unwrap_err()
    };
    assert_eq!(other("other"), ConfigError::SavedState.into());
    // The provider binds the code to the key of the attempt, so it must be the key that the request names.
    let session = |seed: u8| DpopKey::ed25519(Moment::new(NOW, [seed; 32])).unwrap();
    let same_client = of(&metadata()).secret(SECRET).build().unwrap();
    let bound = same_client.with_dpop_key(&session(1)).unwrap();
    let other_key = same_client.with_dpop_key(&session(2)).unwrap();
    for (prepared_by, sent_by, same) in [
        (&bound, &bound, true),
        (&bound, &other_key, false),
        (&bound, &same_client, false),
        (&same_client, &bound, false),
        (&same_client, &same_client, true),
    ] {
        let prepared = prepared_by.prepare_authorization(&self::request(), moment(NOW)).unwrap();
        let pushed = prepared.push_with(sent_by.into(), moment(NOW)).map(drop);
        assert_eq!(pushed, if same { Ok(()) } else { Err(ConfigError::OtherDpopKey.into()) });
    }
    // A proof of a client without a key is not sent.
    let keyless = of(&metadata()).secret(SECRET).build().unwrap();
    let to_sign = client.proof_to_sign(endpoint, None, moment(NOW)).unwrap();
    let proof = to_sign.with_signature(&[7; 64]);
    let attempt = oidc_proto::flow::Attempt::from(&keyless).with_proof(proof);
    let prepared = keyless.prepare_authorization(&self::request(), moment(NOW)).unwrap();
    assert_eq!(prepared.push_with(attempt, moment(NOW)).unwrap_err(), ConfigError::UnwantedProof.into());
}
