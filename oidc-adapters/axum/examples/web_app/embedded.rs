//! The provider on loopback, and the page where its user chooses an account or refuses.

use super::site::Registered;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{OriginalUri, RawForm, State},
    http::{HeaderMap, Request, Response, StatusCode, header},
    response::{Html, IntoResponse as _},
    routing::get,
};
use maud::{DOCTYPE, html};
use oidc_drive::Clock;
use oidc_proto::Secret;
use oidc_testkit::{Registration, TestProvider, User};
use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::net::TcpListener;
use url::form_urlencoded;

pub(crate) const CLIENT_ID: &str = "demo";
pub(crate) const CLIENT_SECRET: &str = "demo secret";

/// The users who can log in.
fn users() -> [User; 2] {
    [User::default(), User::new("bob").claim("name", "Bob Example")]
}

/// A provider that all requests share, and its clock.
#[derive(Clone)]
pub(crate) struct Shared {
    provider: Arc<Mutex<TestProvider>>,
    clock: Arc<dyn Clock>,
}

impl Shared {
    pub(crate) fn new(provider: TestProvider, clock: Arc<dyn Clock>) -> Self {
        Self { provider: Arc::new(Mutex::new(provider)), clock }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, TestProvider> {
        self.provider.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a provider on a free port. Returns the registration of the site there.
pub(crate) async fn start(redirect_uri: String, clock: Arc<dyn Clock>) -> Result<Registered, String> {
    let broken = |error| format!("cannot start a provider on 127.0.0.1: {error}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(broken)?;
    // To a browser, `localhost` and `127.0.0.1` are different sites, just as a real provider is a different site.
    let issuer = format!("http://localhost:{}", listener.local_addr().map_err(broken)?.port());
    let provider = Shared::new(provider(&issuer, &redirect_uri), clock);
    tokio::spawn(async { axum::serve(listener, router(provider)).await });
    Ok(registered(&issuer, redirect_uri))
}

/// Returns the site's registration.
pub(crate) fn registered(issuer: &str, redirect_uri: String) -> Registered {
    Registered {
        issuer: issuer.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        secret: Some(Secret::new(CLIENT_SECRET)),
        redirect_uri,
    }
}

/// Makes the provider, and registers the site with it.
pub(crate) fn provider(issuer: &str, redirect_uri: &str) -> TestProvider {
    let mut provider = TestProvider::new(issuer);
    provider.register(Registration::basic(CLIENT_ID, CLIENT_SECRET).redirect_uri(redirect_uri));
    provider
}

/// Returns the provider as a service. Its authorization endpoint first asks the user who they are.
pub(crate) fn router(provider: Shared) -> Router {
    let nothing = async || StatusCode::NO_CONTENT;
    Router::new()
        .route("/authorize", get(ask).post(answer))
        .route("/favicon.ico", get(nothing))
        .fallback(pass)
        .with_state(provider)
}

async fn ask(OriginalUri(uri): OriginalUri) -> Html<String> {
    let query = uri.query().unwrap_or_default();
    let client = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "client_id");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Login service" } }
            body {
                h1 { "Who are you?" }
                p { strong { (client.map_or("Somebody".into(), |(_, id)| id)) } " wants to know." }
                form method="post" action="/authorize" {
                    input type="hidden" name="query" value=(query);
                    @for user in users() {
                        p { button name="user" value=(user.sub) { "I am " (name(&user)) } }
                    }
                    p { button name="user" value="" { "I do not say" } }
                }
            }
        }
    };
    Html(page.into_string())
}

async fn answer(
    State(provider): State<Shared>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response<Body> {
    let field = |name: &str| form_urlencoded::parse(&form).find(|(known, _)| known == name).map(|(_, v)| v);
    let (query, sub) = (field("query").unwrap_or_default(), field("user").unwrap_or_default());
    let mut request = Request::get(format!("/authorize?{query}"));
    if let Some(host) = headers.get(header::HOST) {
        request = request.header(header::HOST, host);
    }
    let Ok(request) = request.body(Vec::new()) else { return StatusCode::BAD_REQUEST.into_response() };
    // One lock covers the choice and the response, so that no other request comes in between.
    let (now, mut provider) = (provider.clock.now(), provider.lock());
    match users().into_iter().find(|user| user.sub == sub) {
        Some(user) => provider.user(user),
        None => provider.deny_next("access_denied"),
    }
    provider.handle(&request, now).map(Body::from)
}

/// Passes every other request to the provider unchanged. These requests come from the site, and not from a browser.
async fn pass(State(provider): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = Request::from_parts(head, body.to_vec());
    let now = provider.clock.now();
    provider.lock().handle(&request, now).map(Body::from)
}

fn name(user: &User) -> &str {
    user.claims.get("name").and_then(|name| name.as_str()).unwrap_or(&user.sub)
}
