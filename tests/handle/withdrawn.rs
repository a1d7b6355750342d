//! Values that a flow has learned: they are as old as their request, and never replace newer ones.

use oidc_drive::{
    ProviderError,
    blocking::{Io, Provider as Handle},
};
use oidc_proto::{
    Timestamp,
    flow::Request,
    jose::JwsError,
    message::{AuthorizationRequest, AuthorizationResponse},
    token::VerificationError,
};
use oidc_testkit::{Browser, Registration, SimClock, TestProvider};
use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering::SeqCst},
};

const START: Timestamp = Timestamp(1_800_000_000);
const ISSUER: &str = "https://op.example";
const API: &str = "https://api.example/";
const CALLBACK: &str = "https://app.example/callback";

/// A handle, a provider in memory, and an event that happens once while UserInfo is awaited.
struct Scene {
    provider: Arc<Mutex<TestProvider>>,
    clock: SimClock,
    handle: Arc<OnceLock<Handle>>,
    armed: Arc<AtomicBool>,
}

impl Scene {
    fn new(meanwhile: impl Fn(&Self) + Send + Sync + 'static) -> Self {
        let mut provider = TestProvider::new(ISSUER);
        provider.default_resource(API);
        provider.access_token_lifetime(3_600);
        let app = Registration::basic("app", "its secret").redirect_uri(CALLBACK);
        provider.register(app.grant_types(["authorization_code", "client_credentials"]));
        let scene = Self {
            provider: Arc::new(Mutex::new(provider)),
            clock: SimClock::new(START, 11),
            handle: Arc::default(),
            armed: Arc::default(),
        };
        let of_io = scene.again();
        let io = Io::new(move |request: Request, _| -> Result<http::Response<Vec<u8>>, String> {
            if request.uri().path() == "/userinfo" && of_io.armed.swap(false, SeqCst) {
                meanwhile(&of_io);
            }
            Ok(of_io.provider().handle(&request, of_io.clock.now()))
        })
        .with_spawn(|job| job());
        let time = scene.clock.clone();
        let built = Handle::builder(ISSUER, io)
            .client_id("app")
            .secret("its secret")
            .redirect_uri(CALLBACK)
            .audience(API)
            .client(|client| client.fetch_userinfo())
            .clock(move || time.moment())
            .build()
            .unwrap();
        scene.handle.set(built).ok().unwrap();
        scene
    }

    fn again(&self) -> Self {
        let Self { provider, clock, handle, armed } = self;
        Self {
            provider: provider.clone(),
            clock: clock.clone(),
            handle: handle.clone(),
            armed: armed.clone(),
        }
    }

    fn provider(&self) -> std::sync::MutexGuard<'_, TestProvider> {
        self.provider.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token with the key that the provider signs with now.
    fn token(&self) -> String {
        let request = http::Request::post(format!("{ISSUER}/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .header("authorization", "Basic YXBwOml0cytzZWNyZXQ=")
            .body(b"grant_type=client_credentials".to_vec())
            .unwrap();
        let response = self.provider().handle(&request, self.clock.now());
        let tokens: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    fn accepts(&self, token: &str) -> bool {
        self.handle.get().unwrap().verify(token, |_| ()).is_ok()
    }

    /// A login during which the event happens.
    fn log_in(&self) {
        let handle = self.handle.get().unwrap();
        let (url, pending) = handle.authorize(&AuthorizationRequest::new(["profile"])).unwrap();
        let landing = Browser::new().visit(&mut self.provider(), &url, self.clock.now());
        let response = AuthorizationResponse::from_url(landing.url()).unwrap();
        self.armed.store(true, SeqCst);
        let login = handle.callback(pending, response).unwrap();
        assert!(login.learned.keys.is_some(), "the login has fetched its own keys");
        assert!(!self.armed.load(SeqCst), "the event has happened");
    }
}

/// The login fetches keys. While it awaits UserInfo, these keys are withdrawn, and the handle has fetched
/// newer ones, in the same second or seconds later.
#[test]
fn a_slow_login_does_not_bring_a_withdrawn_key_back() {
    for took in [0, 1, 9] {
        let stolen: Arc<Mutex<String>> = Arc::default();
        let theft = stolen.clone();
        let scene = Scene::new(move |scene| {
            scene.clock.advance(took);
            scene.provider().rotate_keys();
            assert!(scene.accepts(&scene.token()), "a token of the new key, with keys that are fetched now");
            assert!(!scene.accepts(&theft.lock().unwrap()), "control: the key is known to be withdrawn");
        });
        assert!(scene.accepts(&scene.token()), "the keys are known");
        scene.provider().rotate_keys();
        *stolen.lock().unwrap() = scene.token();
        scene.log_in();

        let stolen = stolen.lock().unwrap().clone();
        for second in [0, 60, 200, 269] {
            scene.clock.set(START.plus(took + second));
            assert!(!scene.accepts(&stolen), "{second} s after a login that took {took} s");
        }
        let verdict = scene.handle.get().unwrap().verify(&stolen, |_| ());
        let unknown = VerificationError::Jws(oidc_proto::jose::JwsError::UnknownKey);
        assert!(format!("{verdict:?}").contains(&format!("{unknown:?}")), "{verdict:?}");
    }
}

/// No newer keys have come. The keys of the login serve, and are as old as their request.
#[test]
fn keys_of_a_login_are_fresh_from_the_time_of_their_request() {
    let scene = Scene::new(|scene| {
        scene.clock.advance(250);
    });
    assert!(scene.accepts(&scene.token()), "the keys are known");
    scene.provider().rotate_keys();
    let token = scene.token();
    scene.log_in();
    let fetches = || scene.provider().count(oidc_testkit::EndpointName::Jwks);
    let fetched = fetches();
    assert!(scene.accepts(&token));
    // Fresh for 300 s, 250 of which have passed: the keys are renewed within the next 20 s.
    scene.clock.advance(20);
    assert!(scene.accepts(&token));
    assert_eq!(fetches(), fetched + 1, "renewed by now, and once");
}

/// If the clock was set back during the login, the age of its keys is unknown.
#[test]
fn keys_requested_at_a_future_time_are_not_kept() {
    let scene = Scene::new(|scene| {
        scene.clock.advance(-20);
        scene.provider().rotate_keys();
    });
    assert!(scene.accepts(&scene.token()), "the keys are known");
    scene.provider().rotate_keys();
    let stolen = scene.token();
    scene.log_in();
    let verdict = scene.handle.get().unwrap().verify(&stolen, |_| ());
    let unknown = ProviderError::AccessToken(VerificationError::from(JwsError::UnknownKey));
    assert_eq!(verdict, Err(unknown), "the handle sends its own request");
}
