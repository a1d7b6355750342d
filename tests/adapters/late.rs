//! A key that is elsewhere, such as in an HSM, and answers late: every flow that authenticates a client, without a network
//! and over every stack.

use crate::own;
use oidc_proto::{
    Secret, Timestamp, UrlPolicy,
    flow::{
        Attempt, Client, ClientAuthentication, ClientCredentialsRequest, Discovery, Endpoint, Flow,
        PreviousLogin, Request, Step, Terms, TokenTypeHint,
    },
    jose::{Algorithm, Sign},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{
    Browser, Clock, DEVICE_GRANT, EndpointName, KeyRing, Registration, Seed, Socket, TestProvider, drive_with,
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering::SeqCst},
        mpsc,
    },
    thread,
};
use tokio::runtime::Runtime;

const NOW: Timestamp = Timestamp(1_800_000_000);
const CALLBACK: &str = "https://app.example/callback";
/// The seconds after which a signature comes.
const LATE: i64 = 10;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

type Send = fn(&Socket, Request, Terms, Timestamp) -> http::Response<Vec<u8>>;

const STACKS: [(&str, Send); 5] = [
    ("none", |socket, request, _, now| socket.provider(|provider| provider.handle(&request, now))),
    ("ureq", |_, request, terms, _| oidc_ureq::Http::new().send(request, terms).expect("a response")),
    ("hyper", |_, request, terms, _| {
        RUNTIME.block_on(oidc_hyper::Http::new().send(request, terms)).expect("a response")
    }),
    ("reqwest", |_, request, terms, _| {
        RUNTIME.block_on(oidc_reqwest::Http::new().send(request, terms)).expect("a response")
    }),
    ("own", |_, request, terms, _| own::send(request, terms).expect("a response")),
];

/// A key in another thread, which takes texts and returns signatures.
struct Elsewhere {
    ask: mpsc::Sender<Vec<u8>>,
    signed: mpsc::Receiver<Vec<u8>>,
    kid: String,
}

impl Elsewhere {
    fn new(key: Arc<dyn Sign>) -> Self {
        let (ask, asked) = mpsc::channel::<Vec<u8>>();
        let (answer, signed) = mpsc::channel();
        let kid = key.key_id().expect("a name").to_owned();
        thread::spawn(move || {
            for text in asked {
                answer.send(key.sign(&text).expect("a test key signs")).expect("somebody waits");
            }
        });
        Self { ask, signed, kid }
    }
}

struct Scene {
    socket: Socket,
    time: Arc<AtomicI64>,
    clock: Clock,
    client: Client,
    key: Elsewhere,
    algorithm: Algorithm,
    send: Send,
}

impl Scene {
    fn new(send: Send, algorithm: Algorithm) -> Self {
        let (key, jwk) = KeyRing::client_key(algorithm);
        let build = move |issuer: &str| {
            let mut provider = TestProvider::new(issuer);
            let grants = ["authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT];
            let registration = Registration::private_key_jwt("app", jwk).grant_types(grants);
            provider.register(registration.redirect_uri(CALLBACK));
            provider
        };
        let time = Arc::new(AtomicI64::new(NOW.0));
        let of_provider = time.clone();
        let socket = Socket::start_with_clock(build, move || Timestamp(of_provider.load(SeqCst)));
        let policy = UrlPolicy::default().with_loopback();
        let mut clock = Clock::new(NOW, Seed::new(4));
        let discovery = Discovery::start(socket.issuer(), &policy).expect("an issuer");
        let sent = drive_with(discovery, &mut clock, |request, terms, now| {
            Some(send(&socket, request.clone(), *terms, now))
        });
        let metadata = sent.expect("metadata").expect("a response");
        let client = Client::builder(metadata, "app")
            .authentication(ClientAuthentication::PrivateKeyJwt)
            .redirect_uri(CALLBACK)
            .build()
            .expect("a client");
        Self { socket, time, clock, client, key: Elsewhere::new(key), algorithm, send }
    }

    fn pass(&mut self, seconds: i64) {
        self.clock.advance(seconds);
        self.time.store(self.clock.now().0, SeqCst);
    }

    /// Asks the key for a signature, and goes on when it has come.
    fn attempt(&mut self, endpoint: Endpoint) -> Attempt {
        let (algorithm, kid) = (self.algorithm, Some(self.key.kid.as_str()));
        let to_sign =
            self.client.assertion_to_sign(endpoint, algorithm, kid, self.clock.moment()).expect("a text");
        self.key.ask.send(to_sign.signing_input().to_vec()).expect("the key is there");
        self.pass(LATE);
        self.client.attempt(to_sign.with_signature(&self.key.signed.recv().expect("a signature")))
    }

    fn finish<F: Flow>(&mut self, step: impl Into<Step<F>>) -> F::Output {
        let Self { socket, clock, send, .. } = self;
        let sent =
            drive_with(step, clock, |request, terms, now| Some(send(socket, request.clone(), *terms, now)));
        sent.unwrap_or_else(|error| panic!("{error}")).expect("every request is answered")
    }

    /// A login, a refresh, a token of its own, introspection, revocation, and a device.
    fn everything(&mut self) {
        let request = AuthorizationRequest::new(["profile"]);
        let (url, pending) = self.client.authorize(&request, self.clock.moment()).expect("a request");
        let now = self.clock.now();
        let landing = self.socket.provider(|provider| Browser::new().visit(provider, &url, now));
        let response = AuthorizationResponse::from_url(landing.url()).expect("a callback");
        let attempt = self.attempt(Endpoint::Token);
        let moment = self.clock.moment();
        let login = self.finish(attempt.callback(pending, None, response, moment).expect("a code"));
        assert_eq!(login.id_token.sub, "alice");

        let spent = login.tokens.refresh_token.expect("a refresh token");
        let (previous, keys) = (PreviousLogin::from(&login.id_token), login.learned.keys);
        let attempt = self.attempt(Endpoint::Token);
        let moment = self.clock.moment();
        let refreshed =
            self.finish(attempt.refresh(&spent, Some(previous), keys.clone(), moment).expect("a request"));
        assert!(refreshed.rotated);

        let attempt = self.attempt(Endpoint::Token);
        let (wanted, moment) = (ClientCredentialsRequest::new(["reports"]), self.clock.moment());
        let own = self.finish(attempt.client_credentials(&wanted, moment).expect("a request")).access_token;
        assert!(self.is_active(&own));
        let attempt = self.attempt(Endpoint::Revocation);
        let moment = self.clock.moment();
        let hint = Some(TokenTypeHint::AccessToken);
        self.finish(attempt.revoke(&own, hint, moment).expect("a request"));
        assert!(!self.is_active(&own));

        let attempt = self.attempt(Endpoint::DeviceAuthorization);
        let moment = self.clock.moment();
        let device = self.finish(attempt.device_authorization(["openid"], moment).expect("a request"));
        self.socket.provider(|provider| provider.enter_user_code(device.user_code(), true));
        let attempt = self.attempt(Endpoint::Token);
        let moment = self.clock.moment();
        let tokens = self.finish(attempt.poll(device, keys, moment).expect("a request"));
        assert_eq!(tokens.id_token.expect("a login").sub, "alice");
    }

    fn is_active(&mut self, token: &Secret) -> bool {
        let attempt = self.attempt(Endpoint::Introspection);
        let moment = self.clock.moment();
        let hint = Some(TokenTypeHint::AccessToken);
        self.finish(attempt.introspect(token, hint, moment).expect("a request")).active
    }
}

#[test]
fn a_signature_that_comes_late_serves_every_flow_over_every_stack() {
    for (name, send) in STACKS {
        for algorithm in [Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA] {
            let mut scene = Scene::new(send, algorithm);
            scene.everything();
            scene.socket.provider(|provider| {
                provider.assert_clean();
                let authenticated = [
                    (EndpointName::Token, 4),
                    (EndpointName::Introspection, 2),
                    (EndpointName::Revocation, 1),
                    (EndpointName::DeviceAuthorization, 1),
                ];
                for (endpoint, times) in authenticated {
                    assert_eq!(provider.count(endpoint), times, "{name} {algorithm:?} {endpoint}");
                }
                let assertions: BTreeSet<_> = provider
                    .requests()
                    .iter()
                    .filter_map(|seen| seen.parameter("client_assertion"))
                    .collect();
                assert_eq!(assertions.len(), 8, "{name} {algorithm:?}: one for each request");
            });
        }
    }
}
