//! The table of stacks, and the requests that the tests send over them.

use oidc_drive::meter::Exceeded;
use oidc_proto::flow::{Discovery, Request, Terms};
use std::{error::Error, future::Future, sync::LazyLock, time::Duration};
use tokio::runtime::Runtime;

pub type Response = http::Response<Vec<u8>>;

/// The reason for a missing response, as far as the tests need it.
#[derive(Debug)]
pub struct Failure {
    pub timed_out: bool,
    /// The limit of bytes for one exchange, if the server sent more.
    pub too_much: Option<u64>,
    pub says: String,
}

/// A function that sends a request over a stack.
pub type Send = fn(Request, Terms) -> Result<Response, Failure>;

/// A function that sends a request over a stack with this root certificate and this client certificate,
/// both in PEM.
pub type SendTls = fn(Request, Terms, &str, Option<(&str, &str)>) -> Result<Response, Failure>;

pub struct Stack {
    pub name: &'static str,
    pub send: Send,
    pub send_tls: SendTls,
    /// Whether the stack speaks HTTP/2.
    pub http2: bool,
    /// Whether the stack can tell a reset from the end of a body without length. If not, the flow has to:
    /// JSON and JWTs show where they end.
    pub sees_cuts: bool,
}

const UREQ: Stack = Stack { name: "ureq", send: ureq, send_tls: ureq_tls, http2: false, sees_cuts: false };
const HYPER: Stack = Stack { name: "hyper", send: hyper, send_tls: hyper_tls, http2: true, sees_cuts: true };
const REQWEST: Stack =
    Stack { name: "reqwest", send: reqwest, send_tls: reqwest_tls, http2: true, sees_cuts: true };

/// The stacks of all adapters.
pub const STACKS: [Stack; 3] = [UREQ, HYPER, REQWEST];

/// Each stack keeps its client between requests, as a program would, so that a client that remembers
/// anything would show it.
fn ureq(request: Request, terms: Terms) -> Result<Response, Failure> {
    static HTTP: LazyLock<oidc_ureq::Http> = LazyLock::new(oidc_ureq::Http::new);
    HTTP.send(request, terms).map_err(of_ureq)
}

fn hyper(request: Request, terms: Terms) -> Result<Response, Failure> {
    static HTTP: LazyLock<oidc_hyper::Http> = LazyLock::new(oidc_hyper::Http::new);
    wait(HTTP.send(request, terms)).map_err(of_hyper)
}

fn reqwest(request: Request, terms: Terms) -> Result<Response, Failure> {
    static HTTP: LazyLock<oidc_reqwest::Http> = LazyLock::new(oidc_reqwest::Http::new);
    wait(HTTP.send(request, terms)).map_err(of_reqwest)
}

type Pair<'a> = Option<(&'a str, &'a str)>;

fn ureq_tls(request: Request, terms: Terms, roots: &str, own: Pair<'_>) -> Result<Response, Failure> {
    let mut http = oidc_ureq::Http::with_root_certificates(roots.as_bytes()).expect("certificates");
    if let Some((chain, key)) = own {
        http = http.with_client_certificate(chain.as_bytes(), key.as_bytes()).expect("a pair");
    }
    http.send(request, terms).map_err(of_ureq)
}

fn hyper_tls(request: Request, terms: Terms, roots: &str, own: Pair<'_>) -> Result<Response, Failure> {
    let mut http = oidc_hyper::Http::with_root_certificates(roots.as_bytes()).expect("certificates");
    if let Some((chain, key)) = own {
        http = http.with_client_certificate(chain.as_bytes(), key.as_bytes()).expect("a pair");
    }
    wait(async move { http.send(request, terms).await }).map_err(of_hyper)
}

fn reqwest_tls(request: Request, terms: Terms, roots: &str, own: Pair<'_>) -> Result<Response, Failure> {
    let mut http = oidc_reqwest::Http::with_root_certificates(roots.as_bytes()).expect("certificates");
    if let Some((chain, key)) = own {
        http = http.with_client_certificate(chain.as_bytes(), key.as_bytes()).expect("a pair");
    }
    wait(async move { http.send(request, terms).await }).map_err(of_reqwest)
}

pub fn of_ureq(error: ureq::Error) -> Failure {
    let too_much = match &error {
        ureq::Error::Io(error) => match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(Exceeded::Bytes(most)) => Some(*most),
            Some(Exceeded::Time(_)) | None => None,
        },
        _ => None,
    };
    Failure { timed_out: matches!(error, ureq::Error::Timeout(_)), too_much, says: error.to_string() }
}

pub fn of_hyper(error: oidc_hyper::Error) -> Failure {
    let too_much = if let oidc_hyper::Error::TooMuch(most) = error { Some(most) } else { None };
    Failure { timed_out: matches!(error, oidc_hyper::Error::Timeout), too_much, says: error.to_string() }
}

pub fn of_reqwest(error: oidc_reqwest::Error) -> Failure {
    let too_much = if let oidc_reqwest::Error::TooMuch(most) = error { Some(most) } else { None };
    Failure { timed_out: matches!(error, oidc_reqwest::Error::Timeout), too_much, says: error.to_string() }
}

/// A client that a program keeps and can use on any runtime.
#[allow(clippy::large_enum_variant, reason = "there are three of them")]
pub enum Kept {
    Ureq(oidc_ureq::Http),
    Hyper(oidc_hyper::Http),
    Reqwest(oidc_reqwest::Http),
}

impl Kept {
    /// One client of each stack, with default settings.
    pub fn all() -> [Self; 3] {
        [
            Self::Ureq(oidc_ureq::Http::new()),
            Self::Hyper(oidc_hyper::Http::new()),
            Self::Reqwest(oidc_reqwest::Http::new()),
        ]
    }

    /// One client of each stack that trusts this authority.
    pub fn trusting(roots: &str) -> [Self; 3] {
        let roots = roots.as_bytes();
        [
            Self::Ureq(oidc_ureq::Http::with_root_certificates(roots).expect("certificates")),
            Self::Hyper(oidc_hyper::Http::with_root_certificates(roots).expect("certificates")),
            Self::Reqwest(oidc_reqwest::Http::with_root_certificates(roots).expect("certificates")),
        ]
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Ureq(_) => "ureq",
            Self::Hyper(_) => "hyper",
            Self::Reqwest(_) => "reqwest",
        }
    }

    pub async fn send(&self, request: Request, terms: Terms) -> Result<Response, Failure> {
        match self {
            Self::Ureq(http) => {
                let http = http.clone();
                let sending = tokio::task::spawn_blocking(move || http.send(request, terms));
                sending.await.expect("no panic").map_err(of_ureq)
            }
            Self::Hyper(http) => http.send(request, terms).await.map_err(of_hyper),
            Self::Reqwest(http) => http.send(request, terms).await.map_err(of_reqwest),
        }
    }
}

/// Waits on another thread than the caller's. A future that is not `Send` does not compile here.
fn wait<T: std::marker::Send + 'static>(future: impl Future<Output = T> + std::marker::Send + 'static) -> T {
    let runtime = runtime();
    runtime.block_on(runtime.spawn(future)).expect("no panic")
}

pub fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
    &RUNTIME
}

/// The terms of a real call, with other limits.
pub fn terms(max_body: usize, timeout: Duration) -> Terms {
    let call = Discovery::start("https://op.example", &Default::default()).expect("an issuer");
    let (_, mut terms, _) = call.into_parts();
    (terms.max_body, terms.timeout) = (max_body, timeout);
    terms
}

/// Enough size and time for every honest exchange. A test that needs all the time fails.
pub fn plenty() -> Terms {
    terms(64 * 1024, Duration::from_secs(15))
}

/// A short time.
pub fn hurry() -> Terms {
    terms(64 * 1024, Duration::from_millis(400))
}

pub fn get(url: &str) -> Request {
    http::Request::get(url).header("accept", "application/json").body(Vec::new()).expect("a request")
}

pub fn post(url: &str, body: &str) -> Request {
    http::Request::post(url)
        .header("accept", "application/json")
        .header("authorization", "Basic bXktY2xpZW50OnNlY3JldA==")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.as_bytes().to_vec())
        .expect("a request")
}

/// Both kinds of requests that flows send.
pub fn both(url: &str) -> [Request; 2] {
    [get(url), post(url, "grant_type=authorization_code&code=once")]
}

impl Stack {
    /// Returns the response, and fails if there is none.
    pub fn answered(&self, request: Request, terms: Terms) -> Response {
        (self.send)(request, terms).unwrap_or_else(|error| panic!("{}: {}", self.name, error.says))
    }

    /// Returns the failure, and fails if there was a response.
    pub fn failed(&self, request: Request, terms: Terms) -> Failure {
        match (self.send)(request, terms) {
            Ok(response) => panic!("{}: {:?}", self.name, Short(&response)),
            Err(failure) => failure,
        }
    }
}

struct Short<'a>(&'a Response);

impl std::fmt::Debug for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} bytes", self.0.status(), self.0.body().len())
    }
}

/// Checks that the errors of an adapter are usable as errors.
const _: fn(oidc_hyper::Error) -> Box<dyn Error + std::marker::Send + Sync> = |error| Box::new(error);
const _: fn(oidc_reqwest::Error) -> Box<dyn Error + std::marker::Send + Sync> = |error| Box::new(error);
