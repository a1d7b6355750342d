//! The same rules over HTTP/2, on the stacks that support it.

use crate::{
    stacks::{Failure, Response, STACKS, Stack, both, get, hurry, plenty, post, runtime, terms},
    tls::Authority,
};
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderName, Request, Version};
use oidc_proto::flow::Terms;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

type Seen = Arc<Mutex<Vec<(Request<()>, Vec<u8>)>>>;

/// A server that only speaks HTTP/2, and the requests that it got.
struct Server {
    authority: Authority,
    url: String,
    seen: Seen,
}

type Script = fn(SendResponse<bytes::Bytes>) -> Result<Open, h2::Error>;

/// A value that a script keeps open. It is dropped when the connection ends.
type Open = Option<Box<dyn std::any::Any + Send>>;

fn serve(script: Script) -> Server {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("127.0.0.1", |_| {}), &["h2"]);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let url = format!("https://{}/token", listener.local_addr().expect("an address"));
    let seen = Seen::default();
    let shared = Arc::clone(&seen);
    runtime().spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let Ok(mut connection) = h2::server::handshake(tls).await else { return };
                let open = Arc::new(Mutex::new(Vec::new()));
                while let Some(Ok((request, respond))) = connection.accept().await {
                    let (seen, open) = (Arc::clone(&seen), Arc::clone(&open));
                    tokio::spawn(async move {
                        let (head, body) = request.into_parts();
                        let body = read(body).await;
                        seen.lock().unwrap().push((Request::from_parts(head, ()), body));
                        open.lock().unwrap().push(script(respond));
                    });
                }
            });
        }
    });
    Server { authority, url, seen }
}

async fn read(mut body: RecvStream) -> Vec<u8> {
    let mut read = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        read.extend(data);
    }
    read
}

impl Server {
    fn send(&self, stack: &Stack, request: Request<Vec<u8>>, terms: Terms) -> Result<Response, Failure> {
        (stack.send_tls)(request, terms, &self.authority.pem(), None)
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn stacks() -> impl Iterator<Item = &'static Stack> {
    STACKS.iter().filter(|stack| stack.http2)
}

fn response(status: u16) -> http::Response<()> {
    http::Response::builder()
        .status(status)
        .header("x-a", "1")
        .header("x-a", "2")
        .body(())
        .expect("a response")
}

#[test]
fn an_http2_server_gets_http2() {
    for stack in stacks() {
        for status in [200, 307, 401, 421, 503] {
            let script: Script = match status {
                200 => |mut to| to.send_response(response(200), true).map(|_| None),
                307 => |mut to| to.send_response(response(307), true).map(|_| None),
                401 => |mut to| to.send_response(response(401), true).map(|_| None),
                421 => |mut to| to.send_response(response(421), true).map(|_| None),
                _ => |mut to| to.send_response(response(503), true).map(|_| None),
            };
            let server = serve(script);
            for request in both(&server.url) {
                let response = server.send(stack, request, plenty());
                let response = response.unwrap_or_else(|error| panic!("{}: {}", stack.name, error.says));
                assert_eq!((response.status().as_u16(), response.version()), (status, Version::HTTP_2));
                assert_eq!(response.headers().get_all("x-a").iter().count(), 2, "{}", stack.name);
            }
            let seen = server.seen.lock().unwrap();
            let [(get, nothing), (post, form)] = seen.as_slice() else { panic!("{}: not two", stack.name) };
            assert!(nothing.is_empty() && !form.is_empty(), "{}", stack.name);
            assert!(!get.headers().contains_key("content-length"), "{}: {get:?}", stack.name);
            assert_eq!(post.headers()["content-length"], form.len().to_string(), "{}", stack.name);
            assert!(post.headers().contains_key("authorization"), "{}", stack.name);
        }
    }
}

#[test]
fn a_hundred_headers_of_sixty_kilobytes_arrive_as_over_http1() {
    let scripts: [(usize, Script); 2] = [
        (99, |mut to| to.send_response(with_headers(99, 1), true).map(|_| None)),
        (60, |mut to| to.send_response(with_headers(60, 1000), true).map(|_| None)),
    ];
    for stack in stacks() {
        for (count, script) in scripts {
            let server = serve(script);
            let response = server.send(stack, get(&server.url), plenty());
            let response = response.unwrap_or_else(|error| panic!("{}: {}", stack.name, error.says));
            assert_eq!(response.headers().get_all("x-many").iter().count(), count, "{}", stack.name);
        }
    }
}

fn with_headers(count: usize, length: usize) -> http::Response<()> {
    let mut response = response(200);
    for _ in 0..count {
        response.headers_mut().append("x-many", "b".repeat(length).parse().expect("a value"));
    }
    response
}

#[test]
fn a_large_body_is_read_up_to_one_byte_too_many() {
    for stack in stacks() {
        let server = serve(|mut to| {
            let mut body = to.send_response(response(200), false)?;
            body.send_data(vec![b'x'; 1 << 20].into(), false)?;
            Ok(Some(Box::new(body)))
        });
        for limit in [0, 1, 64 * 1024] {
            let terms = terms(limit, Duration::from_secs(15));
            let response = server.send(stack, get(&server.url), terms);
            let response = response.unwrap_or_else(|error| panic!("{}: {}", stack.name, error.says));
            assert_eq!(response.body().len(), limit + 1, "{}", stack.name);
        }
    }
}

#[test]
fn a_refused_stream_is_not_requested_again() {
    // The specification allows to repeat a refused stream. The adapters do not: each request is sent once.
    let scripts: [Script; 4] = [
        |mut to| {
            to.send_reset(Reason::REFUSED_STREAM);
            Ok(None)
        },
        |mut to| {
            to.send_reset(Reason::ENHANCE_YOUR_CALM);
            Ok(None)
        },
        |mut to| {
            let mut body = to.send_response(response(200), false)?;
            body.send_reset(Reason::REFUSED_STREAM);
            Ok(None)
        },
        |mut to| {
            let mut body = to.send_response(response(200), false)?;
            body.send_data("{\"a\":".into(), false)?;
            body.send_reset(Reason::CANCEL);
            Ok(None)
        },
    ];
    for stack in stacks() {
        for script in scripts {
            let server = serve(script);
            for request in both(&server.url) {
                let before = server.count();
                let failure = server.send(stack, request, plenty()).map(|_| ()).expect_err("no response");
                assert!(!failure.timed_out, "{}: {}", stack.name, failure.says);
                assert_eq!(server.count(), before + 1, "{}", stack.name);
            }
        }
    }
}

#[test]
fn a_stream_with_only_a_head_is_whole() {
    let scripts: [Script; 3] = [
        |mut to| to.send_response(response(204), true).map(|_| None),
        |mut to| {
            let mut head = response(304);
            head.headers_mut().insert("content-length", 2.into());
            to.send_response(head, true).map(|_| None)
        },
        |mut to| {
            let mut body = to.send_response(response(200), false)?;
            body.send_trailers(http::HeaderMap::from_iter([(HeaderName::from_static("x-b"), 1.into())]))?;
            Ok(None)
        },
    ];
    for stack in stacks() {
        for script in scripts {
            let server = serve(script);
            let whole = server.send(stack, get(&server.url), plenty());
            let whole = whole.unwrap_or_else(|error| panic!("{}: {}", stack.name, error.says));
            assert!(whole.body().is_empty(), "{}", stack.name);
        }
    }
}

#[test]
fn a_stalled_stream_is_abandoned_in_time() {
    let scripts: [Script; 2] = [
        |to| Ok(Some(Box::new(to))),
        |mut to| {
            let mut body = to.send_response(response(200), false)?;
            body.send_data("{".into(), false)?;
            Ok(Some(Box::new(body)))
        },
    ];
    for stack in stacks() {
        for script in scripts {
            let server = serve(script);
            let failure = server.send(stack, post(&server.url, "code=once"), hurry()).map(|_| ());
            let failure = failure.expect_err("no response");
            assert!(failure.timed_out, "{}: {}", stack.name, failure.says);
            assert_eq!(server.count(), 1, "{}", stack.name);
        }
    }
}
