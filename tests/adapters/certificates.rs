//! Rule 9: certificates are verified, and a client certificate is presented only when the terms say so.

use crate::{
    server::{Server, Stream, Then},
    stacks::{STACKS, both, get, plenty},
    tls::{Authority, expired, for_clients_only, not_yet},
};
use rustls::crypto::{CryptoProvider, ring::default_provider};
use std::{
    io::{self, Read as _, Write as _},
    net::TcpListener,
    process::Command,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

fn ok(stream: &mut dyn Stream, _: &str) -> io::Result<Then> {
    stream.write_all(OK).map(|()| Then::Keep)
}

#[test]
fn rule_9_a_certificate_of_a_trusted_authority_for_this_host_is_accepted() {
    let authority = Authority::new();
    let pair = authority.issue("127.0.0.1", |_| {});
    for stack in &STACKS {
        // This includes a server without ALPN, and one that offers several protocols.
        for protocols in [&[][..], &["http/1.1"], &["http/1.1", "h2"]] {
            let server = Server::tls(authority.server(&pair, protocols), ok);
            for request in both(&server.url("/token")) {
                let response = (stack.send_tls)(request, plenty(), &authority.pem(), None);
                let response = response.unwrap_or_else(|error| panic!("{}: {}", stack.name, error.says));
                assert_eq!((response.status().as_u16(), response.body().as_slice()), (200, &b"{}"[..]));
            }
        }
    }
}

#[test]
fn rule_9_any_other_certificate_is_refused_before_the_request_is_sent() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let wrong = [
        ("of nobody", authority.issue("127.0.0.1", |_| {}), None),
        ("of a stranger", stranger.issue("127.0.0.1", |_| {}), Some(&authority)),
        ("for another name", authority.issue("other.example", |_| {}), Some(&authority)),
        ("for another address", authority.issue("127.0.0.2", |_| {}), Some(&authority)),
        ("expired", authority.issue("127.0.0.1", expired), Some(&authority)),
        ("not valid yet", authority.issue("127.0.0.1", not_yet), Some(&authority)),
        ("for clients", authority.issue("127.0.0.1", for_clients_only), Some(&authority)),
    ];
    for stack in &STACKS {
        for (what, pair, trusted) in &wrong {
            let server = Server::tls(authority.server(pair, &[]), ok);
            for request in both(&server.url("/token")) {
                let result = match trusted {
                    Some(trusted) => (stack.send_tls)(request, plenty(), &trusted.pem(), None),
                    // The default configuration: the authorities of the web.
                    None => (stack.send)(request, plenty()),
                };
                let Err(failure) = result else { panic!("{} believes a certificate {what}", stack.name) };
                assert!(failure.says.contains("certificate"), "{} {what}: {}", stack.name, failure.says);
                assert!(!failure.timed_out, "{} {what}", stack.name);
            }
            assert_eq!(server.count().0, 0, "{} {what}: a request was sent", stack.name);
        }
    }
}

#[test]
fn rule_9_plain_http_on_the_port_is_no_response() {
    for stack in &STACKS {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("https://{}/", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.write_all(OK).and_then(|()| stream.read_to_end(&mut Vec::new()))
        });
        let failure = stack.failed(get(&url), plenty());
        assert!(!failure.timed_out, "{}: {}", stack.name, failure.says);
        let _hung_up = server.join().expect("the server has ended");
    }
}

#[test]
fn rule_9_a_client_certificate_is_presented_only_when_the_terms_say_so() {
    let authority = Authority::new();
    let (pair, own) = (authority.issue("127.0.0.1", |_| {}), authority.issue("my-client", |_| {}));
    let own = Some((own.chain.as_str(), own.key.as_str()));
    for stack in &STACKS {
        let server = Server::tls(authority.server(&pair, &[]), ok);
        let send = |certified, own| {
            let mut terms = plenty();
            terms.client_certificate = certified;
            (stack.send_tls)(get(&server.url("/token")), terms, &authority.pem(), own)
        };
        for certified in [false, true, false] {
            let sent = send(certified, own).map(|response| response.status().as_u16());
            assert!(matches!(sent, Ok(200)), "{}: {sent:?}", stack.name);
        }
        assert_eq!(server.certified(), [false, true, false], "{}", stack.name);
        let failure = send(true, None).map(|_| ()).expect_err("there is no certificate");
        assert!(failure.says.contains("needs a client certificate"), "{}: {}", stack.name, failure.says);
        assert_eq!(server.count().0, 3, "{}: the request is not sent without a certificate", stack.name);
    }
}

#[test]
fn rule_9_the_tls_provider_of_the_program_is_not_used() {
    // The first caller in a process chooses for all that choose nothing. This choice can connect to no
    // server.
    let nothing = CryptoProvider { cipher_suites: Vec::new(), ..default_provider() };
    assert!(nothing.install_default().is_ok(), "the choice is installed once");
    let authority = Authority::new();
    let (pair, own) = (authority.issue("127.0.0.1", |_| {}), authority.issue("my-client", |_| {}));
    let own = Some((own.chain.as_str(), own.key.as_str()));
    for stack in &STACKS {
        let server = Server::tls(authority.server(&pair, &[]), ok);
        for certified in [false, true] {
            let mut terms = plenty();
            terms.client_certificate = certified;
            let sent = (stack.send_tls)(get(&server.url("/token")), terms, &authority.pem(), own);
            assert!(sent.is_ok(), "{}: {:?}", stack.name, sent.map(|_| ()));
        }
    }
}

#[test]
fn rule_9_a_program_that_has_chosen_nothing_has_its_choice_after_an_exchange() {
    let test = "rule_9_a_program_that_has_chosen_nothing_has_its_choice_after_an_exchange";
    if std::env::var_os("NOTHING_CHOSEN").is_none() {
        // In a process of its own, because the choice is for the whole process.
        let output = Command::new(std::env::current_exe().expect("this test"))
            .args([&format!("certificates::{test}"), "--exact"])
            .env("NOTHING_CHOSEN", "yes")
            .output()
            .expect("it runs");
        let says = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && says.contains("1 passed"), "{says}");
        return;
    }
    let authority = Authority::new();
    let (pair, own) = (authority.issue("127.0.0.1", |_| {}), authority.issue("my-client", |_| {}));
    let own = Some((own.chain.as_str(), own.key.as_str()));
    for stack in &STACKS {
        let server = Server::tls(authority.server(&pair, &["http/1.1"]), ok);
        for certified in [false, true] {
            let mut terms = plenty();
            terms.client_certificate = certified;
            let sent = (stack.send_tls)(get(&server.url("/token")), terms, &authority.pem(), own);
            assert!(sent.is_ok(), "{}: {:?}", stack.name, sent.map(|_| ()));
            assert!(
                CryptoProvider::get_default().is_none(),
                "{}: the exchange has chosen for the process",
                stack.name
            );
        }
    }
    let chosen = CryptoProvider { cipher_suites: Vec::new(), ..default_provider() };
    assert!(chosen.install_default().is_ok(), "the program can still choose");
}

#[test]
fn rule_10_a_cut_connection_is_not_the_end_of_a_body() {
    let authority = Authority::new();
    let pair = authority.issue("127.0.0.1", |_| {});
    for stack in &STACKS {
        let send = |then: fn() -> Then| {
            let server = Server::tls(authority.server(&pair, &[]), move |stream, _| {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"a\":1}").map(|()| then())
            });
            (stack.send_tls)(get(&server.url("/")), plenty(), &authority.pem(), None)
        };
        let whole = send(|| Then::Close).unwrap_or_else(|error| panic!("{}: {}", stack.name, error.says));
        assert_eq!(whole.body(), b"{\"a\":1}", "{}", stack.name);
        assert_eq!(send(|| Then::Cut).is_err(), stack.sees_cuts, "{}: cut", stack.name);
        assert!(send(|| Then::Reset).is_err() || !stack.sees_cuts, "{}: reset", stack.name);
    }
}

#[test]
fn an_invalid_certificate_is_refused_before_anything_is_sent() {
    let authority = Authority::new();
    let pair = authority.issue("127.0.0.1", |_| {});
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for roots in ["", "no PEM", garbage, &pair.key, &format!("{}{garbage}", authority.pem())] {
        assert!(oidc_ureq::Http::with_root_certificates(roots.as_bytes()).is_err(), "ureq: {roots}");
        assert!(oidc_hyper::Http::with_root_certificates(roots.as_bytes()).is_err(), "hyper: {roots}");
        assert!(oidc_reqwest::Http::with_root_certificates(roots.as_bytes()).is_err(), "reqwest: {roots}");
    }
    for (chain, key) in [("", pair.key.as_str()), (&pair.chain, ""), (&pair.chain, &pair.chain)] {
        let (chain, key) = (chain.as_bytes(), key.as_bytes());
        assert!(oidc_ureq::Http::new().with_client_certificate(chain, key).is_err());
        assert!(oidc_hyper::Http::new().with_client_certificate(chain, key).is_err());
        assert!(oidc_reqwest::Http::new().with_client_certificate(chain, key).is_err());
    }
    let (chain, stranger) = (pair.chain.as_bytes(), authority.issue("x", |_| {}).key);
    assert!(oidc_ureq::Http::new().with_client_certificate(chain, stranger.as_bytes()).is_err());
    assert!(oidc_hyper::Http::new().with_client_certificate(chain, stranger.as_bytes()).is_err());
    assert!(oidc_reqwest::Http::new().with_client_certificate(chain, stranger.as_bytes()).is_err());
    let shown = format!(
        "{:?}{:?}{:?}",
        oidc_ureq::Http::new().with_client_certificate(chain, pair.key.as_bytes()).expect("a pair"),
        oidc_hyper::Http::new().with_client_certificate(chain, pair.key.as_bytes()).expect("a pair"),
        oidc_reqwest::Http::new().with_client_certificate(chain, pair.key.as_bytes()).expect("a pair"),
    );
    let secret = pair.key.lines().nth(1).expect("a line of the key");
    assert!(!shown.contains(secret), "{shown}");
}
