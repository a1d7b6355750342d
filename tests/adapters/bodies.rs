//! Rule 4: at most one byte more than the limit is read, counted after decompression.

use crate::{
    server::{Server, Stream, Then},
    stacks::{STACKS, get, plenty, post, terms},
    tls::Authority,
};
use std::{
    io::{self, Write as _},
    time::Duration,
};

const LIMIT: usize = 64 * 1024;
const SOME: [u8; 8192] = [b'x'; 8192];

/// Writes for as long as the client reads.
fn endless(stream: &mut dyn Stream, head: &str, piece: &[u8]) -> io::Result<Then> {
    stream.write_all(head.as_bytes())?;
    loop {
        stream.write_all(piece)?;
    }
}

#[test]
fn rule_4_an_endless_body_is_read_up_to_one_byte_too_many() {
    let mut chunk = b"2000\r\n".to_vec();
    chunk.extend(SOME);
    chunk.extend(b"\r\n");
    let cases: [(&str, &[u8]); 4] = [
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &chunk),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n", &SOME),
        ("HTTP/1.1 500 No\r\n\r\n", &SOME),
        ("HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n", &SOME),
    ];
    for stack in &STACKS {
        for (head, piece) in cases {
            let piece = piece.to_vec();
            let server = Server::start(move |stream, _| endless(stream, head, &piece));
            for limit in [0, 1, LIMIT] {
                let terms = terms(limit, Duration::from_secs(15));
                let response = stack.answered(post(&server.url("/token"), "a=1"), terms);
                assert_eq!(response.body().len(), limit + 1, "{}: {head}", stack.name);
            }
        }
    }
}

#[test]
fn rule_4_a_body_of_exactly_the_limit_is_read_in_whole() {
    for stack in &STACKS {
        for length in [0, 1, LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2] {
            let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
            answer.resize(answer.len() + length, b'x');
            let server = Server::says(answer, || Then::Keep);
            let response = stack.answered(get(&server.url("/")), plenty());
            assert_eq!(response.body().len(), length.min(LIMIT + 1), "{}", stack.name);
        }
    }
}

#[test]
fn rule_4_a_body_of_exactly_the_limit_fits_however_it_is_sent() {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n".repeat(3);
    let large = format!("x-a: {}\r\n", "b".repeat(1000)).repeat(60);
    let ends = "transfer-encoding: chunked\r\n\r\n";
    for stack in &STACKS {
        for size in [1, 7, 1000, LIMIT] {
            let (before, head) = if size == 1 { (interim.as_str(), "") } else { ("", large.as_str()) };
            let mut answer = format!("{before}HTTP/1.1 200 OK\r\n{head}{ends}").into_bytes();
            for chunk in vec![b'x'; LIMIT].chunks(size) {
                write!(answer, "{:x}\r\n", chunk.len()).expect("memory");
                answer.extend(chunk);
                answer.extend(b"\r\n");
            }
            answer.extend(b"0\r\n\r\n");
            let server = Server::says(answer, || Then::Keep);
            let response = stack.answered(get(&server.url("/")), plenty());
            assert_eq!(response.body().len(), LIMIT, "{}: chunks of {size}", stack.name);
        }
    }
}

#[test]
fn rule_4_a_document_in_records_and_chunks_of_one_byte_fits() {
    let authority = Authority::new();
    let pair = authority.issue("127.0.0.1", |_| {});
    for stack in &STACKS {
        let server = Server::tls(authority.server(&pair, &[]), |stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            for _ in 0..16 * 1024 {
                stream.write_all(b"1\r\nx\r\n")?;
                stream.flush()?;
            }
            stream.write_all(b"0\r\n\r\n").map(|()| Then::Keep)
        });
        let sent = (stack.send_tls)(get(&server.url("/")), plenty(), &authority.pem(), None);
        let response = sent.unwrap_or_else(|error| panic!("{}: {}", stack.name, error.says));
        assert_eq!(response.body().len(), 16 * 1024, "{}", stack.name);
    }
}

#[test]
fn rule_4_a_bomb_is_counted_after_decompression_or_stays_compressed() {
    let zeros = vec![0; 1 << 20];
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..50 {
        bomb.write_all(&zeros).expect("memory");
    }
    let bomb = bomb.finish().expect("memory");
    assert!(bomb.len() < LIMIT, "{} bytes", bomb.len());
    for stack in &STACKS {
        for coding in ["gzip", "x-gzip", "deflate", "gzip, gzip", "br", "zstd"] {
            let length = bomb.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {length}\r\n\r\n");
            let mut answer = head.into_bytes();
            answer.extend(&bomb);
            let server = Server::says(answer, || Then::Keep);
            let response = stack.answered(get(&server.url("/")), plenty());
            let read = response.body().len();
            if response.headers().contains_key("content-encoding") {
                assert_eq!(*response.body(), bomb, "{} {coding}", stack.name);
            } else {
                assert_eq!(read, LIMIT + 1, "{} {coding}", stack.name);
            }
            let request = server.requests().concat().to_lowercase();
            assert!(request.contains("accept-encoding: identity\r\n"), "{}: {request}", stack.name);
        }
    }
}

#[test]
fn rule_4_bytes_after_the_body_are_not_part_of_it() {
    for stack in &STACKS {
        for head in ["content-length: 2\r\n\r\n{}", "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
        {
            let answer = format!("HTTP/1.1 200 OK\r\n{head}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
            let server = Server::says(answer, || Then::Keep);
            for _ in 0..3 {
                let response = stack.answered(get(&server.url("/")), plenty());
                assert_eq!(response.body(), b"{}", "{}", stack.name);
            }
        }
    }
}
