//! The written contract, and a custom stack of ten lines that keeps it.

use crate::{
    own::send,
    server::{Server, Then},
    stacks::{both, get, hurry, plenty, runtime, terms},
};
use oidc_proto::flow::Discovery;
use std::time::Duration;

const CONTRACT: &str = include_str!("../../oidc-adapters/README.md");

#[test]
fn the_contract_shows_a_custom_stack_in_ten_lines() {
    let (_, code) = include_str!("own.rs").split_once("\n\n").expect("what it is, and the code");
    let code: Vec<_> = code.lines().collect();
    let block = format!("```rust\n{}\n```", code.join("\n"));
    assert!(CONTRACT.contains(&block), "oidc-adapters/README.md does not show:\n{block}");
    let counted = code.iter().filter(|line| !line.trim().is_empty()).count();
    assert!(counted <= 10, "{counted} lines");
    assert_eq!(CONTRACT.matches("```rust\n").count(), 1, "every block of Rust is in own.rs");
}

#[test]
fn each_of_the_ten_rules_names_a_test_that_attacks_it() {
    let tests = [
        include_str!("bodies.rs"),
        include_str!("certificates.rs"),
        include_str!("exchanges.rs"),
        include_str!("failures.rs"),
        include_str!("floods.rs"),
        include_str!("hostile.rs"),
        include_str!("times.rs"),
    ]
    .concat();
    for rule in 1..=10 {
        assert!(CONTRACT.contains(&format!("\n{rule}. **")), "rule {rule} is not written down");
        let (alone, first) = (format!("fn rule_{rule}_"), format!("fn rules_{rule}_"));
        assert!(tests.contains(&alone) || tests.contains(&first), "rule {rule} has no test that attacks it");
    }
    assert!(!CONTRACT.contains("\n11. **"));
}

#[test]
fn whole_flows_can_be_moved_between_threads() {
    fn is_send<T: Send>(_: T) {}
    let call = || Discovery::start("https://op.example", &Default::default()).expect("an issuer");
    is_send(oidc_hyper::Http::new().run(call()));
    is_send(oidc_reqwest::Http::new().run(call()));
}

#[test]
fn a_future_that_is_dropped_hangs_up() {
    let (hung_up, wait) = std::sync::mpsc::channel();
    let server = Server::start(move |stream, _| {
        // No more bytes come: the client has hung up.
        let _sent = hung_up.send(stream.read(&mut [0]).map_or(0, |read| read));
        Ok(Then::Close)
    });
    let until_it_is_seen = async |sent: &Server, count| {
        while sent.count().0 < count {
            tokio::task::yield_now().await;
        }
    };
    runtime().block_on(async {
        let (hyper, reqwest) = (oidc_hyper::Http::new(), oidc_reqwest::Http::new());
        tokio::select! {
            _ = hyper.send(get(&server.url("/")), plenty()) => panic!("there is no response"),
            () = until_it_is_seen(&server, 1) => {}
        }
        tokio::select! {
            _ = reqwest.send(get(&server.url("/")), plenty()) => panic!("there is no response"),
            () = until_it_is_seen(&server, 2) => {}
        }
    });
    assert_eq!((wait.recv(), wait.recv()), (Ok(0), Ok(0)));
}

#[test]
fn a_custom_stack_keeps_the_contract() {
    let target = Server::says("", || Then::Close);
    for status in ["307 Go", "401 No", "503 Busy"] {
        let (location, twice) = (target.url("/"), "x-a: 1\r\nx-a: 2\r\nset-cookie: a=b\r\n");
        let head = format!("HTTP/1.1 {status}\r\nlocation: {location}\r\n{twice}retry-after: 0\r\n");
        let server = Server::says(format!("{head}content-length: 2\r\n\r\n{{}}"), || Then::Keep);
        for request in both(&server.url("/token")) {
            let response = send(request, plenty()).expect("a response");
            assert!(status.starts_with(response.status().as_str()), "rules 1 and 3");
            assert_eq!(response.headers().get_all("x-a").iter().count(), 2, "rule 2");
            assert_eq!(response.body(), b"{}");
        }
        let requests = server.requests();
        assert_eq!((requests.len(), target.count()), (2, (0, 0)), "rules 3 and 6");
        let get = requests[0].to_lowercase();
        assert!(!get.contains("content-length") && !get.contains("transfer-encoding"), "rule 8: {get}");
        assert!(!requests[1].to_lowercase().contains("cookie"), "rule 7");
    }
    assert!(send(get("https://127.0.0.1:1/"), plenty()).is_err(), "rules 9 and 10");

    let server = Server::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 8192])?;
        }
    });
    let response = send(get(&server.url("/")), terms(1000, Duration::from_secs(15))).expect("a response");
    assert_eq!(response.body().len(), 1001, "rule 4");

    let server = Server::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")?;
        for _ in 0..500 {
            stream.write_all(b"x")?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Then::Close)
    });
    let error = send(get(&server.url("/")), hurry()).expect_err("rule 5");
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "rule 5");
}
