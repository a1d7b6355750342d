//! A client of the Model Context Protocol that gets its access tokens by itself, over the transport of rmcp. The
//! conformance suite of MCP runs it: see `tests/providers/mcp-conformance/README.md`.
//!
//! It lists the tools of the server, and calls each of them. Its last line is `done`, or `refused: ` and a code.

mod access;
mod messages;
mod problem;
mod transport;

use access::Given;
use oidc_reqwest::{Http, oidc_proto::UrlPolicy};
use problem::{Problem, code};
use serde_json::Value;
use std::{env, process::ExitCode};

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
    let server = run.access().await?;
    // rmcp's client does not hand on the nonce of a challenge.
    if run.scenario == "auth/dpop-nonce" {
        return run.call_every_tool_without_rmcp(&server).await;
    }
    run.call_every_tool(server).await
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
