//! Measures every path of this library, beside ring, AWS-LC and jsonwebtoken, and then starts the benchmark of the peers
//! that need a build of their own. Run `cargo bench` in this directory; `cargo bench -- --quick` is for a look.

use jsonwebtoken_9::jwk::JwkSet;
use oidc_bench::{
    goals::{Goals, one},
    measuring::{Contender, Effort, Measured, measure, quick},
    others::{aws_lc_alone, eleven, nine, nine_but_the_signature, ring_alone, ring_alone_bound, twelve},
    ours::{self, By},
    plots::bars,
    report::{Table, load, machine, micros, section, times},
    services::{self, routes, sockets},
    tokens::{CASES, Signer, WITHOUT_RING, large, small, stranger, text},
};
use serde_json::{Value, json};
use std::process::Command;

/// Room for the verified tokens of one measurement.
const CACHE: usize = 64 << 20;

fn main() {
    let before = load();
    let effort = Effort::asked();
    let signers: Vec<Signer> = CASES.into_iter().map(Signer::new).collect();
    let sizes = [("half-a-kilobyte", text(small())), ("four-kilobytes", text(large()))];
    let mut goals = Goals::default();
    for (name, payload) in &sizes {
        let columns: Vec<_> =
            signers.iter().map(|one| column(one, measure(paths(one, payload), effort))).collect();
        let length = signers[0].token("at+jwt", payload).len();
        let text = format!(
            "The payload has {} bytes, and the token with RS256 has {length} characters.\n\n{}",
            payload.len(),
            Table::of_ratios("4 keys", &columns).text()
        );
        section(name, &text);
        if *name == sizes[0].0 {
            goals.paths(&columns, [VERIFY, GATE, VERIFY_AWS, GATE_AWS, AWS, ELEVEN]);
        }
        let shown = [AWS, VERIFY, GATE, VERIFY_AWS, GATE_AWS, "jsonwebtoken 9 (ring)", ELEVEN];
        bars(
            &format!("performance-{name}"),
            &format!("{} bytes of claims", payload.len()),
            &columns[..6],
            &shown,
        );
    }
    without_ring(&sizes[0].1, effort, &mut goals);
    by_keys(&signers, &sizes, effort);
    but_the_signature(&signers[0], &sizes, effort, &mut goals);
    cached(&signers[3], effort, &mut goals);
    in_services(&signers, &sizes[0].1, effort, &mut goals);
    over_sockets(&signers, &sizes[0].1, effort, &mut goals);
    key_sets(effort, &mut goals);
    bound(&signers[3], effort, &mut goals);
    section("goals", &goals.text());
    let load = format!("{}. Load: {before} at the start, {} at the end.\n", machine(), load());
    section("machine", &load);
    if !std::env::args().any(|argument| argument == "--alone") {
        peers();
    }
}

const AWS: &str = "AWS-LC alone";
const VERIFY: &str = "`verify`";
const GATE: &str = "`Gate::try_check`";
const VERIFY_AWS: &str = "`verify`, AWS-LC";
const GATE_AWS: &str = "`Gate::try_check`, AWS-LC";
const ELEVEN: &str = "jsonwebtoken 11 (AWS-LC)";

fn column(signer: &Signer, measured: Vec<Measured>) -> (String, Vec<Measured>) {
    (signer.case.name.to_owned(), measured)
}

/// Every path with four keys, and its peers.
fn paths(signer: &Signer, payload: &[u8]) -> Vec<Contender<'static>> {
    let (access, id) = (signer.token("at+jwt", payload), signer.token("JWT", payload));
    let keys = |by: By| by.keys(signer, 4);
    let gate = |by: By| ours::gate(signer, keys(by), 0);
    let one = [access.clone()];
    vec![
        Contender::new("ring alone", ring_alone(signer, &access)),
        Contender::new(AWS, aws_lc_alone(signer, &access)),
        Contender::new(VERIFY, ours::verify(signer, keys(By::Ring), &access)),
        Contender::new("`verify_cached`, a hit", ours::verify_cached(signer, keys(By::Ring), one.to_vec())),
        Contender::new("`IdTokenVerifier::verify`", ours::id_verify(signer, keys(By::Ring), &id)),
        Contender::new("`IdTokenVerifier::verify_borrowed`", ours::id_borrowed(signer, keys(By::Ring), &id)),
        Contender::new(GATE, ours::try_check(gate(By::Ring), &one)),
        Contender::new("`oidc-tower`", services::tower_of_ours(gate(By::Ring), &access)),
        Contender::new("`oidc-axum`", services::axum_of_ours(gate(By::Ring), &access)),
        Contender::new(VERIFY_AWS, ours::verify(signer, keys(By::AwsLc), &access)),
        Contender::new(
            "`IdTokenVerifier::verify_borrowed`, AWS-LC",
            ours::id_borrowed(signer, keys(By::AwsLc), &id),
        ),
        Contender::new(GATE_AWS, ours::try_check(gate(By::AwsLc), &one)),
        Contender::new("jsonwebtoken 9 (ring)", nine::verify(signer, &access)),
        Contender::new(ELEVEN, eleven::verify(signer, &access)),
        Contender::new("jsonwebtoken 12 (RustCrypto)", twelve::verify(signer, &access)),
    ]
}

/// The algorithms that ring does not have, beside AWS-LC alone.
fn without_ring(payload: &[u8], effort: Effort, goals: &mut Goals) {
    let columns: Vec<_> = WITHOUT_RING
        .into_iter()
        .map(|case| {
            let signer = &Signer::new(case);
            let (access, id) = (signer.token("at+jwt", payload), signer.token("JWT", payload));
            let keys = || By::AwsLc.keys(signer, 4);
            let gate = |cache| ours::gate(signer, keys(), cache);
            let one = std::slice::from_ref(&access);
            let contenders = vec![
                Contender::new(AWS, aws_lc_alone(signer, &access)),
                Contender::new(VERIFY_AWS, ours::verify(signer, keys(), &access)),
                Contender::new("`verify_cached`, a hit", ours::verify_cached(signer, keys(), one.to_vec())),
                Contender::new(
                    "`IdTokenVerifier::verify_borrowed`, AWS-LC",
                    ours::id_borrowed(signer, keys(), &id),
                ),
                Contender::new(GATE_AWS, ours::try_check(gate(0), one)),
                Contender::new("`oidc-axum`, AWS-LC", services::axum_of_ours(gate(0), &access)),
            ];
            let length = format!("{}, {} characters", case.name, access.len());
            (length, measure(contenders, effort))
        })
        .collect();
    section("without-ring", &Table::of_ratios("511 bytes, 4 keys", &columns).text());
    let ours: Vec<_> =
        columns.iter().map(|(_, measured): &(String, Vec<Measured>)| one(measured, VERIFY_AWS)).collect();
    let work = "`verify`, AWS-LC × AWS-LC alone: ES512 / ML-DSA-44 / ML-DSA-65 / ML-DSA-87";
    goals.relative(work, &[1.05; 4], &ours);
}

/// 1, 4 and 100 keys.
fn by_keys(signers: &[Signer], sizes: &[(&str, Vec<u8>); 2], effort: Effort) {
    let mut all = String::new();
    for (_, payload) in sizes {
        let columns: Vec<_> = signers[..6]
            .iter()
            .map(|signer| {
                let access = signer.token("at+jwt", payload);
                let mut contenders = vec![Contender::new("ring alone", ring_alone(signer, &access))];
                for (by, called) in [(By::Ring, "ring"), (By::AwsLc, "AWS-LC")] {
                    for count in [1, 4, 100] {
                        let keys_of = if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
                        let named = |path: &str| format!("{path}, {called}, {keys_of}");
                        let keys = || by.keys(signer, count);
                        let verify = ours::verify(signer, keys(), &access);
                        let check =
                            ours::try_check(ours::gate(signer, keys(), 0), std::slice::from_ref(&access));
                        contenders.push(Contender::new(named("`verify`"), verify));
                        contenders.push(Contender::new(named("`try_check`"), check));
                    }
                }
                column(signer, measure(contenders, effort))
            })
            .collect();
        let title = format!("{} bytes", payload.len());
        all += &format!("{}\n", Table::of_ratios(&title, &columns).text());
    }
    section("keys", &all);
}

/// A backend finds every signature right, so that everything else is left.
fn but_the_signature(signer: &Signer, sizes: &[(&str, Vec<u8>); 2], effort: Effort, goals: &mut Goals) {
    let (mut all, mut both) = (String::new(), Vec::new());
    for (_, payload) in sizes {
        let (access, id) = (signer.token("at+jwt", payload), signer.token("JWT", payload));
        let keys = || By::Nobody.keys(signer, 4);
        let gate = || ours::gate(signer, keys(), 0);
        let contenders = vec![
            Contender::new("`serde_json` reads the payload into a `Value`", || {
                serde_json::from_slice::<Value>(payload).expect("JSON")
            }),
            Contender::new(VERIFY, ours::verify(signer, keys(), &access)),
            Contender::new("`IdTokenVerifier::verify_borrowed`", ours::id_borrowed(signer, keys(), &id)),
            Contender::new("`IdTokenVerifier::verify`", ours::id_verify(signer, keys(), &id)),
            Contender::new(GATE, ours::try_check(gate(), std::slice::from_ref(&access))),
            Contender::new("`oidc-tower`", services::tower_of_ours(gate(), &access)),
            Contender::new("`oidc-axum`", services::axum_of_ours(gate(), &access)),
            Contender::new("axum without verification", services::open(&access)),
            Contender::new("jsonwebtoken 9, claims of eight fields", nine_but_the_signature(signer, &access)),
        ];
        let title = format!("RS256, {} bytes", payload.len());
        let measured = measure(contenders, effort);
        all += &format!("{}\n", times(&title, &measured).text());
        both.push(measured);
    }
    section("rest", &all);
    let all = [VERIFY, GATE].map(|name| [one(&both[0], name), one(&both[1], name)]);
    let work = "everything but the signature × `Value`, half a kilobyte / four kilobytes:";
    goals.relative(&format!("{work} `verify`"), &[0.5, 0.4], &all[0]);
    goals.relative(&format!("{work} `Gate::try_check`"), &[], &all[1]);
}

/// Tokens that come again.
fn cached(signer: &Signer, effort: Effort, goals: &mut Goals) {
    let count = if quick() { 100 } else { 10_000 };
    let many: Vec<String> = (0..count)
        .map(|number| {
            let mut claims = small();
            claims.insert("jti".into(), json!(format!("4f1b6c1e-{number:08}")));
            signer.token("at+jwt", &text(claims))
        })
        .collect();
    let keys = || By::Ring.keys(signer, 4);
    let gate = |cache| ours::gate(signer, keys(), cache);
    // No cache can do without this: the bytes of a token are compared with a copy.
    let (copies, mut turn) = (many.clone(), 0);
    let compared = || {
        turn = (turn + 7) % many.len();
        many[turn] == copies[turn]
    };
    let contenders = vec![
        Contender::new("`verify`", ours::verify(signer, keys(), &many[0])),
        Contender::new("`verify_cached`, one token", ours::verify_cached(signer, keys(), many[..1].to_vec())),
        Contender::new("`verify_cached`, 10,000 tokens", ours::verify_cached(signer, keys(), many.clone())),
        Contender::new("`Gate::try_check`, one token", ours::try_check(gate(CACHE), &many[..1])),
        Contender::new("`Gate::try_check`, 10,000 tokens", ours::try_check(gate(CACHE), &many)),
        Contender::new("10,000 tokens, each only compared with a copy", compared),
    ];
    let measured = measure(contenders, effort);
    section("cache", &times("ES256", &measured).text());
    let work = "a hit among 10,000 tokens × ES256 `verify`: `verify_cached` / `Gate::try_check`";
    goals.relative(work, &[1.0 / 150.0, 1.0 / 40.0], &[&measured[2], &measured[4]]);
}

/// CPU time of a request in a service.
fn in_services(signers: &[Signer], payload: &[u8], effort: Effort, goals: &mut Goals) {
    let columns: Vec<_> = [0, 3, 5]
        .map(|place: usize| {
            let signer = &signers[place];
            let access = signer.token("at+jwt", payload);
            let gate = |by: By, cache| ours::gate(signer, by.keys(signer, 4), cache);
            let axum = |by, cache| services::axum_of_ours(gate(by, cache), &access);
            let contenders = vec![
                Contender::new("axum, jsonwebtoken 9 (ring) by hand", services::by_hand_9(signer, &access)),
                Contender::new(
                    "axum, jsonwebtoken 11 (AWS-LC) by hand",
                    services::by_hand_11(signer, &access),
                ),
                Contender::new("`oidc-tower`", services::tower_of_ours(gate(By::Ring, 0), &access)),
                Contender::new("`oidc-axum`", axum(By::Ring, 0)),
                Contender::new("`oidc-axum`, AWS-LC", axum(By::AwsLc, 0)),
                Contender::new("`oidc-axum`, a cached token", axum(By::Ring, CACHE)),
                Contender::new("axum without verification", services::open(&access)),
            ];
            column(signer, measure(contenders, effort))
        })
        .into();
    let work =
        "CPU of a request in this process, `oidc-axum` × jsonwebtoken 9 by hand: RS256 / ES256 / EdDSA";
    let ours: Vec<_> =
        columns.iter().map(|(_, measured): &(String, Vec<Measured>)| one(measured, "`oidc-axum`")).collect();
    goals.relative(work, &[0.95], &ours);
    section("services", &Table::of_ratios("CPU of a request", &columns).text());
}

/// CPU time of a request in a service behind sockets.
fn over_sockets(signers: &[Signer], payload: &[u8], effort: Effort, goals: &mut Goals) {
    let nine = "axum, jsonwebtoken 9 (ring) by hand";
    let columns: Vec<_> = [0, 3, 5]
        .map(|place: usize| {
            let signer = &signers[place];
            let access = signer.token("at+jwt", payload);
            let served = |name: &str, router| sockets::Served::new(name, router, &access);
            let ours = |by: By, cache| routes::of_ours(ours::gate(signer, by.keys(signer, 4), cache));
            let services = vec![
                served("axum without verification", routes::open()),
                served(nine, routes::by_hand_9(signer)),
                served("axum, jsonwebtoken 11 (AWS-LC) by hand", routes::by_hand_11(signer)),
                served("`oidc-axum`", ours(By::Ring, 0)),
                served("`oidc-axum`, AWS-LC", ours(By::AwsLc, 0)),
                served("`oidc-axum`, a cached token", ours(By::Ring, CACHE)),
            ];
            column(signer, sockets::measure(services, effort))
        })
        .into();
    section("sockets", &Table::of_ratios("CPU of a request over a socket", &columns).text());
    let work = "CPU of a request over a socket, `oidc-axum` × jsonwebtoken 9 by hand: RS256 / ES256 / EdDSA";
    goals.over(work, &[0.95], &columns, ["`oidc-axum`", nine]);
    let work = "the same, axum without verification × `oidc-axum` with a cached token: RS256 / ES256 / EdDSA";
    goals.at_least(work, 0.85, &columns, ["axum without verification", "`oidc-axum`, a cached token"]);
}

/// Key sets of 100 keys.
fn key_sets(effort: Effort, goals: &mut Goals) {
    type Kind = fn(usize) -> usize;
    let kinds: [(&str, Kind); 4] = [("mixed", |n| n), ("RSA", |_| 0), ("P-256", |_| 1), ("Ed25519", |_| 2)];
    let columns: Vec<_> = kinds
        .into_iter()
        .map(|(name, kind)| {
            let keys: Vec<Value> = (0..100).map(|number| stranger(kind(number), number)).collect();
            let set = json!({ "keys": keys }).to_string().into_bytes();
            let set = &set;
            let contenders = vec![
                Contender::new("`serde_json` into a `Value`", move || {
                    serde_json::from_slice::<Value>(set).expect("JSON")
                }),
                Contender::new("`KeySet::parse`", move || By::Ring.parse(set)),
                Contender::new("`KeySet::parse_by`, AWS-LC", move || By::AwsLc.parse(set)),
                Contender::new("jsonwebtoken 9, `JwkSet`", move || {
                    serde_json::from_slice::<JwkSet>(set).expect("a key set")
                }),
            ];
            (name.to_owned(), measure(contenders, effort))
        })
        .collect();
    let ours: Vec<_> = columns.iter().map(|(_, measured): &(String, Vec<Measured>)| &measured[1]).collect();
    goals.relative("100 keys × `Value`: mixed / RSA / P-256 / Ed25519", &[1.5; 4], &ours);
    section("jwks", &Table::of_ratios("100 keys", &columns).text());
}

/// A request with a DPoP proof, beside two verifications by ring.
fn bound(signer: &Signer, effort: Effort, goals: &mut Goals) {
    let sender = Signer::new(signer.case);
    let requests = ours::bound(signer, &sender, if quick() { 200 } else { 6000 });
    let mut raw = ring_alone(signer, &requests.token);
    let measured = measure(
        vec![
            Contender::new(
                "ring alone, the signatures of the token and of the proof",
                ring_alone_bound(signer, &sender, &requests),
            ),
            Contender::new(
                "`Gate::try_check` with a bound token and a proof",
                ours::try_check_bound(signer, &requests),
            ),
            Contender::new("ring alone, the same signature twice, again and again", move || raw() & raw()),
        ],
        effort,
    );
    let rest = measured[1].median - measured[0].median;
    let least = measured[1].least - measured[0].least;
    let (rest_micros, count) = ((rest / 1000.0, least / 1000.0), measured[1].allocations as f64);
    let work = "a DPoP-bound request besides two verifications: µs / allocations";
    goals.row(work, &[8.0, 20.0], &[rest_micros, (count, count)]);
    let text = times("ES256", &measured).text();
    let more =
        format!("Besides the two verifications: {} by medians, {} by minima.\n", micros(rest), micros(least));
    section("dpop", &format!("{text}\n{more}"));
}

/// Starts the other benchmark, in a build of its own.
fn peers() {
    let Some(cargo) = std::env::var_os("CARGO") else { return };
    let mut command = Command::new(cargo);
    command.args(["bench", "--features", "peers", "--bench", "peers", "--"]);
    command.args(std::env::args().filter(|argument| argument == "--quick"));
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(status.success(), "the benchmark of the peers failed");
}
