//! Runs a service without a host: a user logs in with discovery, a sealed cookie and a code, API tokens are
//! verified, and keys are renewed by the policy. As a WebAssembly module it asks its host for nothing: time
//! and entropy come in `Moment`s.

use oidc_proto::{
    Moment, Timestamp, UrlPolicy,
    flow::{Call, Client, Discovery, Flow, PendingAuthorizations, Request, SealingKeys, Step},
    jose::{Algorithm, AlgorithmSet, Jwk, KeySet, RingSigner, sign_compact, verify_compact},
    message::{AuthorizationRequest, AuthorizationResponse},
    renew::{Decision, Freshness, Need, Renewal, RenewalPolicy, Renewed},
    token::{AccessTokenVerifier, Scratch},
};
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: Timestamp = Timestamp(1_800_000_000);
const ISSUER: &str = "https://op.example";
const CALLBACK: &str = "https://app.example/callback";
/// The private key of RFC 8037 appendix A.1.
const PRIVATE: &[u8] = br#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn moment(entropy: u8) -> Moment {
    Moment::new(NOW, [entropy; 32])
}

/// Answers the single request of a call with this value.
fn answer<F: Flow>(call: Call<F>, with: impl FnOnce(&Request) -> Value) -> Step<F> {
    let (request, _, pending) = call.into_parts();
    let body = with(&request).to_string().into_bytes();
    let response = http(body);
    pending.receive(response, moment(9)).expect("a good answer")
}

fn http(body: Vec<u8>) -> http::Response<Vec<u8>> {
    let response = http::Response::builder().header("content-type", "application/json");
    response.body(body).expect("a response")
}

fn sign(signer: &RingSigner, typ: &str, claims: &Value) -> String {
    let header = [("typ".to_owned(), typ.into())].into_iter().collect();
    sign_compact(signer, header, claims.to_string().as_bytes())
        .expect("neither Ed25519 nor PKCS #1 needs entropy")
}

fn log_in(signer: &RingSigner, keys: &Arc<KeySet>) {
    let call = Discovery::start(ISSUER, &UrlPolicy::default()).expect("a URL");
    let Step::Done(metadata) = answer(call, |request| {
        assert_eq!(request.uri(), "https://op.example/.well-known/openid-configuration");
        json!({
            "issuer": ISSUER, "authorization_endpoint": "https://op.example/authorize",
            "token_endpoint": "https://op.example/token", "jwks_uri": "https://op.example/jwks",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "EdDSA"],
        })
    }) else {
        panic!("metadata")
    };
    let builder = Client::builder(metadata, "app").secret("a client secret").redirect_uri(CALLBACK);
    let client = builder.id_token_signed_response_alg(Algorithm::EdDSA).build().expect("a client");

    let (url, pending) =
        client.authorize(&AuthorizationRequest::new(["profile"]), moment(1)).expect("a request");
    let sent = |wanted: &str| {
        let value = url.query_pairs().find(|(name, _)| name == wanted);
        value.expect("it is sent").1.into_owned()
    };
    let (state, nonce) = (sent("state"), sent("nonce"));
    let (sealing, mut open) = (SealingKeys::new(1, &[5; 32]), PendingAuthorizations::new());
    open.add(pending, NOW);
    let cookie = sealing.seal(&open, "app.example", moment(2)).expect("it fits");
    let mut open: PendingAuthorizations = sealing.open(&cookie, "app.example").expect("it is whole");
    let pending = open.take(&state).expect("it is there");

    let back = AuthorizationResponse::from_query(&format!("code=xyz&state={state}")).expect("a callback");
    let Step::Send(call) =
        pending.callback(&client, Some(Arc::clone(keys)), back, moment(3)).expect("it fits")
    else {
        panic!("a token request")
    };
    let Step::Done(login) = answer(call, |request| {
        assert!(request.body().starts_with(b"grant_type=authorization_code&code=xyz"));
        let claims = json!({
            "iss": ISSUER, "sub": "alice", "aud": "app", "nonce": nonce, "iat": NOW.0, "exp": NOW.0 + 300,
        });
        json!({ "access_token": "t", "token_type": "Bearer", "id_token": sign(signer, "JWT", &claims) })
    }) else {
        panic!("a login")
    };
    assert_eq!(login.id_token.sub, "alice");
}

fn protect_an_api(signer: &RingSigner, keys: &Arc<KeySet>) {
    let mut renewal = Renewal::new(RenewalPolicy::KEYS);
    let Decision::Renew(lease) = renewal.want(Need::Any, NOW) else { panic!("there are no keys yet") };
    let fetched = Ok(Renewed::new(Arc::clone(keys), Freshness::UNKNOWN));
    assert!(renewal.settle(lease, fetched, moment(4)));
    let Decision::Use(_, keys) = renewal.want(Need::Any, NOW) else { panic!("there are keys") };

    let mut claims = json!({
        "iss": ISSUER, "aud": "https://api.example", "sub": "alice", "client_id": "app", "jti": "1",
        "iat": NOW.0, "exp": NOW.0 + 300,
    });
    let (verifier, mut scratch) = (AccessTokenVerifier::new(ISSUER, "https://api.example"), Scratch::new());
    let token = sign(signer, "at+jwt", &claims);
    assert!(verifier.verify(&token, &keys, &mut scratch, NOW).is_ok());
    claims["aud"] = "https://another.example".into();
    let token = sign(signer, "at+jwt", &claims);
    assert!(verifier.verify(&token, &keys, &mut scratch, NOW).is_err());
}

/// RSA and ECDSA signatures are verified by the part of ring that is written in C.
fn verify_and_sign_the_examples_of_rfc_7515() {
    for (token, jwk) in [
        (
            include_str!("../data/vectors/rfc/rfc7515_A.2.jwsc"),
            include_str!("../data/vectors/rfc/rfc7515_A.2.jwk"),
        ),
        (
            include_str!("../data/vectors/rfc/rfc7515_A.3.jwsc"),
            include_str!("../data/vectors/rfc/rfc7515_A.3.jwk"),
        ),
    ] {
        let keys = KeySet::from_jwks(Jwk::parse(jwk.as_bytes()).ok()).expect("a key");
        let verify = |token: &str| {
            verify_compact(token, &keys, AlgorithmSet::ALL, &mut Scratch::default()).map(|_| ())
        };
        assert!(verify(token).is_ok());
        assert!(verify(&token.replacen("eyJpc", "eyJpd", 1)).is_err(), "another payload");
    }
    let jwk = include_bytes!("../data/vectors/rfc/rfc7515_A.2.jwk");
    let signer = RingSigner::from_jwk(jwk, Some(Algorithm::RS256)).expect("a private key");
    sign(&signer, "JWT", &json!({}));
}

fn main() {
    let signer = RingSigner::from_jwk(PRIVATE, Some(Algorithm::EdDSA)).expect("the key of RFC 8037");
    let keys = Arc::new(KeySet::from_jwks(Jwk::parse(PRIVATE).ok()).expect("its public half"));
    log_in(&signer, &keys);
    protect_an_api(&signer, &keys);
    verify_and_sign_the_examples_of_rfc_7515();
}
