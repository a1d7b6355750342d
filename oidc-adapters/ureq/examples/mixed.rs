//! Blocking and async in one program: a login that a thread begins and a task ends. It brings its own
//! provider: `cargo run -p oidc-ureq --example mixed`

use oidc_drive::{ProviderBuilder, moment};
use oidc_proto::{
    UrlPolicy,
    flow::{Authenticated, PendingAuthorization, SealingKeys},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, EndpointName, Registration, Socket};
use std::{sync::Arc, thread};

type Problem = Box<dyn std::error::Error + Send + Sync>;

const CALLBACK: &str = "https://app.example/callback";

/// For whom a login is sealed: who may hand it back, and where.
const COOKIE: &str = "__Host-login@app.example";

// The settings are the same for both colours: this is what to copy.
fn settings<Io>(handle: ProviderBuilder<Io>) -> ProviderBuilder<Io> {
    handle
        .client_id("web")
        .secret("the secret of web")
        .redirect_uri(CALLBACK)
        .url_policy(UrlPolicy::default().with_loopback()) // a provider of the internet needs no such line
}

/// A thread of the old half of the program: begins a login, and puts it into a cookie.
fn begin(provider: &oidc_ureq::Provider, keys: &SealingKeys) -> Result<(String, String), Problem> {
    let (url, pending) = provider.authorize(&AuthorizationRequest::new(["profile"]))?;
    Ok((url.into(), keys.seal(&pending, COOKIE, moment())?))
}

/// A task of the new half: opens the cookie, and ends the login.
async fn end(
    provider: &oidc_hyper::Provider,
    keys: &SealingKeys,
    cookie: &str,
    back: &str,
) -> Result<Authenticated, Problem> {
    let pending: PendingAuthorization = keys.open(cookie, COOKIE)?;
    Ok(provider.callback(pending, AuthorizationResponse::from_url(back)?).await?)
}
// To here.

fn main() -> Result<(), Problem> {
    let socket = Socket::start(|issuer| {
        let mut provider = oidc_testkit::TestProvider::new(issuer);
        provider.register(Registration::basic("web", "the secret of web").redirect_uri(CALLBACK));
        provider
    });
    let issuer = socket.issuer();
    let visit = |url: &str| {
        socket.provider(|provider| Browser::new().visit(provider, url, oidc_drive::now()).url().to_owned())
    };

    // One handle of each colour, and one key that both halves know: from a secret store, in earnest.
    let threads = settings(oidc_ureq::Http::new().provider(issuer)).build()?;
    let tasks = settings(oidc_hyper::Http::new().provider(issuer)).build()?;
    let keys = Arc::new(SealingKeys::new(1, &[7; 32]));
    let runtime = tokio::runtime::Runtime::new()?;

    let (handle, sealing) = (threads.clone(), Arc::clone(&keys));
    let began = thread::spawn(move || begin(&handle, &sealing)).join();
    let (url, cookie) = began.map_err(|_| "the thread panicked")??;
    println!("A thread has begun a login; its cookie has {} characters.", cookie.len());
    let login = runtime.block_on(end(&tasks, &keys, &cookie, &visit(&url)))?;
    println!("A task has ended it: {}.", login.id_token.sub);

    // A client is a value without a colour: made by the one handle, its flows are run by the other.
    let client = threads.client()?;
    let (token, sub) = (login.tokens.access_token, login.id_token.sub);
    let userinfo = runtime.block_on(tasks.run(client.userinfo(&token, &sub, oidc_drive::moment())?))?;
    println!("A task has run a flow of the thread's client: UserInfo of {}.", userinfo.sub);
    let again = threads.run(client.userinfo(&token, &sub, oidc_drive::moment())?)?;
    println!("A thread has run the same: {}.", again == userinfo);

    // A task that needs the blocking handle has it run where waiting harms nobody.
    let handle = threads.clone();
    let keys = runtime.block_on(async { tokio::task::spawn_blocking(move || handle.keys()).await })??;
    println!("A task has asked the blocking handle: {} keys.", keys.value.keys().count());

    let count = |name| socket.provider(|provider| provider.count(name));
    let [discovery, jwks] = [EndpointName::Discovery, EndpointName::Jwks].map(count);
    println!("Two handles hold two copies: {discovery} requests for metadata, {jwks} for keys.");
    Ok(())
}
