//! A handle for threads allocates nothing if it has the metadata and the keys: no future, no waker and no
//! timer.

use crate::{
    counting::allocations,
    tokens::{API, ISSUER, NOW, claims_with, jwk, tampered, token},
};
use oidc_drive::blocking;
use oidc_proto::{Moment, flow::Request, jose::Algorithm};
use serde_json::json;
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

/// A handle whose provider's documents are fresh for an hour, and the number of requests to it.
fn handle() -> (blocking::Provider, Arc<AtomicUsize>) {
    let mut key = jwk(Algorithm::EdDSA);
    key.retain(|name, _| ["kty", "crv", "x", "kid"].contains(&name.as_str()));
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let send = move |request: Request, _| {
        count.fetch_add(1, SeqCst);
        let body = match request.uri().path() {
            "/jwks" => json!({ "keys": [key] }),
            _ => json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/jwks") }),
        };
        let response = http::Response::builder()
            .header("content-type", "application/json")
            .header("cache-control", "max-age=3600");
        Ok::<_, Infallible>(response.body(body.to_string().into_bytes()).unwrap())
    };
    let handle = blocking::Provider::builder(ISSUER, blocking::Io::new(send).with_spawn(|job| job()));
    (handle.audience(API).clock(|| Moment::new(NOW, [7; 32])).build().unwrap(), asked)
}

#[test]
fn a_token_that_known_keys_verify_costs_no_allocation() {
    let (handle, asked) = handle();
    let good = token(Algorithm::EdDSA, &claims_with(json!({})));
    let verify = || handle.verify(&good, |verified| verified.has_scope("write"));
    assert_eq!(verify(), Ok(true), "the keys are fetched, and the scratch memory grows");
    let fetched = asked.load(SeqCst);
    for _ in 0..3 {
        assert_eq!(allocations(verify), (0, Ok(true)));
    }
    assert_eq!(asked.load(SeqCst), fetched);
}

#[test]
fn a_token_that_any_keys_would_refuse_costs_no_allocation() {
    let (handle, asked) = handle();
    let late = token(Algorithm::EdDSA, &claims_with(json!({"exp": NOW.0 - 86_400})));
    let verify = || handle.verify(&late, |_| ()).unwrap_err().code();
    let code = verify();
    for _ in 0..3 {
        assert_eq!(allocations(verify), (0, code));
    }
    assert_eq!(asked.load(SeqCst), 0, "no request is needed");
}

#[test]
fn known_keys_and_metadata_cost_no_allocation() {
    let (handle, asked) = handle();
    let keys = handle.keys().unwrap();
    let metadata = handle.metadata().unwrap();
    assert_eq!(asked.load(SeqCst), 2);
    for _ in 0..3 {
        let (count, again) = allocations(|| handle.keys().unwrap());
        assert!(count == 0 && Arc::ptr_eq(&again.value, &keys.value), "{count}");
        let (count, again) = allocations(|| handle.metadata().unwrap());
        assert!(count == 0 && Arc::ptr_eq(&again, &metadata), "{count}");
    }
    assert_eq!(asked.load(SeqCst), 2);
}

/// The opposite case: newer keys could change the verdict, so they are requested.
#[test]
fn a_wrong_signature_is_still_checked_with_newer_keys() {
    let (handle, asked) = handle();
    handle.keys().unwrap();
    let before = asked.load(SeqCst);
    assert_eq!(handle.verify(&tampered(Algorithm::EdDSA), |_| ()).unwrap_err().code(), "jws_signature");
    assert!(asked.load(SeqCst) > before);
}
