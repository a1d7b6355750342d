//! Blocking and async code in one program: a thread begins a login, and a task ends it. The program starts its own
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

/// The audience of a sealed login: the cookie's name and host.
const COOKIE: &str = "__Host-login@app.example";

// This is what to copy. The settings are the same for the blocking and the async handle.
fn settings<Io>(handle: ProviderBuilder<Io>) -> ProviderBuilder<Io> {
    handle
        .client_id("web")
        .secret("the secret of web")
        .redirect_uri(CALLBACK)
        .url_policy(UrlPolicy::default().with_loopback()) // not needed for a provider on the Internet
}

/// Begins a login and puts it into a cookie. This runs in a thread, in the old half of the program.
fn begin(provider: &oidc_ureq::Provider, keys: &SealingKeys) -> Result<(String, String), Problem> {
    let (url, pending) = provider.authorize(&AuthorizationRequest::new(["profile"]))?;
    Ok((url.into(), keys.seal(&pending, COOKIE, moment())?))
}

/// Opens the cookie and ends the login. This runs in a task, in the new half of the program.
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

    // One blocking handle, one async handle, and one key that both halves know. A real program reads the key from its
    // secret store.
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

    // A client is a value that is neither blocking nor async. One handle made it, and the other can run its flows.
    let client = threads.client()?;
    let (token, sub) = (login.tokens.access_token, login.id_token.sub);
    let userinfo = runtime.block_on(tasks.run(client.userinfo(&token, &sub, oidc_drive::moment())?))?;
    println!("A task has run a flow of the thread's client: UserInfo of {}.", userinfo.sub);
    let again = threads.run(client.userinfo(&token, &sub, oidc_drive::moment())?)?;
    println!("A thread has run the same: {}.", again == userinfo);

    // A task that needs the blocking handle calls it on a thread where waiting does no harm.
    let handle = threads.clone();
    let keys = runtime.block_on(async { tokio::task::spawn_blocking(move || handle.keys()).await })??;
    println!("A task has asked the blocking handle: {} keys.", keys.value.keys().count());

    let count = |name| socket.provider(|provider| provider.count(name));
    let [discovery, jwks] = [EndpointName::Discovery, EndpointName::Jwks].map(count);
    println!("Two handles hold two copies: {discovery} requests for metadata, {jwks} for keys.");
    Ok(())
}
