//! Rule 5: the timeout is kept over the whole exchange, even if bytes drip in slowly.

use crate::{
    server::{Server, Stream, Then},
    stacks::{STACKS, get, hurry, post},
};
use std::{
    io::{self, Read as _},
    net::TcpListener,
    time::Duration,
};

/// Writes one piece after another, each soon enough that no read times out.
fn drip(stream: &mut dyn Stream, head: &str, pieces: impl Iterator<Item = Vec<u8>>) -> io::Result<Then> {
    stream.write_all(head.as_bytes())?;
    for piece in pieces {
        stream.write_all(&piece)?;
        stream.flush()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Then::Close)
}

#[test]
fn rule_5_a_dripping_server_is_abandoned_in_time() {
    let bytes = |text: &str| text.bytes().cycle().map(|byte| vec![byte]).take(500).collect::<Vec<_>>();
    let whole = |text: &str| vec![text.as_bytes().to_vec(); 500];
    let cases = [
        ("nothing", "", Vec::new()),
        ("status line", "HTTP/1.1 200 O", bytes("K")),
        ("header", "HTTP/1.1 200 OK\r\nx-long: ", bytes("a")),
        ("headers", "HTTP/1.1 200 OK\r\n", bytes("x-a: 1\r\n")),
        ("interim responses", "", whole("HTTP/1.1 102 Processing\r\n\r\n")),
        ("body", "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n", bytes("x")),
        ("body without length", "HTTP/1.1 200 OK\r\n\r\n", bytes("x")),
        ("body of a refusal", "HTTP/1.1 503 No\r\ncontent-length: 500\r\n\r\n", bytes("x")),
        ("chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", whole("1\r\nx\r\n")),
        ("chunk size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", bytes("a")),
        ("gzip", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 500\r\n\r\n", {
            // An empty stored block, again and again: the decompressed body never grows.
            let header = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
            std::iter::once(header).chain(vec![vec![0, 0, 0, 0xff, 0xff]; 98]).collect()
        }),
    ];
    std::thread::scope(|scope| {
        for (what, head, pieces) in &cases {
            for stack in &STACKS {
                scope.spawn(move || {
                    let pieces = pieces.clone();
                    let head = *head;
                    let server = Server::start(move |stream, _| {
                        if pieces.is_empty() {
                            // Waits until the client hangs up.
                            let _end = stream.read(&mut [0]);
                        }
                        drip(stream, head, pieces.clone().into_iter())
                    });
                    let failure = stack.failed(post(&server.url("/token"), "code=once"), hurry());
                    assert!(failure.timed_out, "{} {what}: {}", stack.name, failure.says);
                    assert_eq!(server.count().0, 1, "{} {what}", stack.name);
                });
            }
        }
    });
}

#[test]
fn rule_5_a_server_that_does_not_read_is_abandoned_in_time() {
    for stack in &STACKS {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/token", listener.local_addr().expect("an address"));
        let body = "x".repeat(32 << 20);
        let failure = stack.failed(post(&url, &body), hurry());
        assert!(failure.timed_out, "{}: {}", stack.name, failure.says);
    }
}

#[test]
fn rule_5_an_endless_handshake_is_abandoned_in_time() {
    for stack in &STACKS {
        for speaks in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let url = format!("https://{}/token", listener.local_addr().expect("an address"));
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("a client");
                let mut hello = [0; 5];
                stream.read_exact(&mut hello).expect("a hello");
                if speaks {
                    // A handshake record that announces a large length, and then comes byte by byte.
                    let head = "\u{16}\u{3}\u{3}\u{20}\u{0}\u{2}\u{0}\u{1f}";
                    let _hung_up = drip(&mut stream, head, (0..500).map(|_| vec![0]));
                } else {
                    let _hung_up = stream.read_to_end(&mut Vec::new());
                }
            });
            let failure = stack.failed(get(&url), hurry());
            assert!(failure.timed_out, "{} {speaks}: {}", stack.name, failure.says);
            server.join().expect("the server has ended");
        }
    }
}
