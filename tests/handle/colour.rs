//! A provider in memory that can go down, a clock that the test moves, and the sync and async handles
//! behind one trait, so that each story is told once.

use oidc_drive::{Io, Job, Observer, ProviderBuilder, ProviderError, Task, blocking};
use oidc_proto::{
    Secret, Timestamp,
    flow::{
        AssertionGrantRequest, Authenticated, ClientBuilder, ClientCredentialsRequest, ExchangedToken,
        GrantRequest, IdJag, IdJagRequest, PendingAuthorization, PreviousLogin, RefreshRequest, Refreshed,
        Request, TokenExchangeRequest,
    },
    message::{AuthorizationRequest, AuthorizationResponse, IntrospectionResponse, TokenResponse, UserInfo},
    renew::{Epoch, Published},
};
use oidc_testkit::{Browser, EndpointName, Registration, TestProvider, hostile, world::SimClock};
use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

pub const START: Timestamp = Timestamp(1_800_000_000);
pub const ISSUER: &str = "https://op.example";
pub const API: &str = "https://api.example/";
pub const CALLBACK: &str = "https://app.example/callback";

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
pub struct World {
    pub provider: Arc<Mutex<TestProvider>>,
    pub clock: SimClock,
    pub down: Arc<AtomicBool>,
    /// The requests that were sent, whether or not they were answered.
    pub sent: Arc<Mutex<Vec<String>>>,
    /// Tasks that were spawned and are not finished.
    pub background: Arc<Mutex<Vec<Task>>>,
    /// Jobs that were spawned while jobs were held back.
    pub jobs: Arc<Mutex<Option<Vec<Job>>>>,
    /// Whether the keys have moved to another address.
    pub moved: Arc<AtomicBool>,
    /// Whether every wait ends at once, although the clock does not move.
    pub impatient: Arc<AtomicBool>,
    /// Whether a wait ends when the clock says so.
    pub timers: Arc<AtomicBool>,
    /// The duration of each wait of an async caller.
    pub slept: Arc<Mutex<Vec<Duration>>>,
    pub observer: Observer,
}

impl World {
    pub fn new() -> Self {
        let mut provider = TestProvider::new(ISSUER);
        provider.default_resource(API);
        provider.rotate_refresh_tokens(true);
        let grants = ["authorization_code", "refresh_token", "client_credentials"];
        provider
            .register(Registration::basic("app", "its secret").grant_types(grants).redirect_uri(CALLBACK));
        Self {
            provider: Arc::new(Mutex::new(provider)),
            clock: SimClock::new(START, 11),
            down: Arc::default(),
            sent: Arc::default(),
            background: Arc::default(),
            jobs: Arc::default(),
            moved: Arc::default(),
            impatient: Arc::default(),
            timers: Arc::default(),
            slept: Arc::default(),
            observer: Observer::none(),
        }
    }

    pub fn answer(&self, request: &Request) -> Result<http::Response<Vec<u8>>, String> {
        lock(&self.sent).push(request.uri().path().to_owned());
        if self.down.load(SeqCst) {
            return Err("no route to host".to_owned());
        }
        if !self.moved.load(SeqCst) {
            return Ok(lock(&self.provider).handle(request, self.clock.now()));
        }
        let mut request = request.clone();
        match request.uri().path() {
            "/jwks" => {
                return Ok(http::Response::builder().status(404).body(Vec::new()).expect("a response"));
            }
            "/elsewhere" => *request.uri_mut() = format!("{ISSUER}/jwks").parse().expect("a URL"),
            _ => {}
        }
        Ok(lock(&self.provider).handle(&request, self.clock.now()))
    }

    /// Moves the provider's keys to another address, which its metadata names.
    pub fn move_keys(&self) {
        self.moved.store(true, SeqCst);
        let elsewhere = hostile::set_member("jwks_uri", format!("{ISSUER}/elsewhere"));
        self.change(|provider| provider.alter_response(EndpointName::Discovery, elsewhere));
    }

    /// Holds new jobs back.
    pub fn hold_jobs(&self) {
        *lock(&self.jobs) = Some(Vec::new());
    }

    /// Runs the held jobs. Returns their number.
    pub fn run_jobs(&self) -> usize {
        let jobs = lock(&self.jobs).take().unwrap_or_default();
        let held = jobs.len();
        jobs.into_iter().for_each(|job| job());
        held
    }

    pub fn down(&self, down: bool) {
        self.down.store(down, SeqCst);
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut TestProvider) -> T) -> T {
        change(&mut lock(&self.provider))
    }

    pub fn count(&self, endpoint: EndpointName) -> usize {
        lock(&self.provider).count(endpoint)
    }

    pub fn sent(&self) -> usize {
        lock(&self.sent).len()
    }

    /// Sends the user to the provider and back.
    pub fn visit(&self, url: &url::Url) -> AuthorizationResponse {
        let landing = Browser::new().visit(&mut lock(&self.provider), url, self.clock.now());
        AuthorizationResponse::from_url(landing.url()).expect("a callback")
    }

    /// An access token for the API.
    pub fn token(&self) -> String {
        let form = "grant_type=client_credentials";
        let request = http::Request::post(format!("{ISSUER}/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .header("authorization", "Basic YXBwOml0cytzZWNyZXQ=")
            .body(form.as_bytes().to_vec())
            .expect("a request");
        let response = lock(&self.provider).handle(&request, self.clock.now());
        let tokens: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
        tokens["access_token"].as_str().expect("a token").to_owned()
    }

    /// The settings that both handles share.
    fn settings<W>(&self, builder: ProviderBuilder<W>) -> ProviderBuilder<W> {
        let clock = self.clock.clone();
        builder
            .client_id("app")
            .secret("its secret")
            .redirect_uri(CALLBACK)
            .audience(API)
            .clock(move || clock.moment())
            .with_observer(self.observer.clone())
    }

    pub fn asynchronous(&self) -> ProviderBuilder<Io> {
        let (world, background) = (self.clone(), Arc::clone(&self.background));
        let send = move |request: Request, _| {
            let world = world.clone();
            async move {
                pause().await;
                let answer = world.answer(&request);
                // The response is on its way: a caller that goes away now has sent the request.
                pause().await;
                answer
            }
        };
        // Only the awaited event ends a wait, unless callers are impatient or timers run.
        let waits = self.clone();
        let sleep = move |span: Duration| {
            lock(&waits.slept).push(span);
            let (over, waits) = (waits.impatient.load(SeqCst), waits.clone());
            let until = waits.clock.now().plus(span.as_secs().try_into().expect("a wait that ends"));
            std::future::poll_fn(move |_| {
                let timed_out = waits.timers.load(SeqCst) && waits.clock.now() >= until;
                if over || timed_out { Poll::Ready(()) } else { Poll::Pending }
            })
        };
        let io = Io::new(send, move |task| lock(&background).push(task), sleep);
        self.settings(oidc_drive::Provider::builder(ISSUER, io))
    }

    pub fn blocking(&self) -> ProviderBuilder<blocking::Io> {
        let (world, jobs) = (self.clone(), Arc::clone(&self.jobs));
        let io = blocking::Io::new(move |request, _| world.answer(&request)).with_spawn(move |job| {
            let mut held = lock(&jobs);
            match &mut *held {
                Some(held) => held.push(job),
                None => {
                    drop(held);
                    job();
                }
            }
        });
        self.settings(blocking::Provider::builder(ISSUER, io))
    }

    pub fn both(&self) -> [Box<dyn Handle>; 2] {
        self.both_with(|client| client)
    }

    /// Both handles, with these options of the client.
    pub fn both_with(&self, client: fn(ClientBuilder) -> ClientBuilder) -> [Box<dyn Handle>; 2] {
        let asynchronous = self.asynchronous().client(client).build().expect("settings that fit");
        let blocking = self.blocking().client(client).build().expect("settings that fit");
        [Box::new(Async(asynchronous, self.clone())), Box::new(blocking)]
    }

    /// Both handles, which accept metadata and keys of any media type if they are told to.
    pub fn both_of_any_type(&self, told: bool) -> [Box<dyn Handle>; 2] {
        let (asynchronous, blocking) = (self.asynchronous(), self.blocking());
        let (asynchronous, blocking) = match told {
            true => (asynchronous.any_media_type(), blocking.any_media_type()),
            false => (asynchronous, blocking),
        };
        let asynchronous = asynchronous.build().expect("settings that fit");
        [Box::new(Async(asynchronous, self.clone())), Box::new(blocking.build().expect("settings that fit"))]
    }

    /// Polls a future to its end, together with everything that it has spawned.
    pub fn finish<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        for _ in 0..1_000 {
            if let Poll::Ready(output) = poll(future.as_mut()) {
                self.settle();
                return output;
            }
            self.step();
        }
        panic!("the future waits for something that never comes");
    }

    /// Polls each spawned task once.
    pub fn step(&self) {
        let tasks = std::mem::take(&mut *lock(&self.background));
        for mut task in tasks {
            if poll(task.as_mut()).is_pending() {
                lock(&self.background).push(task);
            }
        }
    }

    /// Runs the background until it rests.
    pub fn settle(&self) {
        for _ in 0..100 {
            self.step();
        }
    }
}

pub fn poll<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Is pending once, as every exchange over a network is.
pub async fn pause() {
    let mut paused = false;
    std::future::poll_fn(
        |_| {
            if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
    .await;
}

pub type Outcome<T> = Result<T, ProviderError>;

/// The methods that both handles have.
pub trait Handle {
    fn authorize(&self) -> Outcome<(url::Url, PendingAuthorization)>;
    fn callback(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Outcome<Authenticated>;
    fn refresh(&self, token: &Secret, previous: Option<PreviousLogin>) -> Outcome<Arc<Refreshed>>;
    fn narrowed(&self, wanted: &RefreshRequest) -> Outcome<Arc<Refreshed>>;
    fn userinfo(&self, token: &Secret, sub: &str) -> Outcome<UserInfo>;
    fn introspect(&self, token: &Secret) -> Outcome<IntrospectionResponse>;
    fn revoke(&self, token: &Secret) -> Outcome<()>;
    fn service(&self, wanted: &ClientCredentialsRequest) -> Outcome<Published<TokenResponse>>;
    fn newer(&self, wanted: &ClientCredentialsRequest, epoch: Epoch) -> Outcome<Published<TokenResponse>>;
    fn exchange(&self, wanted: &TokenExchangeRequest) -> Outcome<ExchangedToken>;
    fn assertion(&self, wanted: AssertionGrantRequest) -> Outcome<TokenResponse>;
    fn own_grant(&self, wanted: &GrantRequest) -> Outcome<TokenResponse>;
    fn id_jag(&self, wanted: &IdJagRequest) -> Outcome<IdJag>;
    fn redeem(&self, id_jag: IdJag) -> Outcome<TokenResponse>;
    fn subject(&self, token: &str) -> Outcome<String>;
    fn debug(&self) -> String;
}

pub fn request() -> AuthorizationRequest {
    AuthorizationRequest::new(["profile", "offline_access"])
}

fn subject(token: &oidc_proto::token::VerifiedAccessToken<'_>) -> String {
    token.claims().sub.as_deref().unwrap_or_default().to_owned()
}

pub struct Async(pub oidc_drive::Provider, pub World);

impl Handle for Async {
    fn authorize(&self) -> Outcome<(url::Url, PendingAuthorization)> {
        self.1.finish(self.0.authorize(&request()))
    }
    fn callback(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Outcome<Authenticated> {
        self.1.finish(self.0.callback(pending, response))
    }
    fn refresh(&self, token: &Secret, previous: Option<PreviousLogin>) -> Outcome<Arc<Refreshed>> {
        self.1.finish(self.0.refresh(token, previous))
    }
    fn narrowed(&self, wanted: &RefreshRequest) -> Outcome<Arc<Refreshed>> {
        self.1.finish(self.0.refresh_with(wanted, None))
    }
    fn userinfo(&self, token: &Secret, sub: &str) -> Outcome<UserInfo> {
        self.1.finish(self.0.userinfo(token, sub))
    }
    fn introspect(&self, token: &Secret) -> Outcome<IntrospectionResponse> {
        self.1.finish(self.0.introspect(token, None))
    }
    fn revoke(&self, token: &Secret) -> Outcome<()> {
        self.1.finish(self.0.revoke(token, None))
    }
    fn service(&self, wanted: &ClientCredentialsRequest) -> Outcome<Published<TokenResponse>> {
        self.1.finish(self.0.client_credentials(wanted))
    }
    fn newer(&self, wanted: &ClientCredentialsRequest, epoch: Epoch) -> Outcome<Published<TokenResponse>> {
        self.1.finish(self.0.client_credentials_newer_than(wanted, epoch))
    }
    fn exchange(&self, wanted: &TokenExchangeRequest) -> Outcome<ExchangedToken> {
        self.1.finish(self.0.exchange(wanted))
    }
    fn assertion(&self, wanted: AssertionGrantRequest) -> Outcome<TokenResponse> {
        self.1.finish(self.0.assertion_grant(wanted))
    }
    fn own_grant(&self, wanted: &GrantRequest) -> Outcome<TokenResponse> {
        self.1.finish(self.0.grant(wanted))
    }
    fn id_jag(&self, wanted: &IdJagRequest) -> Outcome<IdJag> {
        self.1.finish(self.0.id_jag(wanted))
    }
    fn redeem(&self, id_jag: IdJag) -> Outcome<TokenResponse> {
        self.1.finish(self.0.redeem_id_jag(id_jag))
    }
    fn subject(&self, token: &str) -> Outcome<String> {
        self.1.finish(self.0.verify(token, subject))
    }
    fn debug(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl Handle for blocking::Provider {
    fn authorize(&self) -> Outcome<(url::Url, PendingAuthorization)> {
        self.authorize(&request())
    }
    fn callback(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Outcome<Authenticated> {
        self.callback(pending, response)
    }
    fn refresh(&self, token: &Secret, previous: Option<PreviousLogin>) -> Outcome<Arc<Refreshed>> {
        self.refresh(token, previous)
    }
    fn narrowed(&self, wanted: &RefreshRequest) -> Outcome<Arc<Refreshed>> {
        self.refresh_with(wanted, None)
    }
    fn userinfo(&self, token: &Secret, sub: &str) -> Outcome<UserInfo> {
        self.userinfo(token, sub)
    }
    fn introspect(&self, token: &Secret) -> Outcome<IntrospectionResponse> {
        self.introspect(token, None)
    }
    fn revoke(&self, token: &Secret) -> Outcome<()> {
        self.revoke(token, None)
    }
    fn service(&self, wanted: &ClientCredentialsRequest) -> Outcome<Published<TokenResponse>> {
        self.client_credentials(wanted)
    }
    fn newer(&self, wanted: &ClientCredentialsRequest, epoch: Epoch) -> Outcome<Published<TokenResponse>> {
        self.client_credentials_newer_than(wanted, epoch)
    }
    fn exchange(&self, wanted: &TokenExchangeRequest) -> Outcome<ExchangedToken> {
        self.exchange(wanted)
    }
    fn assertion(&self, wanted: AssertionGrantRequest) -> Outcome<TokenResponse> {
        self.assertion_grant(wanted)
    }
    fn own_grant(&self, wanted: &GrantRequest) -> Outcome<TokenResponse> {
        self.grant(wanted)
    }
    fn id_jag(&self, wanted: &IdJagRequest) -> Outcome<IdJag> {
        self.id_jag(wanted)
    }
    fn redeem(&self, id_jag: IdJag) -> Outcome<TokenResponse> {
        self.redeem_id_jag(id_jag)
    }
    fn subject(&self, token: &str) -> Outcome<String> {
        self.verify(token, subject)
    }
    fn debug(&self) -> String {
        format!("{self:?}")
    }
}

/// Tells a story to each handle, in a world of its own.
pub fn each(story: impl Fn(World, &dyn Handle)) {
    each_in(World::new, story);
}

/// Tells a story to each handle, in a world that `make` makes.
pub fn each_in(make: impl Fn() -> World, story: impl Fn(World, &dyn Handle)) {
    for colour in 0..2 {
        let world = make();
        let handles = world.both();
        story(world, &*handles[colour]);
    }
}
