//! The example `mcp_server`: a client that knows nothing but its URL gets in, step by step.

use super::{assert_one_line, example, provider, text};
use oidc_testkit::{Browser, EndpointName, Registration, Socket, TestProvider};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// The example, which serves until it is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(arguments: &[&str], issuer: &str) -> Self {
        let arguments = [&["--port", "0"], arguments].concat();
        let mut command = example("oidc-axum", "mcp_server", &arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("cargo runs");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let lines: Vec<String> = stdout.lines().take(2).map(|line| line.expect("text")).collect();
        let [from, at] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(from.starts_with(&format!("Tokens are issued by {issuer}")), "{from}");
        let url = at.strip_prefix("An MCP client needs this URL: ").expect("a URL").to_owned();
        Self { child, url }
    }

    /// A request of MCP, in the revision 2026-07-28, which has no sessions.
    fn ask(&self, token: Option<&str>, method: &str, params: Value) -> http::Response<String> {
        let mut params = params;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let mut request = http::Request::post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if let Some(name) = params["name"].as_str() {
            request = request.header("mcp-name", name);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        send(request.body(body.to_string()).expect("a request"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("it runs until then");
    }
}

fn send(request: http::Request<String>) -> http::Response<String> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true).build();
    let response = ureq::Agent::from(config).run(request).expect("an answer");
    let (parts, mut body) = response.into_parts();
    http::Response::from_parts(parts, body.read_to_string().expect("text"))
}

fn get(url: &str) -> http::Response<String> {
    send(http::Request::get(url).header("accept", "application/json").body(String::new()).expect("a request"))
}

fn json_of(response: &http::Response<String>) -> Value {
    assert_eq!(response.status(), 200, "{}", response.body());
    serde_json::from_str(response.body()).expect("JSON")
}

/// The result of MCP, as JSON or as an event.
fn result(response: &http::Response<String>) -> Value {
    assert_eq!(response.status(), 200, "{}", response.body());
    let lines = response.body().lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
    let answer =
        lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|value| value["id"] == 1);
    answer.expect("an answer")["result"].clone()
}

/// The first challenge of the only line.
fn challenge(response: &http::Response<String>, name: &str) -> Option<String> {
    let lines: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
    let [line] = &*lines else { panic!("{lines:?}") };
    let (_, value) = line.to_str().expect("text").split_once(&format!("{name}=\""))?;
    value.split('"').next().map(str::to_owned)
}

/// What a client does after a 401, knowing the URL alone: the metadata, the authorization server, a token.
/// `instead` has what it asks for instead.
fn token(
    server: &Server,
    refused: &http::Response<String>,
    client: &str,
    instead: Option<(&str, &str)>,
) -> String {
    let about = json_of(&get(&challenge(refused, "resource_metadata").expect("where the metadata are")));
    assert_eq!(about["resource"], server.url, "a client goes no further with another resource");
    let issuer = about["authorization_servers"][0].as_str().expect("an authorization server");
    let metadata = json_of(&get(&format!("{issuer}/.well-known/oauth-authorization-server")));
    assert_eq!(metadata["issuer"], issuer);
    let named = challenge(refused, "scope").expect("which scopes to ask for");
    let asked = [("grant_type", "client_credentials"), ("resource", &*server.url), ("scope", &*named)];
    let asked = asked.map(|(name, value)| match instead {
        Some((other, instead)) if other == name => (name, instead),
        _ => (name, value),
    });
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
    let request = http::Request::post(metadata["token_endpoint"].as_str().expect("a token endpoint"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .header("authorization", format!("Basic {client}"));
    let tokens = json_of(&send(request.body(form).expect("a request")));
    tokens["access_token"].as_str().expect("a token").to_owned()
}

/// `agent:secret`, in Base64.
const AGENT: &str = "YWdlbnQ6c2VjcmV0";
/// `agent:the secret of agent`, each part form-encoded, in Base64.
const OWN_AGENT: &str = "YWdlbnQ6dGhlK3NlY3JldCtvZithZ2VudA==";

fn with_agent() -> Socket {
    provider(1, |provider| {
        provider.register(Registration::basic("agent", "secret").grant_types(["client_credentials"]));
    })
}

#[test]
fn a_client_gets_into_the_mcp_server_from_its_url_alone() {
    let socket = with_agent();
    let server = Server::start(&["--issuer", socket.issuer()], socket.issuer());
    let refused = server.ask(None, "tools/list", json!({}));
    assert_eq!(refused.status(), 401);
    let good = token(&server, &refused, AGENT, None);
    let listed = result(&server.ask(Some(&good), "tools/list", json!({})));
    assert_eq!(listed["tools"][0]["name"], "whoami");
    let called = result(&server.ask(Some(&good), "tools/call", json!({"name": "whoami", "arguments": {}})));
    assert_eq!(called["content"][0]["text"], "agent, with tools:read");
    assert_eq!(socket.provider(|provider| provider.count(EndpointName::Jwks)), 1);

    // A session of the revisions before.
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let request = http::Request::post(&server.url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("origin", "https://inspector.example")
        .header("authorization", format!("Bearer {good}"));
    let begun = send(request.body(initialize.to_string()).expect("a request"));
    assert_eq!(result(&begun)["protocolVersion"], "2025-11-25");
    assert!(begun.headers().contains_key("mcp-session-id"));
    let read: Vec<_> = begun.headers().get_all("access-control-expose-headers").iter().collect();
    assert!(read.iter().any(|line| line.to_str().expect("text").contains("Mcp-Session-Id")), "{read:?}");

    // With another scope, and with a token for another server.
    let other = token(&server, &refused, AGENT, Some(("scope", "tools:none")));
    let refused = server.ask(Some(&other), "tools/list", json!({}));
    assert_eq!(refused.status(), 403);
    assert_eq!(challenge(&refused, "error").as_deref(), Some("insufficient_scope"));
    assert_eq!(challenge(&refused, "scope").as_deref(), Some("tools:read"));
    let elsewhere = token(&server, &refused, AGENT, Some(("resource", "https://else.example/mcp")));
    let refused = server.ask(Some(&elsewhere), "tools/list", json!({}));
    assert_eq!(refused.status(), 401);
    assert_eq!(challenge(&refused, "error").as_deref(), Some("invalid_token"));

    let root = server.url.trim_end_matches("/mcp");
    for nothing in ["/", "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"] {
        assert_eq!(get(&format!("{root}{nothing}")).status(), 404, "{nothing}");
    }
    let preflight = http::Request::options(&server.url)
        .header("origin", "https://inspector.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,mcp-protocol-version");
    let answer = send(preflight.body(String::new()).expect("a request"));
    assert_eq!(answer.status(), 204);
    socket.provider(|provider| provider.assert_clean());
}

#[test]
fn without_arguments_the_mcp_server_has_a_provider_of_its_own() {
    let server = Server::start(&[], "http://127.0.0.1:");
    let refused = server.ask(None, "tools/list", json!({}));
    let good = token(&server, &refused, OWN_AGENT, None);
    assert_eq!(server.ask(Some(&good), "tools/list", json!({})).status(), 200);
}

#[test]
fn an_mcp_server_that_cannot_start_says_why_in_one_line() {
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = busy.local_addr().expect("an address").port().to_string();
    let run =
        |arguments: &[&str]| example("oidc-axum", "mcp_server", arguments).output().expect("cargo runs");
    assert_one_line(
        &run(&["--port", &taken]),
        &["cannot listen on 127.0.0.1", &taken, "choose another --port"],
    );
    let plain = run(&["--port", "0", "--issuer", "http://op.example"]);
    assert_one_line(&plain, &["http://op.example", "plain http"]);
}

#[test]
fn the_wiring_of_an_mcp_server_takes_at_most_fifteen_lines() {
    let source = include_str!("../../oidc-adapters/axum/examples/mcp_server.rs");
    let (_, rest) = source.split_once("// This is what to copy.\n").expect("the wiring begins");
    let (wiring, _) = rest.split_once("// To here.\n").expect("the wiring ends");
    let lines = wiring.lines().filter(|line| !line.trim().is_empty()).count();
    assert!((10..=15).contains(&lines), "{lines} lines");
    assert!(!source.contains("expose()"), "a tool has no need of the token itself");
}

/// `rmcp` comes without its `auth` features, so no second OAuth client and no second JWT library comes with the example.
#[test]
fn the_example_pulls_in_no_other_library_for_oauth() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--package",
            "oidc-axum",
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let crates: Vec<_> = text(&output.stdout).lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(&"rmcp"), "the tree is read");
    for other in ["oauth2", "openidconnect", "jsonwebtoken", "aws-lc-rs", "reqwest"] {
        assert!(!crates.contains(&other), "{other}");
    }
}

/// The client of the example `mcp` knows the URL alone. It registers itself, and its user agrees in a browser.
#[test]
fn the_client_of_the_example_gets_in_with_a_user() {
    let socket = provider(1, TestProvider::accept_registrations);
    let server = Server::start(&["--issuer", socket.issuer()], socket.issuer());
    let mut command = example("oidc-reqwest", "mcp", &[&server.url]);
    let mut client = command.stdout(Stdio::piped()).spawn().expect("cargo runs");
    let mut said = BufReader::new(client.stdout.take().expect("stdout is piped")).lines();
    let asks = said.next().expect("a line").expect("text");
    assert_eq!(asks, "Open this page in a browser:");
    let page = said.next().expect("a line").expect("text");
    let back = socket.provider(|provider| {
        let landing = Browser::new().visit(provider, &page, oidc_drive::now());
        landing.url().to_owned()
    });
    // A stranger sends the browser there first.
    let foreign = format!("{}?code=x&state=another", back.split('?').next().expect("a URL"));
    assert_eq!(get(&foreign).body(), "There is nothing here.");
    assert_eq!(get(&back).body(), "You can close this window.");
    let tools: Vec<String> = said.map(|line| line.expect("text")).collect();
    assert!(client.wait().expect("it ends").success());
    assert!(!tools.is_empty(), "the server has a tool");
    socket.provider(|provider| {
        assert_eq!(provider.count(EndpointName::Registration), 1);
        provider.assert_clean();
    });
}
