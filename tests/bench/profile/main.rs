//! Repeats one path for some seconds, so that a profiler sees nothing else. Every signature is right, and nobody checks it:
//!
//! ```text
//! cargo bench --features profile --bench profile --no-run
//! perf record target/release/deps/profile-… gate 5
//! ```
//!
//! The paths are those of `path` below. The second argument is the number of seconds.

use oidc_bench::{
    ours::{self, By},
    services,
    tokens::{CASES, Signer, small, stranger, text},
};
use serde_json::{Value, json};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let name = arguments.next().expect("the name of a path");
    let seconds = arguments.next().map_or(3, |seconds| seconds.parse().expect("a number of seconds"));
    let mut path = path(&name);
    let start = Instant::now();
    let mut count = 0_u64;
    while start.elapsed() < Duration::from_secs(seconds) {
        (0..500).for_each(|_| path());
        count += 500;
    }
    println!("{name}: {:.0} ns", start.elapsed().as_nanos() as f64 / count as f64);
}

/// A path by its name.
fn path(name: &str) -> Box<dyn FnMut()> {
    fn hidden<T: 'static>(mut work: Box<dyn FnMut() -> T>) -> Box<dyn FnMut()> {
        Box::new(move || drop(black_box(work())))
    }
    let signer = Signer::new(CASES[0]);
    let payload = text(small());
    let (access, id) = (signer.token("at+jwt", &payload), signer.token("JWT", &payload));
    let keys = || By::Nobody.keys(&signer, 4);
    let gate = |cache| ours::gate(&signer, keys(), cache);
    let one = std::slice::from_ref(&access);
    let many = || -> Vec<String> {
        let tokens = (0..10_000).map(|number| {
            let mut claims = small();
            claims.insert("jti".into(), json!(format!("4f1b6c1e-{number:08}")));
            signer.token("at+jwt", &text(claims))
        });
        tokens.collect()
    };
    match name {
        "verify" => hidden(ours::verify(&signer, keys(), &access)),
        "id" => hidden(ours::id_verify(&signer, keys(), &id)),
        "gate" => hidden(ours::try_check(gate(0), one)),
        "tower" => hidden(services::tower_of_ours(gate(0), &access)),
        "axum" => hidden(services::axum_of_ours(gate(0), &access)),
        "open" => hidden(services::open(&access)),
        "cached" => hidden(ours::verify_cached(&signer, keys(), one.to_vec())),
        "gate-cached" => hidden(ours::try_check(gate(64 << 20), one)),
        "many" => hidden(ours::verify_cached(&signer, keys(), many())),
        "gate-many" => hidden(ours::try_check(gate(64 << 20), &many())),
        "dpop" => {
            let (issuer, sender) = (Signer::new(CASES[3]), Signer::new(CASES[3]));
            hidden(ours::try_check_bound(&issuer, &ours::bound(&issuer, &sender, 6000)))
        }
        "rsa-keys" | "point-keys" | "aws-keys" => {
            let kind = usize::from(name == "point-keys");
            let keys: Vec<Value> = (0..100).map(|number| stranger(kind, number)).collect();
            let set = json!({ "keys": keys }).to_string().into_bytes();
            let by = if name == "aws-keys" { By::AwsLc } else { By::Ring };
            Box::new(move || drop(black_box(by.parse(&set))))
        }
        _ => panic!("there is no path {name}"),
    }
}
