//! An MCP server that only those get into who have a token for it. A client needs to know its URL, and nothing else.
//!
//! The server itself is that of the crate `rmcp`. The program starts a provider on loopback, with the client `agent`, whose
//! secret is `the secret of agent`:
//!
//! ```text
//! cargo run -p oidc-axum --example mcp_server
//! ```
//!
//! With `-- --issuer https://op.example`, the server trusts your provider.

use axum::Router;
use http::request::Parts;
use oidc_axum::{Gate, oidc_tower, protect, resource_metadata};
use oidc_proto::resource::{Access, Requirement, ResourceServer, TrustedIssuer};
use oidc_testkit::{Registration, Socket, TestProvider};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::streamable_http_server::{StreamableHttpService, session::local::LocalSessionManager},
};

type Problem = Box<dyn std::error::Error + Send + Sync>;

// This is what to copy.
fn mcp_server(url: &str, issuer: &str) -> Result<Router, Problem> {
    let server = ResourceServer::builder(url)
        .trust(TrustedIssuer::new(issuer))
        .publish(|about| about.scopes_supported(["tools:read"]).resource_name("Tools"))
        .mcp()
        .build()?;
    let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
    let sessions = LocalSessionManager::default().into();
    let tools = StreamableHttpService::new(|| Ok(Tools), sessions, Default::default()); // on another machine: `allowed_hosts`
    Ok(Router::new()
        .nest_service("/mcp", tools)
        .route_layer(protect(gate.clone()).require(Requirement::new().scope("tools:read")))
        .merge(resource_metadata(&gate)))
}
// To here.

/// A server with one tool.
struct Tools;

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let nothing = serde_json::Map::from_iter([("type".to_owned(), "object".into())]);
        Ok(ListToolsResult::with_all_items(vec![Tool::new("whoami", "Says who calls", nothing)]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let access = access(&context).ok_or_else(|| ErrorData::internal_error("no gate", None))?;
        let scopes = access.scopes().collect::<Vec<_>>().join(" ");
        let says = format!("{}, with {scopes}", access.subject().unwrap_or("nobody"));
        Ok(CallToolResult::success(vec![ContentBlock::text(says)]).into())
    }
}

/// Who calls, and what they may do. The token itself is for this server alone, so a tool never sends it to another API: a tool
/// that calls one gets a token of its own for it, or exchanges this one (`exchange`, an example of `oidc-ureq`).
fn access(context: &RequestContext<RoleServer>) -> Option<&Access> {
    let parts = context.extensions.get::<Parts>()?;
    oidc_tower::access(&parts.extensions).map(AsRef::as_ref)
}

/// Serves MCP to those who have a token.
#[derive(clap::Parser)]
struct Options {
    /// The issuer that the server trusts. Without it, a provider is started on loopback.
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The port on 127.0.0.1; 0 is any that is free.
    #[arg(long, default_value_t = 8790)]
    port: u16,
}

fn provider() -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        let agent = Registration::basic("agent", "the secret of agent");
        provider.register(agent.grant_types(["client_credentials"]));
        provider
    })
}

async fn serve(Options { issuer, port }: Options) -> Result<(), Problem> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
    let listener =
        listener.map_err(|why| format!("cannot listen on 127.0.0.1:{port}: {why}; choose another --port"))?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let own = issuer.is_none().then(provider);
    let issuer = issuer.unwrap_or_else(|| own.as_ref().map(Socket::issuer).unwrap_or_default().to_owned());
    let router = mcp_server(&url, &issuer)?;
    println!("Tokens are issued by {issuer}");
    println!("An MCP client needs this URL: {url}");
    Ok(axum::serve(listener, router).await?)
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match serve(clap::Parser::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            std::process::ExitCode::FAILURE
        }
    }
}
