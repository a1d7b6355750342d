//! A resource, its authorization servers, a user with a browser, and handles of both colours.

use super::super::colour::{START, lock, pause, poll};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use oidc_drive::{
    Io, Resource, Task, blocking,
    resource::{AccessError, Challenge, ResourceBuilder, ResourceError, Visit},
};
use oidc_proto::{
    Timestamp,
    flow::{ClientIdentities, PreRegisteredClient},
    message::ClientMetadata,
};
use oidc_testkit::{Browser, EndpointName, Registration, TestProvider, world::SimClock};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

pub(super) const RESOURCE: &str = "https://mcp.example/mcp";
pub(super) const METADATA: &str = "https://mcp.example/.well-known/oauth-protected-resource/mcp";
pub(super) const CALLBACK: &str = "http://127.0.0.1:8400/callback";
pub(super) const ONE: &str = "https://one.example";
pub(super) const TWO: &str = "https://two.example";

/// One request, as an observer of the network sees it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) url: String,
    pub(super) method: Method,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

/// What a user does with a URL.
pub(super) type User = Box<dyn FnMut(&Town, &url::Url) -> Result<String, String> + Send>;

/// A resource in place of that of the town.
pub(super) type Guard = Box<dyn FnMut(&Request<Vec<u8>>, Timestamp) -> Response<Vec<u8>> + Send>;

pub(super) struct Net {
    pub(super) servers: BTreeMap<&'static str, TestProvider>,
    /// What is answered in place of the servers and of the resource.
    pub(super) pages: BTreeMap<String, (u16, String)>,
    /// Hosts that do not answer.
    pub(super) down: BTreeSet<&'static str>,
    /// The document of the resource.
    pub(super) metadata: Value,
    /// The challenge to a request without a token, after its scheme.
    pub(super) challenge: String,
    /// The scopes that each operation needs.
    pub(super) needs: BTreeMap<&'static str, Vec<&'static str>>,
    /// Whether the resource demands tokens.
    pub(super) is_open: bool,
    /// Tokens that the resource refuses, whatever they say.
    pub(super) revoked: BTreeSet<String>,
    pub(super) refuses_all: bool,
    /// How often the user was sent to a server, and to which.
    pub(super) visits: Vec<url::Url>,
    /// What the user does, in place of agreeing.
    pub(super) user: Option<User>,
    pub(super) log: Vec<Seen>,
    pub(super) guard: Option<Guard>,
}

/// The network, and the clock that all share.
#[derive(Clone)]
pub(super) struct Town {
    pub(super) net: Arc<Mutex<Net>>,
    pub(super) clock: SimClock,
    /// Whether handles ask for the scope `offline_access`.
    pub(super) offline: Arc<AtomicBool>,
    /// Tasks that were spawned and are not finished.
    background: Arc<Mutex<Vec<Task>>>,
}

/// A request of the program: an operation of the resource.
pub(super) struct Ask(pub(super) &'static str);

fn server(issuer: &'static str) -> TestProvider {
    let mut provider = TestProvider::new(issuer);
    provider.rotate_refresh_tokens(true);
    let grants = ["authorization_code", "refresh_token", "client_credentials"];
    let client = Registration::basic("app", format!("the secret at {issuer}"));
    provider.register(client.grant_types(grants).redirect_uri(CALLBACK));
    provider
}

impl Town {
    pub(super) fn new() -> Self {
        let net = Net {
            servers: [(ONE, server(ONE)), (TWO, server(TWO))].into(),
            pages: BTreeMap::new(),
            down: BTreeSet::new(),
            metadata: json!({ "resource": RESOURCE, "authorization_servers": [ONE] }),
            challenge: format!(r#"resource_metadata="{METADATA}", scope="mcp:read""#),
            needs: [("read", vec!["mcp:read"]), ("write", vec!["mcp:write"]), ("admin", vec!["mcp:admin"])]
                .into(),
            is_open: false,
            revoked: BTreeSet::new(),
            refuses_all: false,
            visits: Vec::new(),
            user: None,
            log: Vec::new(),
            guard: None,
        };
        Self {
            net: Arc::new(Mutex::new(net)),
            clock: SimClock::new(START, 11),
            offline: Arc::default(),
            background: Arc::default(),
        }
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Net) -> T) -> T {
        change(&mut lock(&self.net))
    }

    /// Clients that were registered by hand at both servers.
    pub(super) fn known() -> ClientIdentities {
        let at =
            |issuer: &str| PreRegisteredClient::new(issuer, "app").secret(format!("the secret at {issuer}"));
        ClientIdentities::new().pre_registered(at(ONE)).pre_registered(at(TWO))
    }

    /// A client that registers itself.
    pub(super) fn unknown() -> ClientIdentities {
        let metadata = ClientMetadata::native([CALLBACK]).client_name("A test");
        ClientIdentities::new().registration(metadata)
    }

    /// Runs a future and the tasks in the background to their ends.
    pub(super) fn finish<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        for _ in 0..1_000 {
            if let Poll::Ready(output) = poll(future.as_mut()) {
                return output;
            }
            self.step();
        }
        panic!("the future waits for something that never comes");
    }

    /// Polls each spawned task once.
    pub(super) fn step(&self) {
        let tasks = std::mem::take(&mut *lock(&self.background));
        for mut task in tasks {
            if poll(task.as_mut()).is_pending() {
                lock(&self.background).push(task);
            }
        }
    }

    fn settings<W>(&self, builder: ResourceBuilder<W>) -> ResourceBuilder<W> {
        let clock = self.clock.clone();
        let builder = builder.identities(Self::known()).redirect_uri(CALLBACK).clock(move || clock.moment());
        if self.offline.load(SeqCst) { builder } else { builder.no_offline_access() }
    }

    /// An async handle with a user.
    pub(super) fn asynchronous(&self) -> ResourceBuilder<Io> {
        let town = self.clone();
        let send = move |request: Request<Vec<u8>>, _| {
            let town = town.clone();
            async move {
                pause().await;
                town.send(&request)
            }
        };
        let background = Arc::clone(&self.background);
        // A short wait is for another process, and ends at the next poll. A long one is for the end of a lease.
        let sleep = |span: Duration| async move {
            if span > Duration::from_secs(5) {
                std::future::pending::<()>().await;
            }
            pause().await;
        };
        let io = Io::new(send, move |task| lock(&background).push(task), sleep);
        let town = self.clone();
        self.settings(Resource::builder(RESOURCE, io)).browser(move |visit: Visit| {
            let town = town.clone();
            async move {
                pause().await;
                town.visit(&visit)
            }
        })
    }

    /// A blocking handle with a user.
    pub(super) fn blocking(&self) -> ResourceBuilder<blocking::Io> {
        let (town, browser) = (self.clone(), self.clone());
        let io = blocking::Io::new(move |request: Request<Vec<u8>>, _| town.send(&request));
        self.settings(blocking::Resource::builder(RESOURCE, io)).browser(move |visit| browser.visit(&visit))
    }

    /// The user goes to a server, and comes back.
    fn visit(&self, visit: &Visit) -> Result<String, String> {
        let user = self.change(|net| {
            net.visits.push(visit.url().clone());
            net.user.take()
        });
        let Some(mut user) = user else { return Ok(self.agree(visit.url())) };
        let said = user(self, visit.url());
        self.change(|net| net.user = Some(user));
        said
    }

    pub(super) fn user(&self, user: impl FnMut(&Self, &url::Url) -> Result<String, String> + Send + 'static) {
        self.change(|net| net.user = Some(Box::new(user)));
    }

    /// The user agrees. Returns where the browser is sent.
    pub(super) fn agree(&self, url: &url::Url) -> String {
        let mut net = lock(&self.net);
        let issuer = url.origin().ascii_serialization();
        let now = self.clock.now();
        let provider = net.servers.get_mut(&*issuer).expect("a server");
        Browser::new().visit(provider, url, now).url().to_owned()
    }

    /// Answers a request of anybody.
    pub(super) fn send(&self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String> {
        let mut net = lock(&self.net);
        let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let url = request.uri().to_string();
        net.log.push(Seen {
            url: url.clone(),
            method: request.method().clone(),
            authorization: text("authorization"),
            body: String::from_utf8_lossy(request.body()).into_owned(),
        });
        let origin = url::Url::parse(&url).unwrap().origin().ascii_serialization();
        if net.down.contains(&*origin) {
            return Err("no route to host".to_owned());
        }
        if let Some((status, body)) = net.pages.get(&url) {
            let response = Response::builder().status(*status).header("content-type", "application/json");
            return Ok(response.body(body.clone().into_bytes()).unwrap());
        }
        let now = self.clock.now();
        if let Some(guard) = net.guard.as_mut().filter(|_| url == RESOURCE) {
            return Ok(guard(request, now));
        }
        if let Some(provider) = net.servers.get_mut(&*origin) {
            return Ok(provider.handle(request, now));
        }
        let mut response = match &*url {
            METADATA => {
                let document = net.metadata.to_string().into_bytes();
                Response::builder().header("content-type", "application/json").body(document).unwrap()
            }
            RESOURCE => net.operate(text("authorization").as_deref(), request.body(), now),
            _ => Response::builder().status(404).body(b"nothing here".to_vec()).unwrap(),
        };
        response.headers_mut().insert("cache-control", "no-store".parse().unwrap());
        Ok(response)
    }

    pub(super) fn log(&self) -> Vec<Seen> {
        lock(&self.net).log.clone()
    }

    /// The URLs that were asked since the last call, without the resource itself.
    pub(super) fn urls(&self) -> Vec<String> {
        let log = std::mem::take(&mut lock(&self.net).log);
        log.into_iter().map(|seen| seen.url).filter(|url| url != RESOURCE).collect()
    }

    pub(super) fn visits(&self) -> usize {
        lock(&self.net).visits.len()
    }

    /// A parameter of the latest visit.
    pub(super) fn asked(&self, name: &str) -> Option<String> {
        let net = lock(&self.net);
        let last = net.visits.last().expect("a visit");
        last.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    pub(super) fn count(&self, issuer: &'static str, endpoint: EndpointName) -> usize {
        lock(&self.net).servers[issuer].count(endpoint)
    }

    /// Neither server has seen anything that a strict server refuses, and no token has left the resource.
    #[track_caller]
    pub(super) fn assert_clean(&self) {
        let net = lock(&self.net);
        net.servers.values().for_each(TestProvider::assert_clean);
        for seen in &net.log {
            let is_bearer = seen.authorization.as_ref().is_some_and(|value| !value.starts_with("Basic "));
            assert!(!is_bearer || seen.url == RESOURCE, "{seen:?}");
        }
    }
}

impl Net {
    fn operate(&self, authorization: Option<&str>, body: &[u8], now: Timestamp) -> Response<Vec<u8>> {
        let operation = std::str::from_utf8(body).unwrap();
        if self.is_open {
            return Response::new(format!("did {operation}").into_bytes());
        }
        let refuse = |status: StatusCode, challenge: String| {
            let response = Response::builder().status(status).header("www-authenticate", challenge);
            response.body(b"no".to_vec()).unwrap()
        };
        let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
            return refuse(StatusCode::UNAUTHORIZED, format!("Bearer {}", self.challenge));
        };
        let claims = claims(token);
        let is_ours = claims["aud"] == json!(RESOURCE) || claims["aud"] == json!([RESOURCE]);
        let issuers = self.metadata["authorization_servers"].as_array().cloned().unwrap_or_default();
        let is_known = issuers.contains(&claims["iss"]);
        let is_fresh = claims["exp"].as_i64().is_some_and(|end| now.0 < end);
        if !is_ours || !is_known || !is_fresh || self.refuses_all || self.revoked.contains(token) {
            let challenge = format!(r#"Bearer error="invalid_token", {}"#, self.challenge);
            return refuse(StatusCode::UNAUTHORIZED, challenge);
        }
        let has: Vec<&str> = claims["scope"].as_str().unwrap_or_default().split(' ').collect();
        let needs = self.needs.get(operation).cloned().unwrap_or_default();
        if !needs.iter().all(|scope| has.contains(scope)) {
            let challenge = format!(r#"Bearer error="insufficient_scope", scope="{}""#, needs.join(" "));
            return refuse(StatusCode::FORBIDDEN, challenge);
        }
        Response::new(format!("did {operation}").into_bytes())
    }
}

/// The claims of a token, unverified: the network of the test has made it.
pub(super) fn claims(token: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or(Value::Null)
}

/// A handle of either colour.
pub(super) enum Caller {
    Async(Resource, Town),
    Threads(blocking::Resource, Town),
}

pub(super) type Answer = Result<Response<Vec<u8>>, ResourceError<String>>;

impl Caller {
    /// Sends an operation with a client of the program.
    pub(super) fn send(&self, Ask(operation): Ask) -> Answer {
        let request = Request::post(RESOURCE).body(operation.as_bytes().to_vec()).unwrap();
        match self {
            Self::Async(resource, town) => town.finish(resource.send(request, |request| {
                let answer = town.send(&request);
                async move { answer }
            })),
            Self::Threads(resource, town) => resource.send(request, |request| town.send(&request)),
        }
    }

    /// Sends an operation over a library that takes headers and returns an error with the challenge.
    pub(super) fn authorized(&self, Ask(operation): Ask) -> Result<String, ResourceError<(u16, String)>> {
        let town = match self {
            Self::Async(_, town) | Self::Threads(_, town) => town.clone(),
        };
        let send = move |headers: HeaderMap| {
            let mut request = Request::post(RESOURCE).body(operation.as_bytes().to_vec()).unwrap();
            request.headers_mut().extend(headers);
            let response = town.send(&request).map_err(|lost| (0, lost))?;
            let status = response.status().as_u16();
            let challenge = response.headers().get("www-authenticate");
            let challenge = challenge.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
            if status == 200 {
                Ok(String::from_utf8(response.into_body()).unwrap())
            } else {
                Err((status, challenge))
            }
        };
        let challenge = |answer: &Result<String, (u16, String)>| match answer {
            Err((status @ (401 | 403), challenge)) => {
                Some(Challenge::new(StatusCode::from_u16(*status).unwrap(), challenge))
            }
            _ => None,
        };
        match self {
            Self::Async(resource, town) => town.finish(resource.authorized(
                &Method::POST,
                |headers| std::future::ready(send(headers)),
                challenge,
            )),
            Self::Threads(resource, _) => resource.authorized(&Method::POST, send, challenge),
        }
    }

    /// Lets the user decide again.
    pub(super) fn ask_again(&self) {
        match self {
            Self::Async(resource, town) => town.finish(resource.ask_again()),
            Self::Threads(resource, _) => resource.ask_again(),
        }
        .unwrap();
    }

    /// An operation that must succeed.
    #[track_caller]
    pub(super) fn does(&self, operation: &'static str) {
        let answer = self.send(Ask(operation)).unwrap();
        let body = String::from_utf8(answer.into_body()).unwrap();
        assert_eq!(body, format!("did {operation}"));
    }

    /// An operation to which there must be no access.
    #[track_caller]
    pub(super) fn refused(&self, operation: &'static str) -> AccessError {
        match self.send(Ask(operation)) {
            Err(ResourceError::Access(error)) => error,
            other => panic!("{operation}: {other:?}"),
        }
    }
}

/// Tells a story with a handle of each colour, each in a town of its own.
pub(super) fn each(story: impl Fn(&Town, &Caller)) {
    each_with(|town| (town.asynchronous(), town.blocking()), story);
}

/// Tells a story with handles that have other settings.
pub(super) fn each_with(
    settings: impl Fn(&Town) -> (ResourceBuilder<Io>, ResourceBuilder<blocking::Io>),
    story: impl Fn(&Town, &Caller),
) {
    let town = Town::new();
    story(&town, &Caller::Async(settings(&town).0.build().unwrap(), town.clone()));
    let town = Town::new();
    story(&town, &Caller::Threads(settings(&town).1.build().unwrap(), town.clone()));
}

/// The callback of a server that refuses.
pub(super) fn refusal(url: &url::Url, error: &str) -> String {
    let state = url.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
    let issuer = url.origin().ascii_serialization();
    format!("{CALLBACK}?error={error}&state={state}&iss={issuer}")
}
