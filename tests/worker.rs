//! The example `worker`, which never ends by itself: through an outage at its start, a token that is refused in the
//! middle, and another outage.

use super::{assert_one_line, example};
use oidc_testkit::{Registration, Socket, TestProvider};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

/// A port that leads to a provider, or nowhere while it is shut.
struct Gateway {
    port: u16,
    open: Arc<AtomicBool>,
}

impl Gateway {
    fn start() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        (Self { port, open: Arc::default() }, listener)
    }

    /// Passes each connection on to this address, once the gateway is open.
    fn lead(&self, listener: TcpListener, to: String) {
        let open = Arc::clone(&self.open);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten().filter(|_| open.load(SeqCst)) {
                let Ok(far) = TcpStream::connect(&to) else { continue };
                let (Ok(mut from), Ok(mut back)) = (near.try_clone(), far.try_clone()) else { continue };
                let (mut near, mut far) = (near, far);
                std::thread::spawn(move || std::io::copy(&mut from, &mut far));
                std::thread::spawn(move || {
                    let _copied = std::io::copy(&mut back, &mut near);
                    near.shutdown(std::net::Shutdown::Both)
                });
            }
        });
    }
}

/// An API that refuses the token of the next request, and from then on, whenever it is told to. Returns its URL.
fn jobs(revoke: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/jobs", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let mut revoked = BTreeSet::new();
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let token = head.iter().find(|line| line.to_lowercase().starts_with("authorization: bearer "));
            let Some(token) = token else { continue };
            if revoke.swap(false, SeqCst) {
                revoked.insert(token.clone());
            }
            let refused = "401 Unauthorized\r\nwww-authenticate: Bearer error=\"invalid_token\"";
            let status = if revoked.contains(token) { refused } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\nconnection: close\r\n\r\na job");
            let _sent = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_worker_outlives_outages_and_refused_tokens_and_stops_only_for_a_wrong_setting() {
    let (gateway, listener) = Gateway::start();
    let issuer = format!("http://127.0.0.1:{}", gateway.port);
    let mut place = String::new();
    let socket = Socket::start(|own| {
        own.trim_start_matches("http://").clone_into(&mut place);
        let mut provider = TestProvider::new(&issuer);
        provider.register(Registration::basic("worker", "its secret").grant_types(["client_credentials"]));
        provider
    });
    gateway.lead(listener, place);
    let revoked = Arc::<AtomicBool>::default();
    let api = jobs(Arc::clone(&revoked));
    let mut child = example("oidc-ureq", "worker", &[])
        .env("WORKER_ISSUER", &issuer)
        .env("WORKER_CLIENT_ID", "worker")
        .env("WORKER_CLIENT_SECRET", "its secret")
        .env("WORKER_SCOPE", "jobs:read")
        .env("WORKER_SECONDS", "0.05")
        .env("WORKER_URL", &api)
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo runs");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut until = |wanted: &str| {
        let mut all = lines.by_ref().map(|line| line.expect("text"));
        let seen: Vec<String> = all.by_ref().take(2_000).take_while(|line| line != wanted).collect();
        assert!(seen.len() < 2_000 && seen.iter().all(|line| !line.contains("ey")), "{wanted}: {seen:?}");
        seen
    };
    until("no token: no_response");
    gateway.open.store(true, SeqCst);
    let seen = until("a job");
    assert!(seen.contains(&"a token was fetched: Ok(())".to_owned()), "{seen:?}");
    revoked.store(true, SeqCst);
    let seen = until("a token was fetched: Ok(())");
    assert!(seen.iter().all(|line| line == "a job"), "no call failed: {seen:?}");
    until("a job");
    // The provider is away again, and the token serves.
    gateway.open.store(false, SeqCst);
    for _ in 0..5 {
        until("a job");
    }
    child.kill().and_then(|()| child.wait()).expect("it runs until then");
    socket.provider(|provider| provider.assert_clean());

    let unset =
        example("oidc-ureq", "worker", &[]).env("WORKER_URL", &api).env("WORKER_SECONDS", "1").output();
    assert_one_line(&unset.expect("cargo runs"), &["the environment variable WORKER_ISSUER is not set"]);
}
