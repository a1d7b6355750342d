//! The same provider behind a socket.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{NOW, SECRET};
use oidc_testkit::{EndpointName, Registration, Socket, TestProvider, hostile};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

fn start() -> Socket {
    Socket::start_with_clock(
        |issuer| {
            let mut provider = TestProvider::new(issuer);
            provider.register(Registration::basic("basic", SECRET).grant_types(["client_credentials"]));
            provider
        },
        || NOW,
    )
}

fn send(socket: &Socket, request: &str) -> String {
    let address = socket.issuer().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = request.replace("HOST", address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

const DISCOVERY: &str = "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: HOST\r\nAccept: */*\r\nConnection: close\r\n\r\n";

#[test]
fn requests_reach_the_provider_and_changes_to_it_reach_the_client() {
    let socket = start();
    let response = send(&socket, DISCOVERY);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains(&format!("\"issuer\":\"{}\"", socket.issuer())));
    socket.provider(|provider| provider.alter_response(EndpointName::Discovery, hostile::retry_after(5)));
    let response = send(&socket, DISCOVERY);
    assert!(response.starts_with("HTTP/1.1 503") && response.contains("retry-after: 5\r\n"), "{response}");
    socket.provider(|provider| {
        assert_eq!(provider.count(EndpointName::Discovery), 2);
        assert_eq!(provider.requests()[0].at, NOW);
        provider.assert_clean();
    });
}

#[test]
fn whole_bodies_arrive_and_too_large_ones_are_refused() {
    let socket = start();
    let secret: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("basic:{secret}"));
    let post = |body: &str| {
        format!(
            "POST /token HTTP/1.1\r\nHost: HOST\r\nAccept: application/json\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let response = send(&socket, &post("grant_type=client_credentials"));
    assert!(response.starts_with("HTTP/1.1 200") && response.contains("\"access_token\""), "{response}");
    socket.provider(|provider| provider.assert_clean());
    let seen = socket.provider(|provider| provider.requests().len());
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 2 << 20, "a".repeat(2 << 20));
    let head = post("").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let address = socket.issuer().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    // The server may answer and hang up before it has read everything.
    let _sent = stream.write_all(format!("{}{chunk}", head.replace("HOST", address)).as_bytes());
    let mut start = [0; 12];
    if stream.read_exact(&mut start).is_ok() {
        assert_eq!(&start, b"HTTP/1.1 413");
    }
    assert_eq!(socket.provider(|provider| provider.requests().len()), seen);
}

#[test]
fn one_slow_client_does_not_hold_up_another() {
    let socket = start();
    let address = socket.issuer().strip_prefix("http://").unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
    assert!(send(&socket, DISCOVERY).starts_with("HTTP/1.1 200"));
}

#[test]
fn the_port_is_free_again_once_the_socket_is_dropped() {
    let socket = start();
    let address = socket.issuer().strip_prefix("http://").unwrap().to_owned();
    let idle = TcpStream::connect(&address).unwrap();
    drop(socket);
    assert!(TcpStream::connect(&address).is_err());
    drop(idle);
}
