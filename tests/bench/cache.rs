//! Measures hits in the cache of verified tokens, by a verifier and through a gate, beside a verification with ES256, in
//! one run. Then two threads share the cache of one gate. Run `cargo bench --bench cache`, or with `-- --quick`.

use oidc_bench::*;
use oidc_drive::{Gate, Io, gate::KeySource};
use oidc_proto::{
    Moment, Timestamp,
    flow::Request,
    jose::{Algorithm, AlgorithmSet, KeySet},
    resource::{RequestView, ResourceServer, TrustedIssuer},
    token::{AccessTokenVerifier, Scratch, SignatureCache},
};
use serde_json::{Value, json};
use std::{convert::Infallible, future::ready, hint::black_box, sync::Barrier, thread, time::Instant};

/// The tokens among which a request chooses.
const TOKENS: usize = 10_000;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let keys =
        || KeySet::parse(json!({ "keys": [public_jwk("p256-1")] }).to_string().as_bytes()).expect("keys");
    let now = Timestamp(NOW);
    let moment = || Moment::new(now, [7; 32]);
    let verifier = AccessTokenVerifier::new(ISSUER, AUDIENCE).algorithms(AlgorithmSet::ALL);
    let tokens: Vec<String> = (0..TOKENS).map(numbered).collect();
    let all = keys();

    let (mut one, mut many) =
        (SignatureCache::new(1 << 20, moment()), SignatureCache::new(1 << 26, moment()));
    let mut scratch = Scratch::new();
    verifier.verify_cached(&tokens[0], &all, &mut one, &mut scratch, now).expect("a good token");
    for token in &tokens {
        verifier.verify_cached(token, &all, &mut many, &mut scratch, now).expect("a good token");
    }
    println!("{} tokens take {} bytes by their price.\n", many.len(), many.bytes());
    let gate = |bytes| {
        let server =
            ResourceServer::builder(AUDIENCE).trust(TrustedIssuer::new(ISSUER)).build().expect("a server");
        let send = |_: Request, _| ready(Ok::<_, Infallible>(http::Response::new(Vec::new())));
        Gate::builder(server, Io::new(send, drop, |_| ready(())))
            .keys_of(ISSUER, KeySource::Fixed(keys().into()))
            .verified_cache(bytes)
            .clock(|| Moment::new(Timestamp(NOW), [7; 32]))
            .build()
            .expect("a gate")
    };
    let (with, without) = (gate(1 << 26), gate(0));
    let requests: Vec<_> = tokens.iter().map(|token| headers(token)).collect();
    let check = |gate: &Gate, headers: &http::HeaderMap| {
        let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
        let view = RequestView::new(&method, &uri, headers);
        gate.try_check(&view).expect("at once").expect("a good token")
    };
    requests.iter().for_each(|headers| drop(check(&with, headers)));

    let (mut first, mut second, mut third, mut warm) = (0, 0, 0, String::new());
    let [mut plain, mut hit, mut hits] = [Scratch::new(), Scratch::new(), Scratch::new()];
    let measured = measure(
        vec![
            Contender::new("ES256, `verify`", || verifier.verify(&tokens[0], &all, &mut plain, now).is_ok()),
            Contender::new("`verify_cached`, a hit, one token", || {
                verifier.verify_cached(&tokens[0], &all, &mut one, &mut hit, now).is_ok()
            }),
            Contender::new("`verify_cached`, a hit among 10,000", || {
                first = (first + 7_919) % TOKENS;
                verifier.verify_cached(&tokens[first], &all, &mut many, &mut hits, now).is_ok()
            }),
            Contender::new("copying one of the 10,000 tokens", || {
                third = (third + 7_919) % TOKENS;
                warm.clear();
                warm.push_str(&tokens[third]);
            }),
            Contender::new("`Gate::try_check`, no cache", || check(&without, &requests[0])),
            Contender::new("`Gate::try_check`, a hit, one token", || check(&with, &requests[0])),
            Contender::new("`Gate::try_check`, a hit among 10,000", || {
                second = (second + 7_919) % TOKENS;
                check(&with, &requests[second])
            }),
        ],
        quick,
    );
    println!("| | ns | part of an ES256 verification | allocations |\n|---|---|---|---|");
    for m in &measured {
        let part = measured[0].nanoseconds / m.nanoseconds;
        println!("| {} | {:.0} | 1/{part:.1} | {} |", m.name, m.nanoseconds, m.allocations);
    }

    // Two threads on one gate, and on a gate each, in turns.
    let other = gate(1 << 26);
    requests.iter().for_each(|headers| drop(check(&other, headers)));
    let rounds = if quick { 5 } else { 21 };
    let run = |gates: [&Gate; 2], tokens: usize| {
        let barrier = Barrier::new(2);
        let times: Vec<f64> = thread::scope(|scope| {
            let work = gates.map(|gate| {
                let (barrier, requests) = (&barrier, &requests);
                scope.spawn(move || {
                    let mut at = 0;
                    barrier.wait();
                    let start = Instant::now();
                    for _ in 0..100_000 {
                        at = (at + 7_919) % tokens;
                        drop(black_box(check(gate, &requests[at])));
                    }
                    start.elapsed().as_secs_f64()
                })
            });
            work.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        times.into_iter().fold(0.0, f64::max)
    };
    for tokens in [1, 100, TOKENS] {
        let once = |_| run([&with, &with], tokens) / run([&with, &other], tokens);
        let mut ratios: Vec<f64> = (0..rounds).map(once).collect();
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios[rounds / 2];
        println!("\nTwo threads on one gate take {ratio:.2} times as long as on two ({tokens} tokens).");
    }
}

/// A token of about 1 KB with a number of its own.
fn numbered(number: usize) -> String {
    let mut claims: Value = serde_json::from_slice(&payload()).expect("JSON");
    claims["jti"] = format!("{number:036}").into();
    token(Algorithm::ES256, "p256-1", Some("at+jwt"), claims.to_string().as_bytes())
}

fn headers(token: &str) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    headers
}
