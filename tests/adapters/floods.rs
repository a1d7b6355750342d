//! Rule 5 over TLS and HTTP/2: frames, records and handshake messages without end.

use crate::{
    beside::{self, RUNTIMES, alone},
    frames::{
        CONTINUATION, DATA, END_HEADERS, FIRST, GOAWAY, HEADERS, OK, PING, PRIORITY, PUSH_PROMISE,
        RST_STREAM, SETTINGS, Server, WINDOW_UPDATE, data, frame, head, literal,
    },
    hostile::{Case, Hostile, case},
    stacks::{Kept, get, terms},
    tls::Authority,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring::Ticketer};
use std::{
    io::{self, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const LIMIT: usize = 64 * 1024;
const SUM: u64 = 1 << 20;

/// A time much longer than an exchange may take.
const GOES_ON: Duration = Duration::from_secs(12);

/// A header with a long value, as a literal.
fn long(prefix: u8, name: &str, length: usize) -> Vec<u8> {
    let mut rest = length - 127;
    let mut digits = vec![0x7f];
    while rest >= 128 {
        digits.push(u8::try_from(rest % 128 + 128).expect("a digit"));
        rest /= 128;
    }
    digits.push(u8::try_from(rest).expect("a digit"));
    let name_length = u8::try_from(name.len()).expect("short");
    [vec![prefix, name_length], name.into(), digits, vec![b'a'; length]].concat()
}

/// Each case: its name, the first bytes, the bytes that repeat without end, and whether there can be a
/// response.
fn frames() -> Vec<(&'static str, Vec<u8>, Vec<u8>, bool)> {
    let window = |size: [u8; 4]| frame(SETTINGS, 0, 0, &[&[0, 4][..], &size].concat());
    let swings = [window([0; 4]), window([0x7f, 0xff, 0xff, 0xff])].concat();
    let padded = frame(DATA, 8, FIRST, &[&[200][..], &[0; 200]].concat());
    let promise = frame(PUSH_PROMISE, END_HEADERS, FIRST, &[&[0, 0, 0, 2][..], OK].concat());
    let open = frame(HEADERS, 0, FIRST, OK);
    // One large entry in the dynamic table, and then thousands of references to it.
    let bomb = frame(HEADERS, 0, FIRST, &[OK, &long(0x40, "x", 4000)].concat());
    let interim = |more: &[u8]| head(0, &[&literal(":status", "103"), more]);
    let goaway = frame(GOAWAY, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let started = head(0, &[OK]);
    vec![
        ("SETTINGS", vec![], frame(SETTINGS, 0, 0, &[]), false),
        ("SETTINGS with a window that swings", vec![], swings, false),
        ("PING", vec![], frame(PING, 0, 0, &[0; 8]), false),
        ("empty DATA", started.clone(), data(0, ""), false),
        ("DATA of padding", started.clone(), padded, false),
        ("DATA of one byte", started.clone(), data(0, " "), true),
        ("CONTINUATION", open.clone(), frame(CONTINUATION, 0, FIRST, &literal("x", "a")), false),
        ("empty CONTINUATION", open, frame(CONTINUATION, 0, FIRST, &[]), false),
        ("HPACK references", bomb, frame(CONTINUATION, 0, FIRST, &[0xbe; 8000]), false),
        ("interim responses", vec![], interim(&[]), false),
        ("large interim responses", vec![], interim(&long(0, "x", 8000)), false),
        ("trailers", started, head(0, &[&literal("x-t", "1")]), false),
        ("WINDOW_UPDATE", vec![], frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), false),
        ("PRIORITY", vec![], frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1]), false),
        ("PUSH_PROMISE", vec![], promise, false),
        ("unknown frames", vec![], frame(99, 0, 0, &[0; 100]), false),
        ("resets of streams that are none", vec![], frame(RST_STREAM, 0, 3, &[0; 4]), false),
        ("GOAWAY", vec![], goaway, false),
    ]
}

#[test]
fn rule_5_time_and_sum_are_kept_over_http2_whatever_frames_arrive() {
    let _alone = alone();
    let terms = terms(LIMIT, Duration::from_secs(5));
    for (kind, once, ever, response) in frames() {
        let ever = ever.repeat(65_536_usize.div_ceil(ever.len()));
        let written = Arc::<AtomicU64>::default();
        let count = Arc::clone(&written);
        let server = Server::start(move |mut client| {
            client.write_all(&once)?;
            // The server reads what the client writes, so that the client can go on.
            let mut reader = client.sock.try_clone()?;
            thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
            let end = Instant::now() + GOES_ON;
            while Instant::now() < end {
                client.write_all(&ever)?;
                count.fetch_add(ever.len() as u64, Ordering::Relaxed);
            }
            Ok(())
        });
        let [_, stacks @ ..] = Kept::trusting(&server.authority.pem());
        for http in stacks.map(Arc::new) {
            for (name, runtime) in RUNTIMES {
                written.store(0, Ordering::Relaxed);
                let ended = beside::send(runtime, &http, get(&server.url), terms);
                let what = format!("{}: {kind} without end ({name})", http.name());
                ended.is_kept(&what, terms, SUM, written.load(Ordering::Relaxed));
                match ended.came {
                    Ok(answer) => {
                        assert!(response, "{what}: {}", answer.status());
                        assert_eq!(answer.body().len(), LIMIT + 1, "{what}");
                    }
                    Err(failure) => assert!(!failure.timed_out, "{what}: {failure:?}"),
                }
            }
        }
    }
}

#[test]
fn rule_5_time_and_sum_are_kept_over_tls_whatever_records_arrive() {
    let _alone = alone();
    let terms = terms(LIMIT, Duration::from_secs(5));
    let record = |name, bytes: &[u8]| Case { ever: bytes.repeat(10_000), ..case(name, &[], " ") };
    for case in [
        record("empty records of a handshake", &[0x16, 3, 3, 0, 0]),
        record("empty records of nothing yet agreed", &[0x17, 3, 3, 0, 0]),
        record("changes of the cipher", &[0x14, 3, 3, 0, 1, 1]),
        record("warnings", &[0x15, 3, 3, 0, 2, 1, 0]),
        record("zeros", &[0]),
        record("pieces of a long message", &[0x16, 3, 3, 0, 1, 2]),
    ] {
        for http in Kept::all().map(Arc::new) {
            for (name, runtime) in RUNTIMES {
                let server = Hostile::start(&case, true);
                let url = format!("https://{}/jwks", server.authority);
                let ended = beside::send(runtime, &http, get(&url), terms);
                let what = format!("{}: {} without end ({name})", http.name(), case.name);
                ended.is_kept(&what, terms, SUM, server.written());
                let failure = ended.came.map(|_| ()).expect_err(&what);
                assert!(!failure.timed_out, "{what}: {failure:?}");
            }
        }
    }
}

#[test]
fn rule_5_time_and_sum_are_kept_even_for_hidden_tls_messages() {
    let _alone = alone();
    let terms = terms(LIMIT, Duration::from_secs(3));
    let authority = Authority::new();
    let mut config = authority.server(&authority.issue("127.0.0.1", |_| {}), &[]);
    // Session tickets: handshake messages after the handshake, which a program never sees.
    config.send_tls13_tickets = 20_000;
    config.ticketer = Ticketer::new().expect("a ticketer");
    let config = Arc::new(config);
    for http in Kept::trusting(&authority.pem()).map(Arc::new) {
        for (name, runtime) in RUNTIMES {
            let url = over_tls(&config, |client| client.conn.complete_io(&mut client.sock).map(|_| ()));
            let ended = beside::send(runtime, &http, get(&url), terms);
            let what = format!("{}: tickets ({name})", http.name());
            ended.is_kept(&what, terms, SUM, 0);
            let failure = ended.came.map(|_| ()).expect_err(&what);
            assert!(!failure.timed_out, "{what}: {failure:?}");
        }
    }
}

#[test]
fn rule_5_the_bytes_from_the_socket_are_counted() {
    let _alone = alone();
    let terms = terms(LIMIT, Duration::from_secs(15));
    let authority = Authority::new();
    let config = Arc::new(authority.server(&authority.issue("127.0.0.1", |_| {}), &[]));
    // Each byte is in a record of its own, which has more than twenty bytes.
    let (head, trailers) = ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "0\r\n");
    for http in Kept::trusting(&authority.pem()).map(Arc::new) {
        // An input that each stack would read without end.
        let (once, ever) = if http.name() == "ureq" { (trailers, "X: a\r\n") } else { ("", "0") };
        let written = Arc::<AtomicU64>::default();
        let count = Arc::clone(&written);
        let url = over_tls(&config, move |client| {
            io::Read::read(client, &mut [0; 4096])?;
            client.write_all(head.as_bytes())?;
            client.write_all(once.as_bytes())?;
            for byte in ever.bytes().cycle() {
                client.write_all(&[byte])?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        let (_, runtime) = RUNTIMES[0];
        let ended = beside::send(runtime, &http, get(&url), terms);
        ended.is_kept(http.name(), terms, SUM, 0);
        let failure = ended.came.map(|_| ()).expect_err("no response");
        assert_eq!(failure.too_much, Some(SUM), "{}: {failure:?}", http.name());
        let written = written.load(Ordering::Relaxed);
        assert!(written < SUM, "{}: {written} bytes were read above TLS", http.name());
    }
}

/// Sends this once over TLS, to the first client that connects.
fn over_tls(
    config: &Arc<ServerConfig>,
    script: impl FnOnce(&mut StreamOwned<ServerConnection, TcpStream>) -> io::Result<()> + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}/jwks", listener.local_addr().expect("an address"));
    let config = Arc::clone(config);
    thread::spawn(move || {
        let (tcp, _) = listener.accept()?;
        tcp.set_write_timeout(Some(GOES_ON))?;
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        script(&mut StreamOwned::new(tls, tcp))
    });
    url
}
