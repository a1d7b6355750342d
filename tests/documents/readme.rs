//! Runs the README's code against a provider, to the letter, so that the README shows only code that works.

use crate::shown::{block, shown};
use oidc_testkit::{Registration, Socket, TestProvider};
use std::collections::BTreeSet;

#[path = "../providers/readme.rs"]
mod login;

// README: bearer
mod bearer {
    use oidc_ureq::{Http, Provider, ProviderError};

    pub fn api(issuer: &str) -> Result<Provider, ProviderError> {
        Http::new().provider(issuer).audience("https://api.example/").build()
    }
    pub fn subject(api: &Provider, token: &str) -> Result<String, ProviderError> {
        api.verify(token, |token| token.claims().sub.as_deref().unwrap_or_default().to_owned())
    }
}
// README: end

// README: loop
mod by_hand {
    use oidc_proto::{Moment, Timestamp, flow::*};
    use std::time::{SystemTime, UNIX_EPOCH};

    pub fn drive<F: Flow, E: From<oidc_proto::Error>>(
        mut step: Step<F>,
        send: impl Fn(Request, Terms) -> Result<http::Response<Vec<u8>>, E>,
    ) -> Result<F::Output, E> {
        loop {
            step = match step {
                Step::Send(call) => {
                    let (request, terms, pending) = call.into_parts();
                    match send(request, terms) {
                        Ok(response) => pending.receive(response, moment())?,
                        Err(lost) => pending.fail(moment())?.ok_or(lost)?,
                    }
                }
                Step::Wait(pause) => {
                    std::thread::sleep(moment().now().until(pause.until()));
                    pause.wake(moment())?
                }
                Step::Done(output) => return Ok(output),
            }
        }
    }

    fn moment() -> Moment {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let entropy = ring::rand::generate(&ring::rand::SystemRandom::new()).expect("entropy");
        Moment::new(Timestamp(now as i64), entropy.expose())
    }
}
// README: end

// README: pure
mod pure {
    use oidc_proto::{Timestamp, jose::KeySet, token::*};

    pub fn subject(token: &str, keys: &KeySet, now: Timestamp) -> Result<String, VerificationError> {
        let verifier = AccessTokenVerifier::new(ISSUER, "https://api.example/");
        let mut scratch = Scratch::new();
        let verified = verifier.verify(token, keys, &mut scratch, now)?;
        Ok(verified.claims().sub.as_deref().unwrap_or_default().to_owned())
    }
    const ISSUER: &str = "https://op.example";
}
// README: end

#[test]
fn the_readme_shows_this_code_and_no_more_lines_than_it_promises() {
    let readme = include_str!("../../README.md");
    let whole = |file: &str| -> Vec<_> {
        let (_, code) = file.split_once("\n\n").expect("what it is, and the code");
        code.lines().map(str::to_owned).collect()
    };
    let own = ("own", whole(include_str!("../adapters/own.rs")), 10);
    let login = ("login", whole(include_str!("../providers/readme.rs")), 20);
    let snippets = [("bearer", 8), ("pure", 8), ("loop", 30)];
    let source = include_str!("readme.rs");
    let snippets = snippets.map(|(name, most)| (name, shown(source, "README", name), most));
    for (name, code, most) in snippets.into_iter().chain([own, login]) {
        let block = block(&code);
        assert!(readme.contains(&block), "README.md does not show:\n{block}");
        let counted = code.iter().filter(|line| !line.trim().is_empty()).count();
        assert!(counted <= most, "{name}: {counted} lines");
    }
    let blocks = readme.matches("```rust\n").count();
    assert_eq!(blocks, 5, "every block of Rust in README.md is here, or in a file of its own");
}

fn provider() -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.default_resource("https://api.example/");
        provider.register(
            Registration::basic("my-client", "my secret")
                .redirect_uri("https://app.example/callback")
                .grant_type("client_credentials"),
        );
        provider
    })
}

/// The user's browser. The provider of the testkit sends it back at once.
fn visit(url: &str) -> String {
    let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).build().into();
    let response = agent.get(url).call().expect("the provider answers");
    response.headers()["location"].to_str().expect("text").to_owned()
}

#[test]
fn the_login_of_the_readme_logs_in() {
    let socket = provider();
    let login = login::log_in(socket.issuer(), visit).expect("a login");
    assert_eq!((&*login.id_token.sub, login.name()), ("alice", Some("Alice Example")));
    socket.provider(|provider| provider.assert_clean());
}

#[test]
fn the_loop_of_the_readme_drives_a_flow_over_any_http_client() {
    let socket = provider();
    let http = oidc_ureq::Http::new();
    let policy = oidc_proto::UrlPolicy::default().with_loopback();
    let discovery = oidc_proto::flow::Discovery::start(socket.issuer(), &policy).expect("an issuer");
    let send = |request, terms| http.send(request, terms).map_err(Into::into);
    let metadata = by_hand::drive::<_, Box<dyn std::error::Error>>(discovery.into(), send);
    assert_eq!(metadata.expect("metadata").issuer, socket.issuer());
}

#[test]
fn the_handle_of_the_readme_verifies() {
    let socket = provider();
    let api = bearer::api(socket.issuer()).expect("settings that fit");
    let service = oidc_ureq::Http::new().provider(socket.issuer()).client_id("my-client").secret("my secret");
    let service = service.build();
    let wanted = oidc_proto::flow::ClientCredentialsRequest::default();
    let token = service.expect("settings that fit").client_credentials(&wanted).expect("a token");
    let token = token.value.access_token.expose();
    assert_eq!(bearer::subject(&api, token).as_deref(), Ok("my-client"));
    assert_eq!(bearer::subject(&api, "no token").unwrap_err().code(), "jws_not_compact");
}

#[test]
fn the_verifier_of_the_readme_verifies() {
    let mut provider = TestProvider::new("https://op.example");
    provider.default_resource("https://api.example/");
    provider.register(Registration::post("service", "its secret").grant_type("client_credentials"));
    let now = oidc_proto::Timestamp(1_800_000_000);
    let body = "grant_type=client_credentials&client_id=service&client_secret=its+secret";
    let request = http::Request::post("https://op.example/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(body.as_bytes().to_vec())
        .expect("a request");
    let response = provider.handle(&request, now);
    let tokens: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
    let keys = oidc_proto::jose::KeySet::parse(provider.key_set().to_string().as_bytes()).expect("keys");
    let token = tokens["access_token"].as_str().expect("a token");
    assert_eq!(pure::subject(token, &keys, now).as_deref(), Ok("service"));
    let why = pure::subject(&token.replace('.', "-"), &keys, now).unwrap_err();
    assert_eq!(why.code(), "jws_not_compact");
}

/// The crates that a package depends on, itself included, each with its version or by its name alone.
fn below(package: &str, versions: bool) -> BTreeSet<String> {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", package, "--edges", "normal", "--prefix", "none"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("text");
    let end = if versions { " (" } else { " " };
    let named = |line: &str| line.split(end).next().unwrap_or_default().to_owned();
    tree.lines().filter(|line| !line.is_empty()).map(named).collect()
}

#[test]
fn the_readme_states_how_many_crates_each_crate_pulls_in() {
    let readme = include_str!("../../README.md");
    let crates = readme.lines().filter(|line| line.starts_with("| [`oidc-") && !line.contains("testkit"));
    let mut counted = 0;
    for row in crates {
        let name = row.split('`').nth(1).expect("a name");
        let number = format!("{} crates |", below(name, true).len());
        assert!(row.ends_with(&number), "{row} but {number}");
        counted += 1;
    }
    assert_eq!(counted, 10, "one row for each crate that programs depend on");
}

#[test]
fn no_adapter_pulls_in_crates_that_its_stack_does_not_need() {
    for (adapter, stack, besides) in [
        ("oidc-ureq", "ureq", &[][..]),
        // Bodies, and the authorities of Mozilla's browsers.
        ("oidc-hyper", "hyper-rustls", &["http-body-util", "webpki-roots"]),
        ("oidc-reqwest", "reqwest", &["webpki-roots"]),
    ] {
        let theirs = &below(stack, false) | &below("oidc-drive", false);
        let ours: Vec<_> = (&below(adapter, false) - &theirs).into_iter().collect();
        let mut expected: Vec<_> = besides.iter().map(|name| (*name).to_owned()).collect();
        expected.push(adapter.to_owned());
        expected.sort();
        assert_eq!(ours, expected);
    }
}

/// The store over Redis is a crate of its own, and nobody else pulls Redis in.
#[test]
fn only_the_crate_for_redis_pulls_in_redis() {
    for (package, expected) in [
        ("oidc-redis", true),
        ("oidc-proto", false),
        ("oidc-drive", false),
        ("oidc-ureq", false),
        ("oidc-hyper", false),
        ("oidc-reqwest", false),
        ("oidc-tower", false),
        ("oidc-axum", false),
        ("oidc-tracing", false),
        ("oidc-testkit", false),
    ] {
        assert_eq!(below(package, false).contains("redis"), expected, "{package}");
    }
}
