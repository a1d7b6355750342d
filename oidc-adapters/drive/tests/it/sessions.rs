//! A handle with a DPoP key for each session, for threads and for async programs: what the sessions share, and what not.

use oidc_drive::{ProviderError, blocking, http, oidc_proto::flow::Terms};
use oidc_proto::{
    Error, Secret,
    flow::{
        Authenticated, ClientCredentialsRequest, ConfigError, DpopKey, PendingAuthorization, PreviousLogin,
        Refreshed, Request,
    },
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse, TokenResponse},
};
use oidc_testkit::{Browser, EndpointName, Registration, TestProvider};
use std::sync::{Arc, Mutex, MutexGuard};

const ISSUER: &str = "https://op.example";
const CALLBACK: &str = "https://app.example/callback";

/// A provider that demands proofs and nonces, with a public client and one that authenticates.
#[derive(Clone)]
struct Site(Arc<Mutex<TestProvider>>);

impl Site {
    fn new(algorithms: &[Algorithm]) -> Self {
        let mut provider = TestProvider::new(ISSUER);
        provider.register(Registration::public("tab").redirect_uri(CALLBACK));
        provider.register(Registration::basic("app", "a secret").grant_type("client_credentials"));
        match algorithms {
            [one] => provider.accept_dpop([*one]),
            [one, two] => provider.accept_dpop([*one, *two]),
            _ => {}
        }
        provider.require_dpop(true);
        provider.demand_dpop_nonces(600);
        Self(Arc::new(Mutex::new(provider)))
    }

    fn lock(&self) -> MutexGuard<'_, TestProvider> {
        self.0.lock().unwrap()
    }

    fn count(&self, endpoint: EndpointName) -> usize {
        self.lock().count(endpoint)
    }

    fn answer(&self, request: &Request) -> http::Response<Vec<u8>> {
        self.lock().handle(request, oidc_drive::now())
    }

    fn visit(&self, url: &url::Url) -> AuthorizationResponse {
        let landing = Browser::new().visit(&mut self.lock(), url, oidc_drive::now());
        AuthorizationResponse::from_url(landing.url()).unwrap()
    }
}

/// A handle of either kind.
enum Handle {
    Blocking(blocking::Provider),
    Async(oidc_drive::Provider, Arc<tokio::runtime::Runtime>),
}

macro_rules! call {
    ($self:ident, $handle:ident => $blocking:expr, $asynchronous:expr) => {
        match $self {
            Self::Blocking($handle) => $blocking,
            Self::Async($handle, runtime) => runtime.block_on($asynchronous),
        }
    };
}

impl Handle {
    fn both(site: &Site, client: &'static str) -> [Self; 2] {
        let (one, other) = (site.clone(), site.clone());
        let io = blocking::Io::new(move |request: Request, _: Terms| Ok::<_, String>(one.answer(&request)));
        let threads = blocking::Provider::builder(ISSUER, io).client_id(client).redirect_uri(CALLBACK);
        let send = move |request: Request, _: Terms| {
            let answer = other.answer(&request);
            async move { Ok::<_, String>(answer) }
        };
        let spawn = |task| drop(tokio::spawn(task));
        let io = oidc_drive::Io::new(send, spawn, tokio::time::sleep);
        let tasks = oidc_drive::Provider::builder(ISSUER, io).client_id(client).redirect_uri(CALLBACK);
        let (threads, tasks) = match client {
            "app" => (threads.secret("a secret"), tasks.secret("a secret")),
            _ => (threads, tasks),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = Arc::new(runtime.unwrap());
        [Self::Blocking(threads.build().unwrap()), Self::Async(tasks.build().unwrap(), runtime)]
    }

    fn session(&self, key: &DpopKey) -> Self {
        match self {
            Self::Blocking(handle) => Self::Blocking(handle.with_dpop_key(key)),
            Self::Async(handle, runtime) => Self::Async(handle.with_dpop_key(key), Arc::clone(runtime)),
        }
    }

    fn new_key(&self) -> Result<DpopKey, ProviderError> {
        call!(self, handle => handle.new_dpop_key(), handle.new_dpop_key())
    }

    fn authorize(&self) -> (url::Url, PendingAuthorization) {
        let request = AuthorizationRequest::new(["email", "offline_access"]);
        call!(self, handle => handle.authorize(&request), handle.authorize(&request)).unwrap()
    }

    fn callback(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Result<Authenticated, ProviderError> {
        call!(self, handle => handle.callback(pending, response), handle.callback(pending, response))
    }

    fn refresh(
        &self,
        token: &Secret,
        previous: Option<PreviousLogin>,
    ) -> Result<Arc<Refreshed>, ProviderError> {
        call!(self, handle => handle.refresh(token, previous), handle.refresh(token, previous))
    }

    fn token(&self) -> Arc<TokenResponse> {
        let wanted = ClientCredentialsRequest::new(["read"]);
        let got =
            call!(self, handle => handle.client_credentials(&wanted), handle.client_credentials(&wanted));
        got.unwrap().value
    }

    fn userinfo(&self, token: &Secret) -> String {
        call!(self, handle => handle.userinfo(token, "alice"), handle.userinfo(token, "alice")).unwrap().sub
    }
}

fn other_key(refused: &ProviderError) -> bool {
    *refused == ProviderError::Protocol(Error::Config(ConfigError::OtherDpopKey))
}

#[test]
fn a_session_logs_in_and_refreshes_with_its_key_saved_in_between() {
    let site = Site::new(&[Algorithm::ES256, Algorithm::EdDSA]);
    for handle in Handle::both(&site, "tab") {
        let key = handle.new_key().unwrap();
        assert_eq!(key.algorithm(), Algorithm::ES256, "what most providers accept");
        let session = handle.session(&key);
        let (url, pending) = session.authorize();
        let response = site.visit(&url);
        // The key is restored for the callback.
        let saved = serde_json::to_string(&key).unwrap();
        let restored: DpopKey = serde_json::from_str(&saved).unwrap();
        let sent = site.count(EndpointName::Token);
        for wrong in [None, Some(handle.new_key().unwrap())] {
            let pending = pending.clone();
            let refused = match &wrong {
                Some(key) => handle.session(key).callback(pending, response.clone()),
                None => handle.callback(pending, response.clone()),
            };
            assert!(other_key(&refused.unwrap_err()));
        }
        assert_eq!(site.count(EndpointName::Token), sent, "no code was sent");
        let session = handle.session(&restored);
        let user = session.callback(pending, response).unwrap();
        assert_eq!(session.userinfo(&user.tokens.access_token), "alice");
        let (token, previous) = (user.tokens.refresh_token.clone().unwrap(), PreviousLogin::from(&user));
        let refused = handle.session(&handle.new_key().unwrap()).refresh(&token, Some(previous.clone()));
        assert!(other_key(&refused.unwrap_err()));
        let refreshed = session.refresh(&token, Some(previous)).unwrap();
        assert_eq!(session.userinfo(&refreshed.tokens.access_token), "alice");
    }
    site.lock().assert_clean();
}

#[test]
fn sessions_share_metadata_keys_and_nonces_and_no_token() {
    let site = Site::new(&[Algorithm::ES256, Algorithm::EdDSA]);
    for handle in Handle::both(&site, "app") {
        let before = [EndpointName::Discovery, EndpointName::OAuthMetadata].map(|name| site.count(name));
        let keys = [handle.new_key().unwrap(), handle.new_key().unwrap(), handle.new_key().unwrap()];
        let asked = site.count(EndpointName::Token);
        let sessions = keys.each_ref().map(|key| handle.session(key));
        let tokens = sessions.each_ref().map(Handle::token);
        // One request more, for the first nonce. The others know it.
        assert_eq!(site.count(EndpointName::Token), asked + 4);
        for (at, (session, key)) in sessions.iter().zip(&keys).enumerate() {
            assert!(Arc::ptr_eq(&session.token(), &tokens[at]), "a session keeps its token");
            let claims = tokens[at].access_token.expose().split('.').nth(1).unwrap();
            let claims = oidc_proto::base::base64url::decode(claims).unwrap();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(claims["cnf"]["jkt"], key.thumbprint(), "and nobody else's");
        }
        assert_eq!(site.count(EndpointName::Token), asked + 4);
        let after = [EndpointName::Discovery, EndpointName::OAuthMetadata].map(|name| site.count(name));
        assert!(after.iter().sum::<usize>() - before.iter().sum::<usize>() <= 2, "the metadata is shared");
    }
    site.lock().assert_clean();
}

/// A refresh token is sent once, and its outcome goes to nobody with another key.
#[test]
fn the_outcome_of_a_refresh_is_for_the_key_that_it_was_sent_with() {
    let site = Site::new(&[Algorithm::EdDSA]);
    for handle in Handle::both(&site, "tab") {
        for _ in 0..3 {
            let key = handle.new_key().unwrap();
            assert_eq!(key.algorithm(), Algorithm::EdDSA, "what this provider accepts");
            let session = handle.session(&key);
            let (url, pending) = session.authorize();
            let response = site.visit(&url);
            let user = session.callback(pending.clone(), response.clone()).unwrap();
            let token = user.tokens.refresh_token.clone().unwrap();
            let refreshed = session.refresh(&token, None).unwrap();
            let sent = site.count(EndpointName::Token);
            // The same key gets the same tokens, from another handle of the session, too.
            let again = handle.session(&key).refresh(&token, None).unwrap();
            assert!(Arc::ptr_eq(&again, &refreshed));
            let again = handle.session(&key).callback(pending, response).unwrap();
            assert_eq!(again.tokens.access_token, user.tokens.access_token);
            let other = handle.session(&handle.new_key().unwrap());
            assert!(other_key(&other.refresh(&token, None).unwrap_err()));
            assert!(other_key(&handle.refresh(&token, None).unwrap_err()));
            assert_eq!(site.count(EndpointName::Token), sent, "nothing was sent");
        }
    }
    site.lock().assert_clean();
}

#[test]
fn a_key_that_the_provider_does_not_accept_is_refused_before_anything_is_sent() {
    for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::ES384] {
        let site = Site::new(&[algorithm]);
        for handle in Handle::both(&site, "tab") {
            let refused = handle.new_key().unwrap_err();
            assert_eq!(refused.code(), "config_no_dpop_algorithm");
            let key = DpopKey::ed25519(oidc_drive::moment()).unwrap();
            let refused = handle.session(&key).refresh(&"r".into(), None).unwrap_err();
            assert_eq!(refused.code(), "config_no_dpop_algorithm");
        }
        assert_eq!(site.count(EndpointName::Token), 0);
    }
}
