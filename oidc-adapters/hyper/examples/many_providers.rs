//! Fifty providers and a thousand tasks at the same time, while one of the providers is down. The program starts its
//! own providers: `cargo run -p oidc-hyper --example many_providers`

use oidc_hyper::{Event, Http, Observer, Provider, ProviderError};
use oidc_proto::{UrlPolicy, flow::ClientCredentialsRequest};
use oidc_testkit::{EndpointName, Registration, Socket};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

type Problem = Box<dyn std::error::Error + Send + Sync>;

const PROVIDERS: usize = 50;
const TASKS: usize = 1_000;

// This is what to copy: one handle for each provider.
fn handles(issuers: &[String], observer: Observer) -> Result<Vec<Provider>, ProviderError> {
    let http = Http::new().with_observer(observer);
    let settings = issuers.iter().map(|issuer| {
        http.provider(issuer)
            .client_id("robot")
            .secret("the secret of robot")
            .audience("https://api.example/")
            .url_policy(UrlPolicy::default().with_loopback()) // not needed for a provider on the Internet
            .build()
    });
    settings.collect()
}

/// Gets a service token, and verifies it as an API would. Returns its subject.
async fn work(provider: Provider) -> Result<String, ProviderError> {
    let token = provider.client_credentials(&ClientCredentialsRequest::new(["api:read"])).await?;
    let subject =
        |token: &oidc_proto::token::VerifiedAccessToken<'_>| token.claims().sub.as_deref().map(str::to_owned);
    let verified = provider.verify(token.value.access_token.expose(), subject).await?;
    Ok(verified.unwrap_or_default())
}
// To here.

fn start() -> Socket {
    Socket::start(|issuer| {
        let mut provider = oidc_testkit::TestProvider::new(issuer);
        provider.default_resource("https://api.example/");
        let robot = Registration::basic("robot", "the secret of robot");
        provider.register(robot.grant_types(["client_credentials"]));
        provider
    })
}

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let mut sockets: Vec<Socket> = (0..PROVIDERS).map(|_| start()).collect();
    let issuers: Vec<String> = sockets.iter().map(|socket| socket.issuer().to_owned()).collect();
    let down = sockets.pop().ok_or("no provider")?.issuer().to_owned(); // dropped, so nobody listens there
    println!("{PROVIDERS} providers and {TASKS} tasks; the provider {down} is down");

    let lost = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&lost);
    let handles = handles(
        &issuers,
        Observer::new(move |event| {
            let one = usize::from(matches!(event, Event::Lost { .. }));
            seen.fetch_add(one, SeqCst);
        }),
    )?;

    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for handle in handles.iter().cycle().take(TASKS).cloned() {
        tasks.spawn(async move { (handle.issuer().to_owned(), work(handle).await) });
    }
    let (mut good, mut failed) = (0, Vec::new());
    for (issuer, outcome) in tasks.join_all().await {
        match outcome {
            Ok(_) => good += 1,
            Err(error) if issuer == down => failed.push(error.code().to_owned()),
            Err(error) => return Err(format!("{issuer} is up, and: {error}").into()),
        }
    }
    println!("{good} tasks got a token and had it verified, in {} ms", began.elapsed().as_millis());
    let (many, lost) = (failed.len(), lost.load(SeqCst));
    failed.dedup();
    println!(
        "{many} tasks of the provider that is down got an error ({failed:?}); requests sent there: {lost}"
    );

    // How many providers got how many requests.
    let mut seen = BTreeMap::<[usize; 3], usize>::new();
    for socket in &sockets {
        let asked = [EndpointName::Discovery, EndpointName::Jwks, EndpointName::Token];
        *seen.entry(asked.map(|name| socket.provider(|provider| provider.count(name)))).or_default() += 1;
    }
    for ([discovery, jwks, token], providers) in seen {
        println!("{providers} providers were asked {discovery} x metadata, {jwks} x keys, {token} x token");
    }
    Ok(())
}
