//! What a flow has learned is as old as its question: it never takes the place of what is newer.

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

/// A handle, a provider in memory, and what happens once while UserInfo is awaited.
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

    /// A token of the key that the provider signs with now.
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

    /// A login during which that happens.
    fn log_in(&self) {
        let handle = self.handle.get().unwrap();
        let (url, pending) = handle.authorize(&AuthorizationRequest::new(["profile"])).unwrap();
        let landing = Browser::new().visit(&mut self.provider(), &url, self.clock.now());
        let response = AuthorizationResponse::from_url(landing.url()).unwrap();
        self.armed.store(true, SeqCst);
        let login = handle.callback(pending, response).unwrap();
        assert!(login.learned.keys.is_some(), "the login has fetched keys for itself");
        assert!(!self.armed.load(SeqCst), "it has happened");
    }
}

/// The login fetches keys for itself; while it awaits UserInfo, these are withdrawn, and the handle knows: it
/// has fetched newer ones in the same second, or seconds later.
#[test]
fn a_withdrawn_key_does_not_come_back_with_a_login_that_took_its_time() {
    for took in [0, 1, 9] {
        let stolen: Arc<Mutex<String>> = Arc::default();
        let theft = stolen.clone();
        let scene = Scene::new(move |scene| {
            scene.clock.advance(took);
            scene.provider().rotate_keys();
            assert!(scene.accepts(&scene.token()), "a token of the new key, by keys that are fetched now");
            assert!(!scene.accepts(&theft.lock().unwrap()), "control: the key is known to be withdrawn");
        });
        assert!(scene.accepts(&scene.token()), "keys are at hand");
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

/// Nothing newer has come: the keys of the login serve, and are as old as its question.
#[test]
fn keys_of_a_login_are_fresh_from_when_they_were_asked_for() {
    let scene = Scene::new(|scene| {
        scene.clock.advance(250);
    });
    assert!(scene.accepts(&scene.token()), "keys are at hand");
    scene.provider().rotate_keys();
    let token = scene.token();
    scene.log_in();
    let fetches = || scene.provider().count(oidc_testkit::EndpointName::Jwks);
    let fetched = fetches();
    assert!(scene.accepts(&token));
    // Fresh for 300 s, 250 of which have passed: renewed within the next 20.
    scene.clock.advance(20);
    assert!(scene.accepts(&token));
    assert_eq!(fetches(), fetched + 1, "by now, and once");
}

/// If the clock was set back while the login went on, nobody knows how old its keys are.
#[test]
fn keys_that_were_asked_for_tomorrow_are_not_kept() {
    let scene = Scene::new(|scene| {
        scene.clock.advance(-20);
        scene.provider().rotate_keys();
    });
    assert!(scene.accepts(&scene.token()), "keys are at hand");
    scene.provider().rotate_keys();
    let stolen = scene.token();
    scene.log_in();
    let verdict = scene.handle.get().unwrap().verify(&stolen, |_| ());
    let unknown = ProviderError::AccessToken(VerificationError::from(JwsError::UnknownKey));
    assert_eq!(verdict, Err(unknown), "the handle asks itself");
}
