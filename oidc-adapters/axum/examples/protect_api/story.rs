//! The story: valid and invalid tokens, a rotation under load, an outage.

use super::{
    Problem, api,
    calls::{Call, Site, Watch},
    tokens::{Holder, token},
};
use oidc_testkit::{EndpointName, Registration, Socket, TestProvider};
use serde_json::json;
use std::sync::atomic::Ordering::SeqCst;

const MANY: usize = 200;
const HOUR: i64 = 3_600;

/// Serves an API on a free port.
async fn serve(issuer: &str, watch: &Watch) -> Result<Site, Problem> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let router = api(issuer, &origin, watch)?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(Site { url: format!("{origin}/reports"), watch: watch.clone(), surprises: 0.into() })
}

fn fetches(socket: &Socket) -> usize {
    socket.provider(|provider| provider.count(EndpointName::Jwks))
}

pub(super) async fn run() -> Result<(), Problem> {
    let watch = Watch::default();
    let time = watch.clone();
    let build = |issuer: &str| {
        let mut provider = TestProvider::new(issuer);
        provider.access_token_lifetime(24 * HOUR);
        provider.register(Registration::basic("robot", "secret").grant_types(["client_credentials"]));
        provider
    };
    let socket = Socket::start_with_clock(build, move || time.now());
    let site = serve(socket.issuer(), &watch).await?;
    println!("The provider is {}, and the API is {}\n", socket.issuer(), site.url);

    let good = tokens(&socket, &site).await?;
    rotation(&socket, &site, &good).await?;
    outage(socket, &site, &good).await?;

    match site.surprises.load(SeqCst) {
        0 => {
            println!("\nEverything was as expected.");
            Ok(())
        }
        several => Err(format!("{several} answers were not as expected").into()),
    }
}

async fn tokens(socket: &Socket, site: &Site) -> Result<String, Problem> {
    let now = site.watch.now();
    let good = token(socket, now, |_, _| {})?;
    site.call("no token", Call::get(None), (401, "credentials_missing")).await?;
    site.call("a valid token", Call::bearer(&good), (200, "accepted")).await?;
    let expired = token(socket, now.plus(-48 * HOUR), |_, _| {})?;
    site.call("an expired token", Call::bearer(&expired), (401, "token_expired")).await?;
    let other =
        token(socket, now, |_, claims| _ = claims.insert("aud".into(), json!("https://other.example")))?;
    site.call("a token for another API", Call::bearer(&other), (401, "token_audience")).await?;
    let forged = token(socket, now, |header, _| _ = header.insert("kid".into(), json!("forged")))?;
    site.call("a token with a forged key id", Call::bearer(&forged), (401, "jws_unknown_key")).await?;
    let write = Call { method: "POST", ..Call::bearer(&good) };
    site.call("a valid token without the scope", write, (403, "access_scope")).await?;
    site.call("not a token", Call::get("Bearer a b".to_owned()), (400, "credentials_syntax")).await?;

    let holder = Holder::new()?;
    let jkt = holder.thumbprint();
    let bound = token(socket, now, move |_, claims| _ = claims.insert("cnf".into(), json!({ "jkt": jkt })))?;
    let proof = holder.proof(&site.url, &bound, "proof-1", now)?;
    let proven = Call { proof: Some(proof), ..Call::get(format!("DPoP {bound}")) };
    site.call("a DPoP-bound token with a proof", proven.clone(), (200, "accepted")).await?;
    site.call("the same proof again", proven, (401, "proof_replayed")).await?;
    site.call("a DPoP-bound token as plain Bearer", Call::bearer(&bound), (401, "token_sender_constrained"))
        .await?;
    Ok(good)
}

async fn rotation(socket: &Socket, site: &Site, old: &str) -> Result<(), Problem> {
    println!();
    site.watch.advance(40);
    let before = fetches(socket);
    site.calls("many at once with a known key", MANY, &Call::bearer(old)).await?;
    site.expect(fetches(socket) == before, "no fetch");
    socket.provider(TestProvider::rotate_keys_keeping_old);
    let new = token(socket, site.watch.now(), |_, _| {})?;
    site.calls("many at once with a new key", MANY, &Call::bearer(&new)).await?;
    let fetched = fetches(socket) - before;
    println!("{:<42} {fetched} fetch of keys at the provider", "");
    site.expect(fetched == 1, "one fetch");
    Ok(())
}

async fn outage(socket: Socket, site: &Site, good: &str) -> Result<(), Problem> {
    println!("\nThe provider goes down.");
    let issuer = socket.issuer().to_owned();
    let strange =
        token(&socket, site.watch.now(), |header, _| _ = header.insert("kid".into(), json!("new")))?;
    drop(socket);
    site.call("a valid token, keys fresh", Call::bearer(good), (200, "accepted")).await?;
    site.watch.advance(600);
    site.call("10 minutes later: keys stale", Call::bearer(good), (200, "accepted")).await?;
    site.call("an unknown key, which may be new", Call::bearer(&strange), (503, "unavailable")).await?;
    let restarted = serve(&issuer, &site.watch).await?;
    restarted.call("an API that starts during the outage", Call::bearer(good), (503, "unavailable")).await?;
    site.surprises.fetch_add(restarted.surprises.load(SeqCst), SeqCst);
    site.watch.advance(2 * HOUR);
    site.call("2 hours later: keys too old to use", Call::bearer(good), (503, "unavailable")).await?;
    Ok(())
}
