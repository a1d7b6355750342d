//! The verified-token cache stays within its memory, and a hit allocates nothing.

use crate::{
    counting::{allocations, held},
    handed_on::bearer,
    tokens::{API, ISSUER, NOW, claims_with, keys, signer, token, verifier},
};
use http::{Method, Uri};
use oidc_drive::{Gate, Io, gate::KeySource};
use oidc_proto::{
    Moment,
    flow::Request,
    jose::{Algorithm, AlgorithmSet, sign_compact},
    resource::{RequestView, ResourceServer, TrustedIssuer},
    token::{AccessTokenVerifier, ENTRY_BYTES, Scratch, SignatureCache},
};
use serde_json::{Map, json};
use std::{convert::Infallible, future::ready};

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::HS256];

fn cache(bytes: usize) -> SignatureCache {
    SignatureCache::new(bytes, Moment::new(NOW, [7; 32]))
}

#[test]
fn a_flood_of_tokens_stays_within_the_memory_limit() {
    const TOKENS: usize = 2_000;
    let (keys, verifier, mut scratch) = (keys(Algorithm::EdDSA), verifier(), Scratch::new());
    let pads: [usize; 3] = [0, 300, 2_000];
    let tokens: Vec<String> = (0..TOKENS)
        .map(|number| {
            let pad = "x".repeat(pads[number % 3]);
            token(Algorithm::EdDSA, &claims_with(json!({"jti": number.to_string(), "pad": pad})))
        })
        .collect();
    // The scratch memory has grown, and keeps the text of a token.
    let mut first = cache(1 << 20);
    for token in tokens.iter().take(3).chain(tokens.iter().take(3)) {
        verifier.verify_cached(token, &keys, &mut first, &mut scratch, NOW).unwrap();
    }
    for bytes in [ENTRY_BYTES * 20, 300_000, 1 << 20] {
        let before = held();
        let mut cache = cache(bytes);
        let mut highest = 0;
        for token in &tokens {
            verifier.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).unwrap();
            highest = highest.max(held() - before);
        }
        let bound = isize::try_from(bytes).unwrap();
        assert!(highest <= bound, "{highest} bytes were held, {bound} were promised");
        assert!(cache.bytes() <= bytes && cache.bytes() * 10 > bytes * 7, "{} of {bytes}", cache.bytes());
        assert!(held() - before > bound / 3, "the price is not far too high");
        drop(cache);
        assert!(held() - before < 8_000, "all is freed, but for what the scratch memory keeps");
    }
}

#[test]
fn a_hit_allocates_nothing_in_every_algorithm_and_spares_the_signature() {
    for algorithm in ALGORITHMS {
        let verifier = AccessTokenVerifier::new(ISSUER, API).algorithms(AlgorithmSet::ALL);
        let (keys, mut scratch, mut cache) = (keys(algorithm), Scratch::new(), cache(1 << 20));
        let tokens = ["one", "two", "three"].map(|jti| token(algorithm, &claims_with(json!({"jti": jti}))));
        for token in &tokens {
            verifier.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).unwrap();
        }
        for (token, jti) in tokens.iter().zip(["one", "two", "three"]) {
            // ring allocates for RSA, so the count shows that it does not run.
            let (count, ()) = allocations(|| {
                let verified = verifier.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).unwrap();
                assert_eq!(verified.claims().jti.as_deref(), Some(jti));
                assert!(verified.has_scope("read"));
            });
            assert_eq!(count, 0, "{algorithm:?}");
        }
    }
}

#[test]
fn a_hit_costs_a_gate_one_allocation_in_every_algorithm() {
    let (get, uri) = (Method::GET, Uri::from_static("/orders"));
    let send = |_: Request, _| ready(Ok::<_, Infallible>(http::Response::new(Vec::new())));
    for algorithm in ALGORITHMS {
        for typ in ["at+jwt", "JWT"] {
            let issuer = TrustedIssuer::new(ISSUER).access_tokens(|demands| {
                let demands = demands.algorithms(AlgorithmSet::ALL);
                if typ == "JWT" { demands.accept_plain_jwt() } else { demands }
            });
            let server = ResourceServer::builder(API).trust(issuer).build().unwrap();
            let gate = Gate::builder(server, Io::new(send, drop, |_| ready(())))
                .keys_of(ISSUER, KeySource::Fixed(keys(algorithm).into()))
                .verified_cache(1 << 20)
                .clock(|| Moment::new(NOW, [7; 32]))
                .build()
                .unwrap();
            let header = Map::from_iter([("typ".to_owned(), json!(typ))]);
            for sub in ["alice", "bob", "carol"] {
                let claims = claims_with(json!({"sub": sub})).to_string();
                let token = sign_compact(&signer(algorithm), header.clone(), claims.as_bytes()).unwrap();
                let headers = bearer(&token);
                let view = RequestView::new(&get, &uri, &headers);
                let first = gate.try_check(&view).unwrap().unwrap();
                let (count, access) = allocations(|| gate.try_check(&view).unwrap().unwrap());
                assert_eq!(count, 1, "{algorithm:?} {typ}: the access, and nothing else");
                assert_eq!((access.subject(), access.claims()), (Some(sub), first.claims()));
                assert_eq!(access.record(), first.record());
            }
        }
    }
}
