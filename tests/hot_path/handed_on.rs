//! Results are passed on and not computed again: the number of times that one request is inspected, its
//! signature verified, and the key of its DPoP proof read.
//!
//! The tests measure neither time nor a counter of the library. ring keeps the numbers of RSA on the heap,
//! so each verification allocates memory of the size of the key a certain number of times. The inspection
//! of a request allocates memory for the text of its token's claims.

use crate::{
    counting::allocations_of,
    tokens::{API, ISSUER, NOW, claims, claims_with, jwk, keys, tampered, token, verifier},
};
use http::{HeaderMap, HeaderValue, Method, Uri};
use oidc_drive::{Gate, Io, Provider, blocking, gate::KeySource};
use oidc_proto::{
    EndpointUrl, Moment, UrlPolicy,
    base::base64url,
    flow::Request,
    jose::{Algorithm, Jwk},
    resource::{RequestView, ResourceServer, TrustedIssuer, Verdict},
    sender::DpopVerifier,
    token::Scratch,
};
use oidc_tower::ProtectLayer;
use ring::digest;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    future::{Future, Ready, poll_fn, ready},
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// The bytes of the issuer's key of 2048 bits.
const ISSUERS: usize = 256;

/// The bytes of the key in proofs, which are decoded into as much memory: a multiple of three. No text grows to this
/// size by doubling.
const PROOFS: usize = 399;

fn server() -> ResourceServer {
    let server = ResourceServer::builder(API).trust(TrustedIssuer::new(ISSUER));
    server.accept_dpop(DpopVerifier::new()).build().unwrap()
}

/// Answers with the metadata or the keys of the issuer, which are fresh for an hour.
fn answer(request: &Request) -> http::Response<Vec<u8>> {
    let mut key = jwk(Algorithm::RS256);
    key.retain(|name, _| ["kty", "n", "e", "kid"].contains(&name.as_str()));
    let body = match request.uri().path() {
        "/jwks" => json!({ "keys": [key] }),
        _ => json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/jwks") }),
    };
    let response = http::Response::builder()
        .header("content-type", "application/json")
        .header("cache-control", "max-age=3600");
    response.body(body.to_string().into_bytes()).unwrap()
}

fn moment() -> Moment {
    Moment::new(NOW, [7; 32])
}

fn io() -> Io {
    let send = |request: Request, _| ready(Ok::<_, Infallible>(answer(&request)));
    Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep)
}

pub(crate) fn gate() -> Gate {
    let url = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default()).unwrap();
    let gate = Gate::builder(server(), io()).keys_of(ISSUER, KeySource::JwksUri(url));
    gate.clock(moment).build().unwrap()
}

/// The service behind the gate.
#[derive(Clone)]
struct Nothing;

impl Service<http::Request<()>> for Nothing {
    type Response = http::Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        ready(Ok(http::Response::new(String::new())))
    }
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
}

/// A token with a wrong signature that is bound to the forger's own key, and its proof.
fn bound() -> HeaderMap {
    let mut n = vec![0xFF_u8; PROOFS];
    n[1] = 7;
    let key = json!({"kty": "RSA", "e": "AQAB", "n": base64url::encode(&n)});
    let jkt = Jwk::parse(key.to_string().as_bytes()).unwrap().thumbprint().unwrap();
    let mut token = token(Algorithm::RS256, &claims_with(json!({"cnf": {"jkt": jkt}})));
    // This character is in the middle of the signature's last bytes.
    let at = token.len() - 20;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    token.replace_range(at..=at, other);
    let part = |value: Value| base64url::encode(value.to_string().as_bytes());
    let ath = base64url::encode(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    let proof = format!(
        "{}.{}.{}",
        part(json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": key})),
        part(json!({"jti": "1", "htm": "GET", "htu": API, "iat": NOW.0, "ath": ath})),
        base64url::encode(&[1; PROOFS])
    );
    let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
    let named = |(name, value): (&'static str, String)| {
        (http::HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap())
    };
    HeaderMap::from_iter(headers.map(named))
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The number of allocations of this size while the resource server judges a request with these headers.
fn by_the_server(bytes: usize, headers: &HeaderMap) -> usize {
    let (uri, keys, mut scratch) = (Uri::from_static("/"), keys(Algorithm::RS256), Scratch::new());
    let (server, request) = (server(), RequestView::new(&Method::GET, &uri, headers));
    let mut judge = || match server.inspect(&request, &mut scratch) {
        Ok(inspected) => server.judge(&inspected, &keys, &mut scratch, NOW),
        Err(denied) => panic!("{denied}"),
    };
    drop(judge());
    let (count, verdict) = allocations_of(bytes, judge);
    assert!(matches!(verdict, Verdict::NewerKeys(_)), "{verdict:?}");
    count
}

/// The number of allocations of this size while a gate and its layer judge the request. The bucket of
/// forced renewals is empty.
fn by_the_layer(bytes: usize, headers: &HeaderMap) -> usize {
    block_on(async {
        let gate = gate();
        let mut api = ProtectLayer::new(gate.clone()).layer(Nothing);
        let request = || {
            let mut request = http::Request::new(());
            *request.headers_mut() = headers.clone();
            request
        };
        let mut call = async |request| {
            let Ok(()) = poll_fn(|context| api.poll_ready(context)).await;
            let Ok(response) = api.call(request).await;
            assert_eq!(response.status(), 401);
        };
        for _ in 0..5 {
            call(request()).await;
        }
        let request = request();
        let fetched = gate.key_counters(ISSUER).unwrap();
        let (count, ()) = counted(bytes, call(request)).await;
        assert_eq!(
            gate.key_counters(ISSUER).unwrap().renewals,
            fetched.renewals,
            "no newer keys can be fetched"
        );
        count
    })
}

async fn counted<T>(bytes: usize, future: impl Future<Output = T>) -> (usize, T) {
    let mut future = std::pin::pin!(future);
    let mut all = 0;
    poll_fn(|context| {
        let (count, polled) = allocations_of(bytes, || future.as_mut().poll(context));
        all += count;
        polled.map(|output| (all, output))
    })
    .await
}

#[test]
fn a_wrong_signature_is_verified_once_by_a_gate_and_its_layer() {
    let headers = bearer(&tampered(Algorithm::RS256));
    let once = by_the_server(ISSUERS, &headers);
    assert!(once > 0, "ring keeps the numbers of RSA on the heap; if it no longer does, count otherwise");
    assert_eq!(by_the_layer(ISSUERS, &headers), once);
}

#[test]
fn the_key_of_a_proof_is_read_once_by_a_gate_and_its_layer() {
    let headers = bound();
    let once = by_the_server(PROOFS, &headers);
    assert!(once > 0, "a key of a proof takes memory");
    assert_eq!(by_the_layer(PROOFS, &headers), once);
}

/// The number of allocations while a gate and its layer serve the first request of all. There are no keys
/// at first, and the fetched ones do not fit, so the request waits twice.
fn by_a_layer_without_keys(bytes: usize, headers: &HeaderMap) -> usize {
    let (mut count, mut gates) = (0, [gate(), gate()]);
    block_on(async {
        // The first gate grows the memory that verifications share.
        for gate in &mut gates {
            let mut api = ProtectLayer::new(gate.clone()).layer(Nothing);
            let mut request = http::Request::new(());
            *request.headers_mut() = headers.clone();
            let call = async {
                let Ok(()) = poll_fn(|context| api.poll_ready(context)).await;
                let Ok(response) = api.call(request).await;
                response.status()
            };
            let (counted, status) = counted(bytes, call).await;
            assert_eq!((status.as_u16(), gate.key_counters(ISSUER).unwrap().renewals), (401, 2), "two waits");
            count = counted;
        }
    });
    count
}

#[test]
fn a_request_is_inspected_once_by_a_gate_and_its_layer_however_often_it_waits() {
    let claims = claims_with(json!({"note": "x".repeat(1_000)}));
    let mut token = token(Algorithm::RS256, &claims);
    // What is read of a token is kept as one shared text: two counters, the claims, and two texts of the header.
    let text = (16 + claims.to_string().len() + "rsa-1".len() + "at+jwt".len()).next_multiple_of(8);
    let at = token.len() - 20;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    token.replace_range(at..=at, other);
    let headers = bearer(&token);
    assert_eq!(by_the_server(text, &headers), 1, "the claims are read, and kept");
    assert_eq!(by_the_layer(text, &headers), 1);
    assert_eq!(by_a_layer_without_keys(text, &headers), 1);
}

/// The inspection of one request is not used for another.
#[test]
fn a_gate_that_resumes_with_another_request_inspects_that_one() {
    let (mine, none) = (bearer(&token(Algorithm::RS256, &claims())), HeaderMap::new());
    let forged = bearer(&tampered(Algorithm::RS256));
    let (uri, get) = (Uri::from_static("/"), Method::GET);
    let view = |headers| RequestView::new(&get, &uri, headers);
    block_on(async {
        let gate = gate();
        let undecided = gate.begin(&view(&mine)).unwrap_err();
        assert!(!format!("{undecided:?}").contains(&token(Algorithm::RS256, &claims())[..40]));
        let denied = gate.go_on(undecided, &view(&none)).await.unwrap_err();
        assert!(denied.is_missing_credentials(), "{denied}");
        let undecided = gate.begin(&view(&mine)).unwrap_err();
        let denied = gate.go_on(undecided, &view(&forged)).await.unwrap_err();
        assert_eq!(denied.code(), "jws_signature");
        assert!(gate.begin(&view(&mine)).unwrap().is_ok(), "this request is accepted");
    });
}

#[test]
fn a_wrong_signature_is_verified_once_by_a_handle() {
    let forged = tampered(Algorithm::RS256);
    let (keys, mut scratch) = (keys(Algorithm::RS256), Scratch::new());
    let mut verify = || verifier().verify(&forged, &keys, &mut scratch, NOW).map(drop);
    assert!(verify().is_err());
    let (once, verdict) = allocations_of(ISSUERS, verify);
    assert!(once > 0 && verdict.is_err());

    let send = |request: Request, _| Ok::<_, Infallible>(answer(&request));
    let handle = blocking::Provider::builder(ISSUER, blocking::Io::new(send).with_spawn(|job| job()));
    let handle = handle.audience(API).clock(moment).build().unwrap();
    let verify = || handle.verify(&forged, |_| ()).unwrap_err().code();
    for _ in 0..5 {
        verify();
    }
    assert_eq!(allocations_of(ISSUERS, verify), (once, "jws_signature"), "by threads");

    let count = block_on(async {
        let handle = Provider::builder(ISSUER, io()).audience(API).clock(moment).build().unwrap();
        for _ in 0..5 {
            drop(handle.verify(&forged, |_| ()).await);
        }
        let (count, refused) = counted(ISSUERS, handle.verify(&forged, |_| ())).await;
        assert_eq!(refused.unwrap_err().code(), "jws_signature");
        count
    });
    assert_eq!(count, once, "by tasks");
}
