//! Services of axum behind sockets of this machine. Each has a thread of its own, and tells how much CPU time this thread
//! has used, in the program and in the kernel. The time of the client does not count.

use crate::measuring::{Effort, Measured, allocations, cpu, results};
use axum::{Router, routing::get};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// The connections of a client. It sends a request over each, and then reads all responses.
const CONNECTIONS: usize = 64;

/// A service, and a client of it.
pub struct Served {
    name: String,
    connections: Vec<TcpStream>,
    control: TcpStream,
    request: Vec<u8>,
    response: Vec<u8>,
}

impl Served {
    /// Serves a router in a thread of its own, and connects a client that sends this token.
    pub fn new(name: impl Into<String>, router: Router, token: &str) -> Self {
        let address = serve(router);
        let connect = || {
            let stream = TcpStream::connect(address).expect("a connection");
            stream.set_nodelay(true).expect("an option");
            stream
        };
        let request = format!(
            "GET /orders HTTP/1.1\r\nhost: {address}\r\naccept: */*\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        let mut served = Self {
            name: name.into(),
            connections: (0..CONNECTIONS).map(|_| connect()).collect(),
            control: connect(),
            request: request.into_bytes(),
            response: Vec::new(),
        };
        let first = exchange(&mut served.connections[0], &served.request);
        assert!(first.starts_with("HTTP/1.1 200 ") && first.ends_with("\r\n\r\nok"), "{first}");
        served.response = vec![0; first.len()];
        served
    }

    /// Sends one request over each connection. All responses have the same length.
    fn round(&mut self) {
        for connection in &mut self.connections {
            connection.write_all(&self.request).expect("a request is sent");
        }
        for connection in &mut self.connections {
            connection.read_exact(&mut self.response).expect("a response");
            assert!(self.response.ends_with(b"ok"));
        }
    }

    /// The CPU time of the thread of the service, in nanoseconds, and the number of its allocations.
    fn used(&mut self) -> (f64, u64) {
        let said = exchange(&mut self.control, b"GET /used HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let (_, body) = said.split_once("\r\n\r\n").expect("a body");
        let (time, count) = body.split_once(' ').expect("two numbers");
        (time.parse().expect("a time"), count.parse().expect("a number"))
    }

    /// The CPU time of one request, and the number of its allocations.
    fn slice(&mut self, rounds: usize) -> (f64, u64) {
        let (start, before) = self.used();
        (0..rounds).for_each(|_| self.round());
        let (end, after) = self.used();
        let requests = rounds * CONNECTIONS;
        ((end - start) / requests as f64, (after - before) / requests as u64)
    }
}

/// Sends a request, and returns the response, which is short.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).expect("a request is sent");
    let mut response = String::new();
    let mut bytes = [0; 4096];
    while !is_whole(&response) {
        let count = stream.read(&mut bytes).expect("a response");
        assert!(count > 0, "the service has closed the connection");
        response.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
    }
    response
}

fn is_whole(response: &str) -> bool {
    let Some((head, body)) = response.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| length.parse() == Ok(body.len()))
}

fn serve(router: Router) -> SocketAddr {
    // It is no part of what is measured, so no middleware is around it.
    let router = router.route("/used", get(async || format!("{} {}", cpu(), allocations())));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("an option");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await.expect("it serves until the end");
        });
    });
    address
}

/// Measures the services in turns, forth and back, and each alone.
pub fn measure(mut services: Vec<Served>, effort: Effort) -> Vec<Measured> {
    // A request takes 20 to 100 µs.
    let rounds = (effort.slice / 2e5).ceil() as usize;
    let counts: Vec<_> = services.iter_mut().map(|service| service.slice(4).1).collect();
    let mut times = vec![Vec::new(); services.len()];
    for turn in 0..effort.slices {
        let mut order: Vec<usize> = (0..services.len()).collect();
        if turn % 2 == 1 {
            order.reverse();
        }
        for place in order {
            times[place].push(services[place].slice(rounds).0);
        }
    }
    results(services.into_iter().map(|service| service.name).zip(counts).collect(), &times)
}
