//! A workload without a secret: its platform gives it a token, and the provider trusts the platform.
//!
//! Without arguments, the program starts a provider and plays the platform:
//!
//! ```text
//! cargo run -p oidc-ureq --example workload
//! ```
//!
//! With arguments, it authenticates at any provider with the token of a file, of the environment, or of GitHub Actions:
//!
//! ```text
//! cargo run -p oidc-ureq --example workload -- --issuer https://op.example --client-id orders --token-file /run/token
//! ```

#[allow(dead_code, reason = "a workload has no secret, which other examples take")]
#[path = "at_provider/mod.rs"]
mod at_provider;

use at_provider::AtProvider;
use clap::Parser;
use oidc_drive::source::Source;
use oidc_proto::{
    Timestamp, UrlPolicy,
    flow::ClientCredentialsRequest,
    jose::{Algorithm, sign_compact},
};
use oidc_testkit::{
    ClientAuthentication, EndpointName, FederatedCredential, KeyRing, Registration, Socket, TestProvider,
};
use oidc_ureq::{Http, ProviderError, now};
use serde_json::json;
use std::{fs, path::PathBuf, process::ExitCode};

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Gets an access token with the token of a platform, and no secret.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    at: AtProvider,
    /// The file that the platform replaces.
    #[arg(long, value_name = "PATH", requires = "issuer", group = "token")]
    token_file: Option<PathBuf>,
    /// The environment variable that has the token.
    #[arg(long, value_name = "NAME", requires = "issuer", group = "token")]
    token_env: Option<String>,
    /// Asks GitHub Actions for a token with this audience.
    #[arg(long, value_name = "AUDIENCE", requires = "issuer", group = "token")]
    github_actions: Option<String>,
}

impl Options {
    fn source(&self) -> Result<Source, Problem> {
        match (&self.token_file, &self.token_env, &self.github_actions) {
            (Some(path), ..) => Ok(Source::file(path)),
            (_, Some(name), _) => Ok(Source::environment(name)),
            (.., Some(audience)) => Ok(Source::github_actions(audience)),
            (None, None, None) => {
                Err("name the token of the platform: --token-file, --token-env or --github-actions".into())
            }
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.at.named() {
        None => embedded(),
        Some((issuer, client_id)) => at(&options, issuer, client_id),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn at(options: &Options, issuer: &str, client_id: &str) -> Result<(), Problem> {
    let http = options.at.http();
    let provider = http.provider(issuer).client_id(client_id).url_policy(options.at.policy(issuer));
    let provider = provider.assertion_source(options.source()?).build()?;
    let scopes = options.at.scope.split_whitespace().filter(|scope| *scope != "openid");
    let token = provider.client_credentials(&ClientCredentialsRequest::new(scopes))?.value;
    let life = token.expires_in.map_or(0, |life| life.as_secs());
    println!("A {} token for {client_id}, valid for {life} seconds.", token.token_type);
    Ok(())
}

const CLUSTER: &str = "https://cluster.example";
const SUBJECT: &str = "system:serviceaccount:shop:orders";

/// Writes the token of the workload into its file, as a platform does all the time.
fn give(file: &PathBuf, issuer: &str, subject: &str, Timestamp(now): Timestamp) -> Result<(), Problem> {
    let id = fs::read_to_string(file).unwrap_or_default().len();
    let claims = json!({"iss": CLUSTER, "sub": subject, "aud": issuer, "iat": now, "exp": now + 600,
                        "jti": format!("{subject} {now} {id}")});
    let (key, _) = KeyRing::new().signer(Algorithm::RS256, 1, None);
    Ok(fs::write(file, sign_compact(&*key, Default::default(), claims.to_string().as_bytes())?.as_str())?)
}

fn embedded() -> Result<(), Problem> {
    let socket = Socket::start(|issuer| {
        let cluster = FederatedCredential::new(CLUSTER, SUBJECT).audience(issuer);
        let orders = Registration::new("orders", ClientAuthentication::Federated(cluster));
        let mut provider = TestProvider::new(issuer);
        provider.register(orders.grant_types(["client_credentials"]));
        provider
    });
    let file = std::env::temp_dir().join(format!("oidc-example-workload-{}", std::process::id()));
    let provider = Http::new()
        .provider(socket.issuer())
        .client_id("orders")
        .assertion_source(Source::file(&file))
        .url_policy(UrlPolicy::default().with_loopback())
        .build()?;
    let ask = |scope: &str| provider.client_credentials(&ClientCredentialsRequest::new([scope]));

    println!("The platform has given no token yet:");
    match ask("orders.read") {
        Err(ProviderError::Source(why)) => println!("  {}: {}", why.code(), why.reason),
        other => return Err(format!("a token without a token: {other:?}").into()),
    }
    println!("The platform writes one:");
    give(&file, socket.issuer(), SUBJECT, now())?;
    let token = ask("stock.read")?.value;
    println!("  a {} token, and the program has no secret", token.token_type);
    println!("The platform replaces it. The next request reads the new one, and nothing was restarted:");
    give(&file, socket.issuer(), SUBJECT, now())?;
    println!("  a {} token for another scope", ask("stock.write")?.value.token_type);
    println!("The token of another workload opens nothing:");
    give(&file, socket.issuer(), "system:serviceaccount:shop:mail", now())?;
    match ask("mail.read") {
        Err(error) => println!("  {}", error.code()),
        Ok(_) => return Err("the provider believes everybody".into()),
    }
    let asked = socket.provider(|provider| provider.count(EndpointName::Token));
    println!("Requests for tokens: {asked}");
    Ok(fs::remove_file(file)?)
}
