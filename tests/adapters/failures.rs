//! Rules 6 and 10: an error means that there was no response, and a response is whole.

use crate::{
    server::{Server, Then},
    stacks::{STACKS, both, get, hurry, plenty, post},
};
use oidc_drive::DriveError;
use oidc_proto::{Error, UrlPolicy, flow::Discovery};
use std::net::TcpListener;

const PHASES: [(&str, &str); 7] = [
    ("after the request", ""),
    ("in the status line", "HTTP/1.1 20"),
    ("in a header", "HTTP/1.1 200 OK\r\ncontent-le"),
    ("after a header", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n"),
    ("before the body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"),
    ("in the body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"a\":1}"),
    ("between chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"),
];

#[test]
fn rule_10_a_broken_response_is_an_error_and_is_not_requested_again() {
    for stack in &STACKS {
        for (phase, bytes) in PHASES {
            for then in [|| Then::Close, || Then::Reset] {
                let server = Server::says(bytes, then);
                for (sent, request) in both(&server.url("/token")).into_iter().enumerate() {
                    let failure = stack.failed(request, plenty());
                    assert!(!failure.timed_out, "{} {phase}: {}", stack.name, failure.says);
                    assert_eq!(server.count(), (sent + 1, sent + 1), "{} {phase}", stack.name);
                }
            }
        }
    }
}

#[test]
fn rule_10_a_body_without_length_ends_with_the_connection_unless_that_is_reset() {
    for stack in &STACKS {
        let server = Server::says("HTTP/1.1 200 OK\r\n\r\n{\"a\":1}", || Then::Close);
        assert_eq!(stack.answered(get(&server.url("/")), plenty()).body(), b"{\"a\":1}", "{}", stack.name);
        let server = Server::says("HTTP/1.1 200 OK\r\n\r\n{\"a\":1}", || Then::Reset);
        let sent = (stack.send)(get(&server.url("/")), plenty());
        assert!(sent.is_err() || !stack.sees_cuts, "{}", stack.name);
        assert_eq!(server.count(), (1, 1), "{}", stack.name);
    }
}

#[test]
fn a_cut_document_is_refused_on_every_stack() {
    for stack in &STACKS {
        for then in [|| Then::Close, || Then::Reset] {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
            let server = Server::says(format!("{head}{{\"issuer\":\"http://127.0.0.1\""), then);
            let policy = UrlPolicy::default().with_loopback();
            let discovery = Discovery::start(&server.url(""), &policy).expect("an issuer");
            let failed = oidc_drive::run(discovery, stack.send).expect_err("it is cut");
            let refused = matches!(&failed, DriveError::Protocol(Error::Response(_)));
            assert!(refused || matches!(failed, DriveError::Transport(_)), "{}", stack.name);
        }
    }
}

#[test]
fn rule_10_a_closed_port_gives_no_response() {
    for stack in &STACKS {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        drop(listener);
        let failure = stack.failed(get(&url), plenty());
        assert!(!failure.timed_out, "{}: {}", stack.name, failure.says);

        let server = Server::slams_the_door();
        stack.failed(post(&server.url("/token"), "code=once"), plenty());
        assert_eq!(server.count(), (0, 1), "{}: one connection", stack.name);
    }
}

#[test]
fn rule_10_bytes_that_are_not_http_give_no_response() {
    for stack in &STACKS {
        for nonsense in [
            "SSH-2.0-OpenSSH_9.6\r\n",
            "{\"not\":\"http\"}\r\n\r\n",
            "HTTP/1.1 abc OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        ] {
            let server = Server::says(nonsense, || Then::Close);
            let failure = stack.failed(get(&server.url("/")), plenty());
            assert!(!failure.timed_out, "{} {nonsense}: {}", stack.name, failure.says);
            assert_eq!(server.count().0, 1, "{} {nonsense}", stack.name);
        }
    }
}

#[test]
fn rule_10_an_endless_head_gives_no_response() {
    for stack in &STACKS {
        for line in ["x-a: 1\r\n", "a"] {
            let server = Server::start(move |stream, _| {
                stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
                let piece = line.repeat(1000);
                loop {
                    stream.write_all(piece.as_bytes())?;
                }
            });
            stack.failed(get(&server.url("/")), hurry());
            assert_eq!(server.count().0, 1, "{}", stack.name);
        }
    }
}
