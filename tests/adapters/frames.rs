//! HTTP/2 written frame by frame: sequences that no proper server sends.

use crate::{
    stacks::{Failure, Response, STACKS, Stack, both, get, hurry, plenty, post},
    tls::Authority,
};
use http::Request;
use oidc_proto::flow::Terms;
use rustls::{ServerConnection, StreamOwned};
use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    time::Duration,
};

pub type Connection = StreamOwned<ServerConnection, TcpStream>;

/// Types of frames (RFC 9113 section 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const PRIORITY: u8 = 2;
pub const PUSH_PROMISE: u8 = 5;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags of frames.
const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// `:status: 200` by its index in the static table of HPACK.
pub const OK: &[u8] = &[0x88];

/// The stream of the first request of a client.
pub const FIRST: u32 = 1;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length, &[kind, flags][..], &stream.to_be_bytes(), payload].concat()
}

/// A header of HPACK with a short literal name and value.
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| vec![u8::try_from(text.len()).ok().filter(|n| *n < 127).expect("short")];
    [vec![0], length(name), name.into(), length(value), value.into()].concat()
}

pub fn head(flags: u8, fields: &[&[u8]]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, FIRST, &fields.concat())
}

pub fn data(flags: u8, text: &str) -> Vec<u8> {
    frame(DATA, flags, FIRST, text.as_bytes())
}

/// Reads the preface, and then frames until the request is whole.
fn read_request(client: &mut Connection) -> io::Result<()> {
    client.read_exact(&mut [0; 24])?;
    client.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        client.read_exact(&mut head)?;
        let [a, b, c, kind, flags, ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        io::copy(&mut io::Read::take(&mut *client, length.into()), &mut io::sink())?;
        if [DATA, HEADERS].contains(&kind) && flags & END_STREAM != 0 {
            return Ok(());
        }
    }
}

pub struct Server {
    pub authority: Authority,
    pub url: String,
}

impl Server {
    /// Runs the script on each connection after a request has arrived.
    pub fn start(script: impl Fn(Connection) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::meet(move |mut client| {
            read_request(&mut client)?;
            script(client)
        })
    }

    /// Runs the script on each connection as soon as it is open.
    fn meet(script: impl Fn(Connection) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let config = Arc::new(authority.server(&authority.issue("127.0.0.1", |_| {}), &["h2"]));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("https://{}/token", listener.local_addr().expect("an address"));
        let script = Arc::new(script);
        std::thread::spawn(move || {
            while let Ok((tcp, _)) = listener.accept() {
                let (config, script) = (Arc::clone(&config), Arc::clone(&script));
                std::thread::spawn(move || {
                    tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
                    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
                    script(StreamOwned::new(tls, tcp))
                });
            }
        });
        Self { authority, url }
    }

    /// Answers each request with these frames, and waits until the client hangs up.
    fn says(frames: &[Vec<u8>]) -> Self {
        let frames = frames.concat();
        Self::start(move |mut client| {
            client.write_all(&frames)?;
            io::copy(&mut client, &mut io::sink()).map(|_| ())
        })
    }

    fn send(&self, stack: &Stack, request: Request<Vec<u8>>, terms: Terms) -> Result<Response, Failure> {
        (stack.send_tls)(request, terms, &self.authority.pem(), None)
    }
}

fn stacks() -> impl Iterator<Item = &'static Stack> {
    STACKS.iter().filter(|stack| stack.http2)
}

#[test]
fn a_whole_response_counts_however_it_is_cut_into_frames() {
    let interim = head(0, &[&literal(":status", "103"), &literal("link", "</style.css>")]);
    let nothing = frame(GOAWAY, 0, 0, &[0; 8]);
    let last = frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let no_error = frame(RST_STREAM, 0, FIRST, &[0; 4]);
    let length = literal("content-length", "2");
    for frames in [
        vec![head(0, &[OK]), data(END_STREAM, "{}")],
        vec![head(0, &[OK, &length]), data(0, "{"), data(0, ""), data(0, "}"), data(END_STREAM, "")],
        vec![interim.clone(), interim, head(0, &[OK]), data(END_STREAM, "{}")],
        vec![head(0, &[OK]), data(0, "{}"), head(END_STREAM, &[&literal("x-trailer", "1")])],
        vec![last, head(0, &[OK]), data(END_STREAM, "{}")],
        // RFC 9113 section 8.1: the server wants no more of the request, and the response counts.
        vec![head(0, &[OK, &length]), data(END_STREAM, "{}"), no_error],
        vec![head(0, &[OK]), data(END_STREAM, "{}"), nothing],
    ] {
        let server = Server::says(&frames);
        for stack in stacks() {
            for request in both(&server.url) {
                let sent = server.send(stack, request, plenty());
                let sent = sent.unwrap_or_else(|error| panic!("{} {frames:?}: {}", stack.name, error.says));
                assert_eq!((sent.status().as_u16(), sent.body().as_slice()), (200, &b"{}"[..]));
                assert!(!sent.headers().contains_key("link"), "{}", stack.name);
            }
        }
    }
}

#[test]
fn an_incomplete_response_does_not_count_whatever_the_server_claims() {
    let no_error = frame(RST_STREAM, 0, FIRST, &[0; 4]);
    let length = literal("content-length", "9");
    for frames in [
        vec![frame(GOAWAY, 0, 0, &[0; 8])],
        vec![no_error.clone()],
        vec![head(END_STREAM, &[OK, &length])],
        vec![head(0, &[OK, &length]), data(END_STREAM, "{}")],
        vec![head(0, &[OK, &length]), data(END_STREAM, "{\"a\": 123}")],
        vec![head(0, &[OK, &length]), data(0, "{}"), head(END_STREAM, &[&literal("x-trailer", "1")])],
        vec![head(0, &[OK, &length]), no_error.clone()],
        vec![head(0, &[OK, &length]), data(0, "{}"), no_error],
    ] {
        let server = Server::says(&frames);
        for stack in stacks() {
            for request in both(&server.url) {
                let Err(failure) = server.send(stack, request, plenty()) else {
                    panic!("{} {frames:?}: a response", stack.name)
                };
                assert!(!failure.timed_out, "{} {frames:?}: {}", stack.name, failure.says);
            }
        }
    }
}

#[test]
fn a_stream_without_length_that_is_reset_without_an_error_is_incomplete() {
    let no_error = frame(RST_STREAM, 0, FIRST, &[0; 4]);
    for frames in [vec![head(0, &[OK]), no_error.clone()], vec![head(0, &[OK]), data(0, "{}"), no_error]] {
        let server = Server::says(&frames);
        for stack in stacks() {
            let sent = server.send(stack, get(&server.url), plenty());
            assert!(sent.is_err(), "{} {frames:?}", stack.name);
        }
    }
}

#[test]
fn a_server_that_reads_nothing_holds_no_connection_longer_than_an_exchange() {
    for stack in stacks() {
        let (tell, told) = mpsc::channel();
        // The server allows a body of any size and reads none of it, so that the client soon cannot write
        // any more.
        let server = Server::meet(move |mut client| {
            client.write_all(&frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]))?;
            client.write_all(&frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0]))?;
            while client.write_all(&frame(PING, 0, 0, &[0; 8])).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
            tell.send(()).map_err(io::Error::other)
        });
        let body = post(&server.url, &"x".repeat(32 << 20));
        let failure = server.send(stack, body, hurry()).map(|_| ()).expect_err("no response");
        assert!(failure.timed_out, "{}: {}", stack.name, failure.says);
        let gone = told.recv_timeout(Duration::from_secs(25));
        assert!(gone.is_ok(), "{}: the connection is still held", stack.name);
    }
}

#[test]
fn a_server_that_floods_and_reads_nothing_holds_no_connection_either() {
    for stack in stacks() {
        let (tell, told) = mpsc::channel();
        // Each ping asks for a response, and the server reads none.
        let server = Server::start(move |mut client| {
            let pings = frame(PING, 0, 0, &[0; 8]).repeat(1000);
            while client.write_all(&pings).is_ok() {}
            tell.send(()).map_err(io::Error::other)
        });
        let failure = server.send(stack, get(&server.url), hurry()).map(|_| ()).expect_err("no response");
        assert!(failure.timed_out || failure.too_much == Some(1 << 20), "{}: {}", stack.name, failure.says);
        let gone = told.recv_timeout(Duration::from_secs(25));
        assert!(gone.is_ok(), "{}: the connection is still held", stack.name);
    }
}
