//! A client of the Model Context Protocol that gets its access tokens by itself. The conformance suite of MCP runs it:
//! see `tests/providers/mcp-conformance/README.md`.
//!
//! It lists the tools of the server, and calls each of them. Its last line is `done`, or `refused: ` and a code.

mod discovery;
mod given;
mod messages;
mod transport;

use given::Given;
use oidc_reqwest::{
    DriveError, Error as Transport, Http, ProviderError,
    oidc_drive::ApiError,
    oidc_proto::{Error, UrlPolicy, flow::ResourceRequestError},
};
use serde_json::Value;
use std::{env, process::ExitCode};

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// What the suite says to the client.
struct Run {
    /// The URL of the MCP server.
    url: String,
    scenario: String,
    /// The revision of MCP to speak.
    revision: String,
    /// What the client has been given beforehand, such as a client ID and a secret.
    given: Given,
    http: Http,
    /// The servers of the suite are on this machine.
    policy: UrlPolicy,
}

impl Run {
    fn from_environment() -> Result<Self, Problem> {
        let context = match env::var("MCP_CONFORMANCE_CONTEXT") {
            Ok(context) => serde_json::from_str(&context)?,
            Err(_) => Value::Null,
        };
        Ok(Self {
            url: env::args().nth(1).ok_or("the URL of the MCP server is missing")?,
            scenario: env::var("MCP_CONFORMANCE_SCENARIO")?,
            revision: env::var("MCP_CONFORMANCE_PROTOCOL_VERSION")?,
            given: Given(context),
            http: Http::new(),
            policy: UrlPolicy::default().with_loopback(),
        })
    }
}

async fn run() -> Result<(), Problem> {
    let run = Run::from_environment()?;
    let api = match run.scenario.as_str() {
        "auth/client-credentials-basic" => run.with_secret().await?,
        "auth/client-credentials-jwt" => run.with_key().await?,
        "auth/enterprise-managed-authorization" => run.with_id_token().await?,
        "auth/wif-jwt-bearer" => run.with_token_of_platform().await?,
        other => return Err(format!("this client does not know {other}").into()),
    };
    run.call_every_tool(api).await
}

#[tokio::main]
async fn main() -> ExitCode {
    let Err(problem) = run().await else {
        println!("done");
        return ExitCode::SUCCESS;
    };
    eprintln!("{problem}");
    println!("refused: {}", code(&*problem));
    ExitCode::FAILURE
}

/// The stable code of what went wrong, wherever in the chain of causes it is.
fn code(problem: &(dyn std::error::Error + 'static)) -> &'static str {
    let known = None
        .or_else(|| problem.downcast_ref().map(ProviderError::code))
        .or_else(|| problem.downcast_ref().map(Error::code))
        .or_else(|| problem.downcast_ref().map(DriveError::<Transport>::code))
        .or_else(|| problem.downcast_ref().map(ApiError::<std::convert::Infallible>::code))
        .or_else(|| problem.downcast_ref().map(ResourceRequestError::code));
    known.or_else(|| problem.source().map(code)).unwrap_or("unknown")
}
