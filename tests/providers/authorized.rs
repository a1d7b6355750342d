//! Requests to APIs with tokens of a real, OpenID-certified provider (`oidc-provider` from npm): a service whose tokens
//! are bound to its DPoP key, at an API behind our gate, and a user's session at the provider's own UserInfo endpoint.

use crate::npm::{self, Browser, Npm, User};
use axum::{Router, routing::get};
use http::Request;
use oidc_axum::{protect, require_scope};
use oidc_drive::{Gate, api::SessionTokens};
use oidc_proto::{
    Secret,
    flow::{ClientCredentialsRequest, NotSentAgain, ResourceOutcome},
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse},
    resource::{ResourceServer, TrustedIssuer},
    sender::{DpopVerifier, NonceKeys},
};
use oidc_testkit::KeyRing;
use std::{
    net::TcpListener,
    sync::{Arc, LazyLock, Mutex},
    thread,
};
use tokio::runtime::Runtime;

const RESOURCE: &str = "https://api.example/";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// An API that takes bound tokens of this provider only, and demands a nonce. Returns its origin.
fn serve(npm: &Npm) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let verifier = DpopVerifier::new().demand_nonce(NonceKeys::new(b"a key for nonces, 32 bytes long."));
    let server = ResourceServer::builder(RESOURCE)
        .origin(&origin)
        .trust(TrustedIssuer::new(&npm.issuer))
        .require_dpop(verifier)
        .build()
        .unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build().unwrap();
            let router = Router::new()
                .route("/orders", get(async || "3 orders").post(async |body: String| body))
                .route("/pay", get(async || "paid").layer(require_scope("api:pay")))
                .layer(protect(gate));
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
    });
    origin
}

fn wanted() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["api:read"]).resource(RESOURCE)
}

fn at(url: String) -> Request<Vec<u8>> {
    Request::get(url).body(Vec::new()).unwrap()
}

macro_rules! handle {
    ($stack:ident, $npm:ident) => {
        $stack::Http::new()
            .provider(&$npm.issuer)
            .client_id("ES256-client_secret_basic")
            .secret(npm::SECRET)
            .redirect_uri(npm::REDIRECT_URI)
            .client(|client| client.id_token_signed_response_alg(Algorithm::ES256))
    };
}

macro_rules! service {
    ($stack:ident $(, $await:tt)?) => {{
        let Some(npm) = npm::npm() else { return };
        let origin = serve(npm);
        let bound = handle!($stack, npm).client(|client| client.dpop_key(KeyRing::client_key(Algorithm::ES256).0));
        let api = bound.build().unwrap().api(&origin).client_credentials(wanted()).unwrap();
        for order in ["one", "two"] {
            let request = Request::post(format!("{origin}/orders?{order}")).body(order.as_bytes().to_vec()).unwrap();
            let answer = api.fetch(request)$(.$await)?.unwrap();
            assert_eq!(answer.outcome, ResourceOutcome::Answered, "{:?}", answer.response);
            assert_eq!(answer.response.body(), order.as_bytes());
        }
        let answer = api.fetch(at(format!("{origin}/pay")))$(.$await)?.unwrap();
        let ResourceOutcome::InsufficientScope(needed) = answer.outcome else { panic!("{:?}", answer.outcome) };
        assert_eq!(needed.scope, ["api:pay"]);

        // The provider gives a bearer token to a client without a key, and the API refuses each of them.
        let plain = handle!($stack, npm).build().unwrap();
        let api = plain.api(&origin).client_credentials(wanted()).unwrap();
        let answer = api.fetch(at(format!("{origin}/orders")))$(.$await)?.unwrap();
        assert_eq!(answer.response.status(), 401);
        let refused = answer.outcome.challenge().unwrap();
        assert_eq!(refused.not_sent_again, Some(NotSentAgain::Repeated), "a newer one was tried");
    }};
}

#[test]
fn a_service_proves_its_key_over_ureq() {
    service!(oidc_ureq);
}

#[test]
fn a_service_proves_its_key_over_hyper() {
    RUNTIME.block_on(async { service!(oidc_hyper, await) });
}

#[test]
fn a_service_proves_its_key_over_reqwest() {
    RUNTIME.block_on(async { service!(oidc_reqwest, await) });
}

type Store = Arc<Mutex<Vec<SessionTokens>>>;

/// `$store` makes the function that stores tokens: it is async for an async handle.
macro_rules! session {
    ($stack:ident, $bound:expr, $visit:expr, $store:expr $(, $await:tt)?) => {{
        let Some(npm) = npm::npm() else { return };
        let handle = handle!($stack, npm);
        let handle = if $bound {
            handle.client(|client| client.dpop_key(KeyRing::client_key(Algorithm::ES256).0))
        } else {
            handle
        };
        let provider = handle.build().unwrap();
        let (url, pending) = provider.authorize(&AuthorizationRequest::new(["profile"]))$(.$await)?.unwrap();
        let callback = $visit(&url)$(.$await)?;
        let response = AuthorizationResponse::from_url(&callback).unwrap();
        let user = provider.callback(pending, response)$(.$await)?.unwrap();
        let tokens = SessionTokens::of(&user.tokens).unwrap();
        let store = Store::default();
        let api = provider.api(&npm.issuer).session(tokens.clone(), None, $store(&store)).unwrap();
        let me = npm.metadata.userinfo_endpoint.as_ref().unwrap().as_str();
        let answer = api.fetch(at(me.to_owned()))$(.$await)?.unwrap();
        assert_eq!((answer.response.status().as_u16(), store.lock().unwrap().len()), (200, 0));

        // An access token that is over: the real provider refuses it, and it is refreshed once. (To revoke a token there
        // ends the whole session.)
        let over = SessionTokens::new(Secret::new("an-access-token-that-is-over"), tokens.refresh_token.clone());
        let api = provider.api(&npm.issuer).session(over, None, $store(&store)).unwrap();
        for _ in 0..2 {
            let answer = api.fetch(at(me.to_owned()))$(.$await)?.unwrap();
            assert_eq!(answer.outcome, ResourceOutcome::Answered, "{:?}", answer.response);
            let body = String::from_utf8(answer.response.into_body()).unwrap();
            assert!(body.contains("User alice"), "{body}");
        }
        let stored = store.lock().unwrap().clone();
        assert_eq!(stored.len(), 1);
        assert_ne!(stored[0].refresh_token, tokens.refresh_token);
    }};
}

async fn visit(url: &url::Url) -> String {
    let url = url.clone();
    tokio::task::spawn_blocking(move || Browser::new().visit(&url, User::Agrees("alice")))
        .await
        .expect("a browser")
}

fn later(store: &Store) -> impl Fn(SessionTokens) -> std::future::Ready<()> + Send + Sync + 'static {
    let store = Arc::clone(store);
    move |tokens| {
        store.lock().unwrap().push(tokens);
        std::future::ready(())
    }
}

#[test]
fn a_session_goes_on_after_its_token_is_refused_over_ureq() {
    let now = |store: &Store| {
        let store = Arc::clone(store);
        move |tokens| store.lock().unwrap().push(tokens)
    };
    for bound in [false, true] {
        session!(oidc_ureq, bound, |url: &url::Url| Browser::new().visit(url, User::Agrees("alice")), now);
    }
}

#[test]
fn a_session_goes_on_after_its_token_is_refused_over_hyper() {
    for bound in [false, true] {
        RUNTIME.block_on(async { session!(oidc_hyper, bound, visit, later, await) });
    }
}

#[test]
fn a_session_goes_on_after_its_token_is_refused_over_reqwest() {
    for bound in [false, true] {
        RUNTIME.block_on(async { session!(oidc_reqwest, bound, visit, later, await) });
    }
}
