//! Rule 5: servers that never finish, at full speed. The time limit holds whatever arrives, and so does the
//! limit of bytes. Other tasks of the runtime notice nothing.

use crate::{
    beside::{self, RUNTIMES, alone},
    stacks::{Kept, get, terms},
};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const LIMIT: usize = 64 * 1024;

/// The bytes that an exchange with this limit may read from the wire.
const SUM: u64 = 1 << 20;

/// A time much longer than an exchange may take, even one of an adapter that forgets its time limit.
const GOES_ON: Duration = Duration::from_secs(12);

/// The bytes that are sent once, and those that then repeat without end.
pub struct Case {
    pub name: &'static str,
    pub once: Vec<u8>,
    pub ever: Vec<u8>,
    /// The pause between two writes.
    pub pause: Duration,
    /// Whether there can be a response.
    pub response: bool,
    /// Whether the time limit may end the exchange.
    pub slow: bool,
}

pub fn case(name: &'static str, once: &[&str], ever: &str) -> Case {
    let ever = ever.repeat(65_536_usize.div_ceil(ever.len())).into_bytes();
    Case { name, once: once.concat().into(), ever, pause: Duration::ZERO, response: false, slow: false }
}

impl Case {
    /// Allows a response: a client may have it before it reads what follows.
    pub fn answers(self) -> Self {
        Self { response: true, ..self }
    }

    /// Sends byte by byte, as fast as possible.
    pub fn by_the_byte(mut self) -> Self {
        self.ever.truncate(1);
        Self { slow: true, ..self }
    }

    /// Sends a byte now and then, so that no wait for the next is long.
    pub fn drips(mut self) -> Self {
        self.ever.truncate(1);
        Self { pause: Duration::from_millis(20), slow: true, ..self }
    }
}

/// A server that sends this on every connection, and the number of bytes that it could send.
pub struct Hostile {
    pub authority: String,
    written: Arc<AtomicU64>,
}

impl Hostile {
    /// Starts the server. `reads` is whether it waits for the request.
    pub fn start(case: &Case, reads: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let authority = listener.local_addr().expect("an address").to_string();
        let written = Arc::<AtomicU64>::default();
        let (count, once, ever, pause) =
            (Arc::clone(&written), case.once.clone(), case.ever.clone(), case.pause);
        thread::spawn(move || {
            // One exchange, one connection.
            let (mut stream, _) = listener.accept().expect("a client");
            stream.set_nodelay(true).expect("a socket");
            stream.set_write_timeout(Some(GOES_ON)).expect("a socket");
            if reads {
                let _request = stream.read(&mut [0; 4096]);
            }
            let end = Instant::now() + GOES_ON;
            let say = |stream: &mut TcpStream, bytes: &[u8]| {
                let written = stream.write(bytes)?;
                count.fetch_add(written as u64, Ordering::Relaxed);
                Ok::<_, std::io::Error>(written)
            };
            if !once.is_empty() && say(&mut stream, &once).is_err() {
                return;
            }
            let mut at = 0;
            while Instant::now() < end
                && let Ok(written) = say(&mut stream, &ever[at..])
            {
                at = (at + written) % ever.len();
                thread::sleep(pause);
            }
        });
        Self { authority, written }
    }

    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";

fn cases() -> Vec<Case> {
    let extension = format!("1;{}\r\n \r\n", "a".repeat(70));
    let early = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(8000));
    let empty_block = Case {
        ever: [0, 0, 0, 0xff, 0xff].repeat(13_000),
        ..case("gzip of nothing", &[HEAD, "Content-Encoding: gzip\r\n\r\n"], " ")
    };
    let gzip = [empty_block.once.as_slice(), &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]].concat();
    vec![
        case("interim responses 103", &[], "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"),
        case("interim responses 100", &[], "HTTP/1.1 100 Continue\r\n\r\n"),
        case("large interim responses", &[], &early),
        case("newlines before the head", &[], "\r\n"),
        case("a header line", &[HEAD, "X: "], "a"),
        case("a header line by the byte", &[HEAD, "X: "], "a").by_the_byte(),
        case("headers", &[HEAD], "X: a\r\n"),
        case("a folded header", &[HEAD, "X: a\r\n"], " a\r\n"),
        case("a status line", &["HTTP/1.1 200 "], "O"),
        case("a chunk extension", &[HEAD, CHUNKED, "1;"], "a"),
        case("a chunk size of zeros", &[HEAD, CHUNKED], "0"),
        case("a chunk size of zeros by the byte", &[HEAD, CHUNKED], "0").by_the_byte(),
        case("a chunk size of zeros that drip", &[HEAD, CHUNKED], "0").drips(),
        case("the size of the second chunk, of zeros", &[HEAD, CHUNKED, "1\r\n{\r\n"], "0"),
        case("a chunk size with spaces", &[HEAD, CHUNKED, "1"], " "),
        case("a chunk size with tabs and spaces", &[HEAD, CHUNKED, "0001"], "\t "),
        case("a chunk size with tabs that drip", &[HEAD, CHUNKED, "1"], "\t").drips(),
        case("zeros and spaces", &[HEAD, CHUNKED], "0000000 "),
        case("chunks of one byte with extensions", &[HEAD, CHUNKED], &extension),
        case("chunks of one byte", &[HEAD, CHUNKED], "1\r\na\r\n").answers(),
        case("chunks of one byte with zeros", &[HEAD, CHUNKED], "00000000000000000001\r\na\r\n").answers(),
        case("trailers", &[HEAD, CHUNKED, "2\r\n{}\r\n0\r\n"], "X: a\r\n").answers(),
        case("a trailer line", &[HEAD, CHUNKED, "2\r\n{}\r\n0\r\nX: "], "a").answers(),
        case("101 and then anything", &["HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"], "a")
            .answers(),
        case("204 and then a body", &["HTTP/1.1 204 No Content\r\n\r\n"], "a").answers(),
        case("a body without length", &[HEAD, "\r\n"], "a").answers(),
        case("HTTP/0.9", &[], "{\"keys\":[]}"),
        case("a negative length", &[HEAD, "Content-Length: -1\r\n\r\n"], "a"),
        case("two lengths", &[HEAD, "Content-Length: 2\r\nContent-Length: 99999999\r\n\r\n"], "a"),
        case("a length and chunks", &[HEAD, "Content-Length: 2\r\n", CHUNKED], "1\r\na\r\n").answers(),
        case("nulls", &[], "\0"),
        Case { once: gzip, ..empty_block }.answers(),
    ]
}

#[test]
fn rule_5_time_and_sum_are_kept_whatever_arrives_and_a_timer_beside_goes_on() {
    let _alone = alone();
    for case in cases() {
        // A fast server gets enough time: the limit of bytes ends the exchange, on a busy machine too.
        let time = if case.slow { Duration::from_millis(400) } else { Duration::from_secs(5) };
        let terms = terms(LIMIT, time);
        for http in Kept::all().map(Arc::new) {
            for (name, runtime) in RUNTIMES {
                let server = Hostile::start(&case, true);
                let url = format!("http://{}/jwks", server.authority);
                let ended = beside::send(runtime, &http, get(&url), terms);
                let what = format!("{}: {} without end ({name})", http.name(), case.name);
                ended.is_kept(&what, terms, SUM, server.written());
                match ended.came {
                    Ok(response) => {
                        assert!(case.response, "{what}: {}", response.status());
                        assert!(response.body().len() <= LIMIT + 1, "{what}");
                    }
                    Err(failure) => {
                        assert!(!failure.timed_out || case.slow, "{what}: {failure:?}")
                    }
                }
            }
        }
    }
}

#[test]
fn rule_5_the_time_is_kept_even_if_the_sum_is_large() {
    let _alone = alone();
    // Half a gigabyte, which no machine can read in that time.
    let terms = terms(64 << 20, Duration::from_millis(800));
    for case in [case("zeros", &[HEAD, CHUNKED], "0"), case("spaces", &[HEAD, CHUNKED, "1"], " ")] {
        let [_, stacks @ ..] = Kept::all();
        for http in stacks.map(Arc::new) {
            for (name, runtime) in RUNTIMES {
                let server = Hostile::start(&case, true);
                let url = format!("http://{}/jwks", server.authority);
                let ended = beside::send(runtime, &http, get(&url), terms);
                let what = format!("{}: {} without end ({name})", http.name(), case.name);
                ended.is_kept(&what, terms, 513 << 20, server.written());
                let failure = ended.came.map(|_| ()).expect_err(&what);
                assert!(failure.timed_out || failure.too_much.is_some(), "{what}: {failure:?}");
            }
        }
    }
}

#[test]
fn rule_5_the_error_names_the_number_of_bytes() {
    let _alone = alone();
    // An input that each stack would read without end.
    let zeros =
        [case("zeros", &[HEAD, CHUNKED], "0"), case("trailers", &[HEAD, CHUNKED, "0\r\n"], "X: a\r\n")];
    for http in Kept::all().map(Arc::new) {
        for (limit, sum) in [(0, 512 * 1024), (LIMIT, SUM), (1 << 20, 8_912_896)] {
            let terms = terms(limit, Duration::from_secs(15));
            let case = if http.name() == "ureq" { &zeros[1] } else { &zeros[0] };
            let server = Hostile::start(case, true);
            let url = format!("http://{}/jwks", server.authority);
            let (_, runtime) = RUNTIMES[0];
            let ended = beside::send(runtime, &http, get(&url), terms);
            ended.is_kept(http.name(), terms, sum, server.written());
            // With a limit of nothing, the first byte is one too many. Leading zeros do not count.
            let failure = ended.came.map(|_| ()).expect_err("no response");
            assert_eq!(failure.too_much, Some(sum), "{}: {failure:?}", http.name());
            let says = format!("the server sent more than {sum} bytes in one exchange");
            assert!(failure.says.contains(&says), "{}: {failure:?}", http.name());
        }
    }
}
