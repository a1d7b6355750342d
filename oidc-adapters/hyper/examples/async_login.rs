//! A login in an async program, from the first click to fresh tokens. The program starts its own provider and plays
//! the user: `cargo run -p oidc-hyper --example async_login`

use oidc_hyper::{Http, Provider, ProviderError};
use oidc_proto::{
    UrlPolicy,
    flow::{Authenticated, PendingAuthorization, PreviousLogin},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, EndpointName, Registration, Socket};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Mutex;

type Problem = Box<dyn std::error::Error + Send + Sync>;

const CALLBACK: &str = "https://app.example/callback";

// This is what to copy: a web application. Its two handlers can run in any task.
#[derive(Clone)]
struct App {
    provider: Provider,
    /// The pending logins, by their `state`. Several servers must share this store, or keep the logins in cookies.
    open: Arc<Mutex<HashMap<String, PendingAuthorization>>>,
}

impl App {
    fn new(issuer: &str) -> Result<Self, ProviderError> {
        let provider = Http::new()
            .provider(issuer)
            .client_id("web")
            .secret("the secret of web")
            .redirect_uri(CALLBACK)
            .url_policy(UrlPolicy::default().with_loopback()) // not needed for a provider on the Internet
            .build()?;
        Ok(Self { provider, open: Arc::default() })
    }

    /// Handles `GET /login`. Answer with a redirect to the URL that it returns.
    async fn login(&self) -> Result<String, ProviderError> {
        let request = AuthorizationRequest::new(["profile", "email", "offline_access"]);
        let (url, pending) = self.provider.authorize(&request).await?;
        self.open.lock().await.insert(pending.state().to_owned(), pending);
        Ok(url.into())
    }

    /// Handles `GET /callback`. It removes the login from `open`, so a second callback finds none.
    async fn callback(&self, url: &str) -> Result<Authenticated, Problem> {
        let response = AuthorizationResponse::from_url(url)?;
        let state = response.state.as_deref().unwrap_or_default();
        let pending = self.open.lock().await.remove(state).ok_or("no such login was begun here")?;
        Ok(self.provider.callback(pending, response).await?)
    }
}
// To here.

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let socket = Socket::start(|issuer| {
        let mut provider = oidc_testkit::TestProvider::new(issuer);
        provider.rotate_refresh_tokens(true);
        let grants = ["authorization_code", "refresh_token"];
        let web = Registration::basic("web", "the secret of web").grant_types(grants);
        provider.register(web.redirect_uri(CALLBACK));
        provider
    });
    let app = App::new(socket.issuer())?;
    println!("The provider is {}; it has got no request yet.", socket.issuer());

    let url = app.login().await?;
    println!("The user is sent to {}", url.split('?').next().unwrap_or_default());
    // The user's browser agrees to everything, and comes back.
    let visit = |url: &str| {
        socket.provider(|provider| Browser::new().visit(provider, url, oidc_hyper::now()).url().to_owned())
    };
    let back = visit(&url);
    let login = app.callback(&back).await?;
    println!("They are {}: the ID token is verified.", login.id_token.sub);

    let again = app.callback(&back).await.map(drop);
    println!("The same callback once more: {}.", again.err().ok_or("a callback counted twice")?);

    // Ten users at the same time. Metadata and keys are here already, so each user costs one request for tokens.
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (app, back) = (app.clone(), visit(&app.login().await?));
        tasks.spawn(async move { app.callback(&back).await });
    }
    for login in tasks.join_all().await {
        login?;
    }
    println!("Ten more users came back at once.");

    let userinfo = app.provider.userinfo(&login.tokens.access_token, &login.id_token.sub).await?;
    println!("UserInfo has their address: {:?}", userinfo.claim::<String>("email"));
    let token = login.tokens.refresh_token.ok_or("the provider gave no refresh token")?;
    let refreshed = app.provider.refresh(&token, Some(PreviousLogin::from(&login.id_token))).await?;
    println!("There is another refresh token to use from now on: {}", refreshed.rotated);

    let asked = [EndpointName::Discovery, EndpointName::Jwks, EndpointName::Token];
    let [discovery, jwks, token] = asked.map(|name| socket.provider(|provider| provider.count(name)));
    println!("Requests: {discovery} for metadata, {jwks} for keys, {token} for tokens.");
    Ok(())
}
