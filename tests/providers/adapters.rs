//! Logins at a real, OpenID-certified provider over each adapter: `oidc-provider` from npm.

use crate::npm::{self, Browser, User};
use oidc_drive::moment;
use oidc_proto::{
    UrlPolicy,
    flow::{Client, ClientCredentialsRequest, Discovery, Flow, PreviousLogin, Step},
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse},
};
use std::{fmt::Display, sync::LazyLock};
use tokio::runtime::Runtime;

pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// A way to run any flow.
pub(crate) trait Http {
    fn finish<F: Flow>(&self, step: impl Into<Step<F>>) -> F::Output;
}

fn output<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|failed| panic!("{failed}"))
}

impl Http for oidc_ureq::Http {
    fn finish<F: Flow>(&self, step: impl Into<Step<F>>) -> F::Output {
        output(self.run(step))
    }
}

impl Http for oidc_hyper::Http {
    fn finish<F: Flow>(&self, step: impl Into<Step<F>>) -> F::Output {
        output(RUNTIME.block_on(self.run(step)))
    }
}

impl Http for oidc_reqwest::Http {
    fn finish<F: Flow>(&self, step: impl Into<Step<F>>) -> F::Output {
        output(RUNTIME.block_on(self.run(step)))
    }
}

fn log_in_refresh_and_serve(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    let policy = UrlPolicy::default().with_loopback();
    let metadata = http.finish(Discovery::start(&npm.issuer, &policy).expect("an issuer"));
    let client = Client::builder(metadata, "ES256-client_secret_basic")
        .secret(npm::SECRET)
        .redirect_uri(npm::REDIRECT_URI)
        .id_token_signed_response_alg(Algorithm::ES256)
        .fetch_userinfo()
        .build()
        .expect("a client");
    let request = AuthorizationRequest::new(["profile", "email"]);
    let (url, pending) = client.authorize(&request, moment()).expect("a request");
    let callback = Browser::new().visit(&url, User::Agrees("alice"));
    let response = AuthorizationResponse::from_url(&callback).expect("a callback");
    let login = http.finish(pending.callback(&client, None, response, moment()).expect("a code"));
    assert_eq!(login.id_token.sub, "alice");
    assert_eq!(login.userinfo.expect("UserInfo was asked for").sub, "alice");

    let refresh_token = login.tokens.refresh_token.expect("a refresh token");
    let previous = Some(PreviousLogin::from(&login.id_token));
    let call = client
        .refresh(&refresh_token, previous, login.learned.keys, oidc_drive::moment())
        .expect("a request");
    assert!(http.finish(call).rotated);

    let wanted = ClientCredentialsRequest::new(["api:read"]).resource("https://api.example/");
    let tokens = http.finish(client.client_credentials(&wanted, oidc_drive::moment()).expect("a request"));
    assert_eq!(tokens.scope.as_deref(), Some("api:read"));
}

#[test]
fn a_user_logs_in_over_ureq() {
    log_in_refresh_and_serve(&oidc_ureq::Http::new());
}

#[test]
fn a_user_logs_in_over_hyper() {
    log_in_refresh_and_serve(&oidc_hyper::Http::new());
}

#[test]
fn a_user_logs_in_over_reqwest() {
    log_in_refresh_and_serve(&oidc_reqwest::Http::new());
}

/// Logs in through the handle of each stack, and verifies an access token as well. `await` where it is
/// async.
macro_rules! by_handle {
    ($stack:ident, $visit:expr $(, $await:tt)?) => {{
        let Some(npm) = npm::npm() else { return };
        let provider = $stack::Http::new()
            .provider(&npm.issuer)
            .client_id("ES256-client_secret_basic")
            .secret(npm::SECRET)
            .redirect_uri(npm::REDIRECT_URI)
            .audience("https://api.example/")
            .client(|client| client.id_token_signed_response_alg(Algorithm::ES256).fetch_userinfo())
            .url_policy(UrlPolicy::default().with_loopback())
            .build()
            .expect("settings that fit");
        let request = AuthorizationRequest::new(["profile", "email"]);
        let (url, pending) = provider.authorize(&request)$(.$await)?.expect("metadata");
        let callback = $visit(&url)$(.$await)?;
        let response = AuthorizationResponse::from_url(&callback).expect("a callback");
        let login = provider.callback(pending, response)$(.$await)?.expect("a login");
        assert_eq!(login.userinfo.expect("UserInfo was asked for").sub, "alice");

        let refresh_token = login.tokens.refresh_token.expect("a refresh token");
        let previous = Some(PreviousLogin::from(&login.id_token));
        let refreshed = provider.refresh(&refresh_token, previous)$(.$await)?.expect("new tokens");
        assert!(refreshed.rotated && refreshed.id_token.is_some());
        let again = provider.refresh(&refresh_token, None)$(.$await)?.expect("the same");
        assert_eq!(again.tokens.refresh_token, refreshed.tokens.refresh_token);

        let wanted = ClientCredentialsRequest::new(["api:read"]).resource("https://api.example/");
        let token = provider.client_credentials(&wanted)$(.$await)?.expect("a token");
        let token = token.value.access_token.expose();
        let has_scope = provider.verify(token, |token| token.has_scope("api:read"))$(.$await)?;
        assert_eq!(has_scope, Ok(true));
    }};
}

#[test]
fn a_user_logs_in_with_the_handle_over_ureq() {
    by_handle!(oidc_ureq, |url: &url::Url| Browser::new().visit(url, User::Agrees("alice")));
}

/// The browser blocks, so it gets a thread of its own.
async fn visit(url: &url::Url) -> String {
    let url = url.clone();
    let visit = tokio::task::spawn_blocking(move || Browser::new().visit(&url, User::Agrees("alice")));
    visit.await.expect("a browser")
}

#[test]
fn a_user_logs_in_with_the_handle_over_hyper() {
    RUNTIME.block_on(async { by_handle!(oidc_hyper, visit, await) });
}

#[test]
fn a_user_logs_in_with_the_handle_over_reqwest() {
    RUNTIME.block_on(async { by_handle!(oidc_reqwest, visit, await) });
}
