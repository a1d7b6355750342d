//! Rules 1, 2, 3, 6, 7 and 8: which requests are sent, how often, and which responses are returned.

use crate::{
    server::{Server, Then},
    stacks::{STACKS, both, get, plenty, post},
};
use std::process::Command;

fn empty(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} Whatever\r\n{headers}content-length: 0\r\n\r\n")
}

#[test]
fn rules_1_and_6_every_status_is_a_response_to_one_request() {
    for stack in &STACKS {
        for status in [200, 204, 400, 401, 403, 404, 408, 409, 421, 425, 429, 500, 502, 503, 504, 599] {
            let body = if status == 204 { "\r\n".into() } else { "content-length: 2\r\n\r\n{}".to_owned() };
            let head = format!("HTTP/1.1 {status} Whatever\r\nretry-after: 0\r\n");
            let server = Server::says(head + &body, || Then::Keep);
            for (sent, request) in both(&server.url("/token")).into_iter().enumerate() {
                let response = stack.answered(request, plenty());
                assert_eq!(response.status(), status, "{}", stack.name);
                assert_eq!(response.body().as_slice(), if status == 204 { &b""[..] } else { b"{}" });
                assert_eq!(server.count().0, sent + 1, "{} {status}", stack.name);
            }
        }
    }
}

#[test]
fn rule_2_all_headers_arrive_including_repeated_and_odd_ones() {
    let challenges = "WWW-Authenticate: Bearer\r\nwww-authenticate: DPoP algs=\"ES256\"\r\n";
    let others = "DPoP-Nonce: n-1\r\nx-empty:\r\nx-latin: caf\u{e9}\r\n";
    for stack in &STACKS {
        let mut latin = empty(401, &format!("{challenges}{others}")).into_bytes();
        let at = latin.windows(2).position(|two| two == "\u{e9}".as_bytes()).expect("it is there");
        latin.splice(at..at + 2, [0xe9]);
        let server = Server::says(latin, || Then::Keep);
        let response = stack.answered(get(&server.url("/")), plenty());
        let headers = response.headers();
        let challenges: Vec<_> = headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges, ["Bearer", "DPoP algs=\"ES256\""], "{}", stack.name);
        assert_eq!(headers["dpop-nonce"], "n-1");
        assert_eq!(headers["x-empty"], "");
        assert_eq!(headers["x-latin"].as_bytes(), b"caf\xe9", "{}", stack.name);
    }
}

#[test]
fn rule_2_a_hundred_headers_of_sixty_kilobytes_arrive() {
    for stack in &STACKS {
        for (count, length) in [(99, 1), (60, 1000)] {
            let headers = format!("x-a: {}\r\n", "b".repeat(length)).repeat(count);
            let server = Server::says(empty(200, &headers), || Then::Keep);
            let response = stack.answered(get(&server.url("/")), plenty());
            assert_eq!(response.headers().get_all("x-a").iter().count(), count, "{}", stack.name);
        }
    }
}

#[test]
fn rule_2_an_interim_response_is_not_the_response() {
    for stack in &STACKS {
        let hints = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n".repeat(3);
        let server = Server::says(hints + &empty(404, "x-final: yes\r\n"), || Then::Keep);
        let response = stack.answered(get(&server.url("/")), plenty());
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-final"]),
            (404, &"yes".parse().unwrap())
        );
        assert!(!response.headers().contains_key("link"), "{}", stack.name);
    }
}

#[test]
fn rule_3_a_redirect_is_a_response_and_is_not_followed() {
    for stack in &STACKS {
        for status in [300, 301, 302, 303, 307, 308] {
            let other = Server::says(empty(200, ""), || Then::Keep);
            for location in [other.url("/steal"), "/elsewhere".into(), "http://[".into(), String::new()] {
                let server = Server::says(empty(status, &format!("location: {location}\r\n")), || Then::Keep);
                for (sent, request) in both(&server.url("/token")).into_iter().enumerate() {
                    let response = stack.answered(request, plenty());
                    assert_eq!(response.status(), status, "{}", stack.name);
                    assert_eq!(response.headers()["location"], location);
                    assert_eq!(server.count().0, sent + 1, "{} {status} {location}", stack.name);
                }
            }
            assert_eq!(other.count(), (0, 0), "{} {status}: the second origin got a request", stack.name);
        }
    }
}

#[test]
fn rule_6_a_connection_that_closes_on_the_second_request_does_not_repeat_it() {
    for stack in &STACKS {
        // The server answers the first request of each connection and offers the connection for another. If
        // the client uses it again, the server hangs up.
        for then in [|| Then::Close, || Then::Reset] {
            let server = Server::start(move |stream, request| {
                if request.starts_with("POST") {
                    return Ok(then());
                }
                stream.write_all(empty(200, "connection: keep-alive\r\n").as_bytes()).map(|()| Then::Keep)
            });
            for sent in 0..5 {
                stack.answered(get(&server.url("/jwks")), plenty());
                stack.failed(post(&server.url("/token"), "code=once"), plenty());
                assert_eq!(server.count().0, 2 * sent + 2, "{}", stack.name);
            }
        }
    }
}

#[test]
fn rule_6_no_exchange_meets_a_connection_that_the_server_is_just_closing() {
    for stack in &STACKS {
        // The server promises to keep the connection, and closes it right after the response.
        let server = Server::says(empty(200, "connection: keep-alive\r\n"), || Then::Close);
        for sent in 1..=50 {
            stack.answered(post(&server.url("/token"), "code=once"), plenty());
            assert_eq!(server.count(), (sent, sent), "{}: a connection for each exchange", stack.name);
        }
    }
}

#[test]
fn rule_7_cookies_are_not_sent_back_and_responses_are_not_kept() {
    for stack in &STACKS {
        let kept = "set-cookie: session=1; Path=/\r\nset-cookie: b=2\r\ncache-control: max-age=3600\r\n\
                    etag: \"1\"\r\nlast-modified: Tue, 01 Jan 2030 00:00:00 GMT\r\n";
        let server = Server::says(empty(200, kept), || Then::Keep);
        for _ in 0..3 {
            let response = stack.answered(get(&server.url("/jwks")), plenty());
            assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2, "{}", stack.name);
        }
        let requests = server.requests();
        assert_eq!(requests.len(), 3, "{}", stack.name);
        for request in requests {
            let request = request.to_lowercase();
            for header in ["cookie:", "if-none-match:", "if-modified-since:", "referer:"] {
                assert!(!request.contains(header), "{}: {request}", stack.name);
            }
        }
    }
}

#[test]
fn rule_8_an_empty_body_is_no_body() {
    for stack in &STACKS {
        let server = Server::says(empty(200, ""), || Then::Keep);
        stack.answered(get(&server.url("/userinfo?a=b%20c")), plenty());
        stack.answered(post(&server.url("/token"), "a=1&b=2"), plenty());
        let [get, post] = server.requests().try_into().expect("two requests");
        assert!(get.starts_with("GET /userinfo?a=b%20c HTTP/1.1\r\n"), "{}: {get}", stack.name);
        assert!(get.ends_with("\r\n\r\n"), "{}: {get}", stack.name);
        for header in ["content-length", "transfer-encoding", "expect", "content-type"] {
            assert!(!get.to_lowercase().contains(header), "{}: {get}", stack.name);
        }
        assert!(post.ends_with("\r\n\r\na=1&b=2"), "{}: {post}", stack.name);
        assert!(post.to_lowercase().contains("content-length: 7\r\n"), "{}: {post}", stack.name);
        assert!(!post.to_lowercase().contains("transfer-encoding"), "{}: {post}", stack.name);
        assert!(post.contains("Basic bXktY2xpZW50OnNlY3JldA=="), "{}: {post}", stack.name);
    }
}

#[test]
fn rule_8_an_empty_post_has_length_zero_and_no_chunks() {
    for stack in &STACKS {
        let server = Server::says(empty(200, ""), || Then::Close);
        stack.answered(post(&server.url("/token"), ""), plenty());
        let [post] = server.requests().try_into().expect("one request");
        let post = post.to_lowercase();
        assert!(post.contains("content-length: 0\r\n"), "{}: {post}", stack.name);
        assert!(post.ends_with("\r\n\r\n") && !post.contains("chunked"), "{}: {post}", stack.name);
    }
}

#[test]
fn a_proxy_in_the_environment_is_ignored() {
    let (dead, test) = ("http://127.0.0.1:9", "rule_8_an_empty_body_is_no_body");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args([&format!("exchanges::{test}"), "--exact"])
        .envs(["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"].map(|name| (name, dead)))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .expect("it runs");
    let says = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && says.contains("1 passed"), "{says}");
}
