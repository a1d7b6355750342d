//! Measures libraries of other languages, each in a process of its own, in turns with `verify` in this one.
//! `cargo bench` starts it after the other benchmarks.
//!
//! A process gets one line of JSON: the issuer, the audience, how often to verify before the first slice (`first`) and
//! in a slice (`times`), and the cases with an algorithm, a key set, a good token, and tokens that must be refused. It
//! answers with its name. Then it gets the name of an algorithm in each line, and answers with the nanoseconds of one
//! verification in a slice: the CPU time of all its threads, and the time by a clock. It ends when there are no more
//! lines.

use oidc_bench::{
    measuring::{Effort, Measured, cpu, quick, results},
    ours::{self, By},
    report::{Table, load, micros, section},
    tokens::{AUDIENCE, CASES, EXP, ISSUER, NOW, Signer, small, text},
};
use oidc_proto::{Timestamp, token::Scratch};
use serde_json::{Value, json};
use std::{
    env, fs,
    hint::black_box,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

fn main() {
    let (before, effort) = (load(), Effort::asked());
    let signers = ["RS256", "ES256", "EdDSA"]
        .map(|name| Signer::new(CASES.into_iter().find(|case| case.name == name).expect("a case")));
    let payload = text(small());
    let tokens = signers.each_ref().map(|signer| signer.token("at+jwt", &payload));
    // A slice takes 4 to 50 ms, so that it contains the work of a garbage collector.
    let times = if quick() { 50 } else { 200 };
    let cases: Vec<_> = signers.iter().zip(&tokens).map(|(signer, token)| case(signer, token)).collect();
    let settings =
        json!({ "issuer": ISSUER, "audience": AUDIENCE, "first": 5_000, "times": times, "cases": cases });
    let commands = [node(), python()].into_iter().collect::<Option<Vec<_>>>();
    let Some(commands) = commands else {
        println!("The table of other processes stays as it is.");
        return;
    };
    let mut peers: Vec<_> =
        commands.into_iter().flatten().map(|command| Peer::start(command, &settings)).collect();
    let (mut on_cpu, mut by_clock) = (Vec::new(), Vec::new());
    for (signer, token) in signers.iter().zip(&tokens) {
        let measured = in_turns(signer, token, &mut peers, effort, times);
        on_cpu.push((signer.case.name.to_owned(), measured.0));
        by_clock.push((signer.case.name.to_owned(), measured.1));
    }
    peers.into_iter().for_each(Peer::end);
    let load = format!("Load: {before} at the start, {} at the end.", load());
    let cpu = table("CPU time", &on_cpu, |one, first| {
        let time = micros(one.median);
        if first { time } else { format!("{time}, {:.2} / {:.2}", one.ratio, one.least_ratio) }
    });
    let clock = table("by the clock", &by_clock, |one, _| micros(one.least));
    section("processes", &format!("{} bytes of claims, 4 keys. {load}\n\n{cpu}\n{clock}", payload.len()));
}

/// A key set, a good token, and bad ones: with a wrong signature, of another issuer, for another audience, expired.
fn case(signer: &Signer, token: &str) -> Value {
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let mut refused = vec![format!("{signed}.{other}{}", &signature[1..])];
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("https://other.example")),
        ("exp", json!(NOW - 3600)),
    ] {
        let mut claims = small();
        claims.insert(name.to_owned(), value);
        refused.push(signer.token("at+jwt", &text(claims)));
    }
    let (verifier, keys, mut scratch) = (ours::verifier(signer), By::Ring.keys(signer, 4), Scratch::new());
    for token in &refused {
        let verdict = verifier.verify(token, &keys, &mut scratch, Timestamp(NOW));
        assert!(verdict.is_err(), "it is refused here as well");
    }
    let keys: Value = serde_json::from_slice(&signer.set(4)).expect("JSON");
    json!({ "algorithm": signer.case.name, "keys": keys, "token": token, "refused": refused })
}

/// Measures `verify` and all peers in turns, forth and back: by CPU time, and by the clock.
fn in_turns(
    signer: &Signer,
    token: &str,
    peers: &mut [Peer],
    effort: Effort,
    times: u32,
) -> (Vec<Measured>, Vec<Measured>) {
    let mut verify = ours::verify(signer, By::Ring.keys(signer, 4), token);
    assert_eq!(verify(), EXP);
    let mut own = || {
        let (start, clock) = (cpu(), Instant::now());
        for _ in 0..times {
            black_box(verify());
        }
        [(cpu() - start) / f64::from(times), clock.elapsed().as_nanos() as f64 / f64::from(times)]
    };
    own();
    let mut slices = vec![Vec::new(); peers.len() + 1];
    for turn in 0..effort.slices {
        let mut order: Vec<usize> = (0..slices.len()).collect();
        if turn % 2 == 1 {
            order.reverse();
        }
        for place in order {
            let slice = if place == 0 { own() } else { peers[place - 1].slice(signer.case.name) };
            slices[place].push(slice);
        }
    }
    let names = || ["`verify`"].into_iter().chain(peers.iter().map(|peer| peer.name.as_str()));
    let by = |which: usize| {
        let times: Vec<Vec<_>> =
            slices.iter().map(|own| own.iter().map(|slice| slice[which]).collect()).collect();
        results(names().map(|name| (name.to_owned(), 0)).collect(), &times)
    };
    (by(0), by(1))
}

fn table(
    first: &str,
    columns: &[(String, Vec<Measured>)],
    cell: impl Fn(&Measured, bool) -> String,
) -> String {
    let names = columns.iter().map(|(name, _)| name.clone());
    let mut table = Table::new([first.to_owned()].into_iter().chain(names));
    for (place, row) in columns[0].1.iter().enumerate() {
        let cells = columns.iter().map(|(_, measured)| cell(&measured[place], place == 0));
        table.row([row.name.clone()].into_iter().chain(cells).collect());
    }
    table.text()
}

/// A library in a process of its own.
struct Peer {
    name: String,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a process and waits until it has warmed up.
    fn start(mut command: Command, settings: &Value) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let requests = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut peer = Self { name: String::new(), child, requests, answers };
        let answer = peer.ask(settings);
        answer["name"].as_str().expect("a name").clone_into(&mut peer.name);
        peer
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.requests, "{request}").expect("the process reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the process writes");
        assert!(!answer.is_empty(), "{} has ended early; its reason is above", self.name);
        serde_json::from_str(&answer).expect("JSON")
    }

    /// The time of one verification in a slice, on the CPU and by the clock, in nanoseconds.
    fn slice(&mut self, algorithm: &str) -> [f64; 2] {
        let answer = self.ask(&algorithm.into());
        ["cpu", "clock"].map(|name| answer[name].as_f64().expect("a time"))
    }

    fn end(mut self) {
        drop(self.requests);
        assert!(self.child.wait().expect("an end").success(), "{} failed", self.name);
    }
}

/// A folder beside this file.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// Whether a program is there and is new enough. It says so with its status.
fn is_there(program: &str, arguments: [&str; 2]) -> bool {
    let mut command = Command::new(program);
    succeeds(command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Installs packages unless those of this list are there.
fn install(list: &Path, stamp: &Path, install: impl FnOnce() -> bool) -> bool {
    let list = fs::read(list).expect("the list of packages");
    fs::read(stamp).is_ok_and(|there| there == list) || (install() && fs::write(stamp, list).is_ok())
}

/// The libraries of Node.js.
fn node() -> Option<[Command; 2]> {
    let check = "process.exit(Number(process.versions.node.split('.')[0]) >= 20 ? 0 : 1)";
    if !is_there("node", ["-e", check]) {
        println!("Node.js 20 or later is not there.");
        return None;
    }
    let folder = folder("node");
    let there = install(&folder.join("package-lock.json"), &folder.join("node_modules/.installed"), || {
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        succeeds(Command::new("npm").args(arguments).current_dir(&folder))
    });
    if !there {
        println!("npm does not install the libraries of Node.js.");
        return None;
    }
    Some(["jose", "fast-jwt"].map(|library| {
        let mut command = Command::new("node");
        command.arg(folder.join("verify.mjs")).arg(library);
        command
    }))
}

/// The libraries of Python. The variable `PYTHON` may name the program.
fn python() -> Option<[Command; 2]> {
    let named = env::var("PYTHON").into_iter();
    let mut programs = named.chain(["python3", "python3.14", "python3.13", "python3.12"].map(str::to_owned));
    let check = "import sys; sys.exit(sys.version_info < (3, 12))";
    let Some(program) = programs.find(|program| is_there(program, ["-c", check])) else {
        println!("Python 3.12 or later is not there.");
        return None;
    };
    let (folder, place) = (folder("python"), Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers-python"));
    let list = folder.join("requirements.txt");
    let own = place.join("bin/python");
    let there = install(&list, &place.join("installed"), || {
        let arguments =
            ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--requirement"];
        succeeds(Command::new(&program).args(["-m", "venv", "--clear"]).arg(&place))
            && succeeds(Command::new(&own).args(arguments).arg(&list))
    });
    if !there {
        println!("pip does not install the libraries of Python.");
        return None;
    }
    Some(["py-identity-model", "PyJWT"].map(|library| {
        let mut command = Command::new(&own);
        command.arg(folder.join("verify.py")).arg(library);
        command
    }))
}
