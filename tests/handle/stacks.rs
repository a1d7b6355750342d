//! The same handle over ureq, hyper and reqwest: three stacks, one story, over sockets.

use oidc_drive::{Event, Observer};
use oidc_proto::{
    UrlPolicy,
    flow::{ClientCredentialsRequest, PreviousLogin},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, Registration, Socket, TestProvider};
use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::SystemTime,
};

const CALLBACK: &str = "https://app.example/callback";

fn socket() -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.default_resource(issuer);
        provider.rotate_refresh_tokens(true);
        let grants = ["authorization_code", "refresh_token", "client_credentials"];
        provider
            .register(Registration::basic("app", "its secret").grant_types(grants).redirect_uri(CALLBACK));
        provider
    })
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest::new(["profile", "offline_access"])
}

fn visit(socket: &Socket, url: &url::Url) -> AuthorizationResponse {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    let now = oidc_proto::Timestamp(since.as_secs().try_into().expect("a time"));
    let landing = socket.provider(|provider| Browser::new().visit(provider, url, now));
    AuthorizationResponse::from_url(landing.url()).expect("a callback")
}

/// The settings are the same to the letter, and so is the story except for `.await`.
macro_rules! story {
    ($http:ident, $socket:ident $(, $await:tt)?) => {{
        let provider = $http::Http::new()
            .provider($socket.issuer())
            .client_id("app")
            .secret("its secret")
            .redirect_uri(CALLBACK)
            .audience($socket.issuer())
            .url_policy(UrlPolicy::default().with_loopback())
            .build()
            .expect("settings that fit");
        let (url, pending) = provider.authorize(&request())$(.$await)?.expect("metadata");
        let login = provider.callback(pending, visit(&$socket, &url))$(.$await)?.expect("a login");
        assert_eq!(login.id_token.sub, "alice");
        let (token, previous) = (login.tokens.refresh_token.unwrap(), PreviousLogin::from(&login.id_token));
        let refreshed = provider.refresh(&token, Some(previous))$(.$await)?.expect("new tokens");
        assert!(refreshed.rotated);
        let wanted = ClientCredentialsRequest::new(["api:read"]);
        let token = provider.client_credentials(&wanted)$(.$await)?.expect("a token");
        let text = token.value.access_token.expose();
        let read = |token: &oidc_proto::token::VerifiedAccessToken<'_>| token.has_scope("api:read");
        assert_eq!(provider.verify(text, read)$(.$await)?, Ok(true));
        $socket.provider(|provider| provider.assert_clean());
        drop($socket);
        let error = provider.client_credentials(&ClientCredentialsRequest::new(["api:write"]))$(.$await)?;
        let error = error.map(drop).expect_err("nobody is there any more");
        assert_eq!(error.code(), "no_response");
        assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
    }};
}

#[test]
fn a_program_with_threads_uses_the_handle_over_ureq() {
    let socket = socket();
    story!(oidc_ureq, socket);
}

#[tokio::test]
async fn a_program_with_tasks_uses_the_handle_over_hyper() {
    let socket = socket();
    story!(oidc_hyper, socket, await);
}

#[tokio::test]
async fn a_program_with_tasks_uses_the_handle_over_reqwest() {
    let socket = socket();
    story!(oidc_reqwest, socket, await);
}

/// Any task can hold a handle and its futures.
#[test]
fn a_handle_and_its_futures_can_be_moved_between_threads() {
    fn movable<T: Send + 'static>(_: &T) {}
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let provider = oidc_hyper::Http::new().provider("https://op.example").build().expect("an issuer");
    shared(&provider);
    let moved = async move {
        let wanted = ClientCredentialsRequest::new(["api:read"]);
        let (url, pending) = provider.authorize(&request()).await.ok()?;
        let response = AuthorizationResponse::from_url(url.as_str()).ok()?;
        let login = provider.callback(pending, response).await.ok()?;
        provider.refresh(&login.tokens.access_token, None).await.ok()?;
        provider.client_credentials(&wanted).await.ok()?;
        provider.userinfo(&login.tokens.access_token, "alice").await.ok()?;
        provider.verify("a.b.c", |token| token.has_scope("x")).await.ok()
    };
    movable(&moved);
    shared(&oidc_ureq::Http::new().provider("https://op.example").build().expect("an issuer"));
}

/// The word for a missing response is the stack's own, whether a handle or the client alone sends the
/// request.
macro_rules! told_words {
    ($http:ident $(, $await:tt)?) => {{
        let told: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let list = Arc::clone(&told);
        let observer = Observer::new(move |event| {
            if let Event::Lost { why, .. } = event {
                list.lock().expect("a list").push(why);
            }
        });
        let closed = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
        let provider = $http::Http::new()
            .with_observer(observer)
            .provider(format!("http://{closed}"))
            .url_policy(UrlPolicy::default().with_loopback())
            .build()
            .expect("settings that fit");
        let lost = provider.metadata()$(.$await)?.map(drop).expect_err("nobody is there");
        assert_eq!(lost.code(), "no_response");
        assert_eq!(*told.lock().expect("a list"), ["connection"], "reported once");
    }};
}

#[test]
fn a_handle_over_ureq_reports_the_word_of_the_stack() {
    told_words!(oidc_ureq);
}

#[tokio::test]
async fn a_handle_over_hyper_reports_the_word_of_the_stack() {
    told_words!(oidc_hyper, await);
}

#[tokio::test]
async fn a_handle_over_reqwest_reports_the_word_of_the_stack() {
    told_words!(oidc_reqwest, await);
}
