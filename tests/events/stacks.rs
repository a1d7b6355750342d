//! The three HTTP clients over sockets: the same scenario gives the same events.

use crate::{Log, broken};
use oidc_drive::{Event, Observer};
use oidc_proto::{
    UrlPolicy,
    flow::{Authenticated, Client, Discovery, Flow, Request, Step, Terms},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, EndpointName, Registration, Socket, TestProvider, provider::hostile};
use std::{io::Read, net::TcpListener, sync::LazyLock, time::Duration};
use tokio::runtime::Runtime;

/// The methods that the tests need of a client.
pub trait Stack {
    fn observed(observer: Observer) -> Self;
    fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, String>;
    fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, String>;
}

fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
    &RUNTIME
}

impl Stack for oidc_ureq::Http {
    fn observed(observer: Observer) -> Self {
        Self::new().with_observer(observer)
    }

    fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, String> {
        self.run(step).map_err(|error| error.to_string())
    }

    fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, String> {
        self.send(request, terms).map_err(|error| error.to_string())
    }
}

impl Stack for oidc_hyper::Http {
    fn observed(observer: Observer) -> Self {
        Self::new().with_observer(observer)
    }

    fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, String> {
        runtime().block_on(self.run(step)).map_err(|error| error.to_string())
    }

    fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, String> {
        runtime().block_on(self.send(request, terms)).map_err(|error| error.to_string())
    }
}

impl Stack for oidc_reqwest::Http {
    fn observed(observer: Observer) -> Self {
        Self::new().with_observer(observer)
    }

    fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, String> {
        runtime().block_on(self.run(step)).map_err(|error| error.to_string())
    }

    fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, String> {
        runtime().block_on(self.send(request, terms)).map_err(|error| error.to_string())
    }
}

pub fn provider() -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        let registration = Registration::basic("app", "a secret of the client");
        provider.register(registration.redirect_uri("https://app.example/callback"));
        provider
    })
}

pub fn log_in(socket: &Socket, http: &impl Stack) -> Result<Authenticated, String> {
    let policy = UrlPolicy::default().with_loopback();
    let metadata = http.run(Discovery::start(socket.issuer(), &policy).unwrap())?;
    let client = Client::builder(metadata, "app")
        .secret("a secret of the client")
        .redirect_uri("https://app.example/callback")
        .fetch_userinfo()
        .build()
        .unwrap();
    let request = AuthorizationRequest::new(["profile"]);
    let (url, pending) = client.authorize(&request, oidc_drive::moment()).unwrap();
    let landing = socket.provider(|provider| Browser::new().visit(provider, &url, oidc_drive::now()));
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    http.run(pending.callback(&client, None, response, oidc_drive::moment()).unwrap())
}

const DISCOVERED: [&str; 3] =
    ["sent GET openid-configuration", "answered openid-configuration 200 0 s", "ended Discovery ok 0 s"];

fn tells_a_login<S: Stack>() {
    let (socket, log) = (provider(), Log::new());
    let http = S::observed(log.observer());
    log_in(&socket, &http).unwrap();
    let events = log.take();
    let port: u16 = socket.issuer().rsplit(':').next().unwrap().parse().unwrap();
    for event in &events {
        if let Event::Sent { to, .. } | Event::Answered { to, .. } = event {
            assert_eq!((to.scheme, &*to.host, to.port), ("http", "127.0.0.1", port));
        }
        if let Event::Answered { bytes, .. } = event {
            assert!(*bytes > 20, "{event:?}");
        }
    }
    let after = [
        "sent POST token_endpoint",
        "answered token_endpoint 200 0 s",
        "sent GET jwks_uri",
        "answered jwks_uri 200 0 s",
        "sent GET userinfo_endpoint",
        "answered userinfo_endpoint 200 0 s",
        "ended Login ok 0 s",
    ];
    let lines: Vec<_> = events.iter().map(crate::line).collect();
    assert_eq!(lines, [&DISCOVERED[..], &after].concat());

    socket.provider(|provider| provider.alter_id_token(hostile::set_claim("nonce", "another")));
    log_in(&socket, &http).unwrap_err();
    let after = [
        "sent POST token_endpoint",
        "answered token_endpoint 200 0 s",
        "sent GET jwks_uri",
        "answered jwks_uri 200 0 s",
        "ended Login token_nonce 0 s",
    ];
    let lines = log.lines();
    assert_eq!(lines, [&DISCOVERED[..], &after].concat());
}

#[test]
fn a_login_is_reported_step_by_step_on_every_stack() {
    tells_a_login::<oidc_ureq::Http>();
    tells_a_login::<oidc_hyper::Http>();
    tells_a_login::<oidc_reqwest::Http>();
}

/// Three ways to get no response, with a secret in the URL that no reported word may show.
fn tells_what_was_lost<S: Stack>() {
    let log = Log::new();
    let http = S::observed(log.observer());
    let lost = |url: &str, timeout: Duration| {
        let call = Discovery::start("https://op.example", &UrlPolicy::default()).unwrap();
        let (mut request, mut terms, _) = call.into_parts();
        (*request.uri_mut(), terms.timeout) = (url.parse().unwrap(), timeout);
        http.send(request, terms).unwrap_err();
        log.lines()
    };
    let told =
        |why| ["sent GET openid-configuration".to_owned(), format!("lost openid-configuration {why} 0 s")];
    let (long, short) = (Duration::from_secs(15), Duration::from_millis(100));
    let listener = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/?SECRET", listener.local_addr().unwrap());
        (listener, url)
    };
    let (_silent, url) = listener();
    assert_eq!(lost(&url, short), told("timeout"), "the server does not answer");
    let (closing, url) = listener();
    let closing = std::thread::spawn(move || {
        let (mut stream, _) = closing.accept().unwrap();
        let _read = stream.read(&mut [0; 4096]);
    });
    assert_eq!(lost(&url, long), told("no_response"), "the server hangs up");
    closing.join().unwrap();
    assert_eq!(lost(&url, long), told("connection"), "no server listens");
}

#[test]
fn every_stack_has_the_same_word_for_a_missing_response() {
    tells_what_was_lost::<oidc_ureq::Http>();
    tells_what_was_lost::<oidc_hyper::Http>();
    tells_what_was_lost::<oidc_reqwest::Http>();
}

#[test]
fn an_observer_that_panics_fails_no_login() {
    let socket = provider();
    log_in(&socket, &oidc_ureq::Http::with_observer(oidc_ureq::Http::new(), broken())).unwrap();
    log_in(&socket, &oidc_hyper::Http::with_observer(oidc_hyper::Http::new(), broken())).unwrap();
    log_in(&socket, &oidc_reqwest::Http::with_observer(oidc_reqwest::Http::new(), broken())).unwrap();
    socket.provider(|provider| {
        provider.assert_clean();
        assert_eq!(provider.count(EndpointName::Token), 3);
    });
}

/// The observer stays, whichever setting comes first.
#[test]
fn settings_of_a_client_do_not_lose_the_observer() {
    let (chain, key) = {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["app".to_owned()]).unwrap().self_signed(&key);
        (certificate.unwrap().pem(), key.serialize_pem())
    };
    let (chain, key) = (chain.as_bytes(), key.as_bytes());
    let socket = provider();
    let ask = |http: &dyn Fn(Discovery_) -> bool, log: &Log| {
        assert!(http(Discovery::start(socket.issuer(), &UrlPolicy::default().with_loopback()).unwrap()));
        assert_eq!(log.lines(), DISCOVERED);
    };
    let log = Log::new();
    let http =
        oidc_ureq::Http::new().with_observer(log.observer()).with_client_certificate(chain, key).unwrap();
    ask(&|call| http.run(call).is_ok(), &log);
    let http =
        oidc_hyper::Http::new().with_observer(log.observer()).with_client_certificate(chain, key).unwrap();
    ask(&|call| Stack::run(&http, call).is_ok(), &log);
    let http =
        oidc_reqwest::Http::new().with_observer(log.observer()).with_client_certificate(chain, key).unwrap();
    ask(&|call| Stack::run(&http, call).is_ok(), &log);
}

type Discovery_ = oidc_proto::flow::Call<Discovery>;
