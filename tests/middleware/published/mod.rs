//! An API that publishes what it is: a client that knows only its URL gets in, from a program and from a page in a browser.

mod browser;
mod browsers;
mod layer;
mod names;
mod router;
mod suite;

use super::*;
use oidc_proto::resource::ResourceServerBuilder;
use std::pin::Pin;

/// The URL of the API. It is an MCP server, by its path.
const MCP: &str = "https://api.example/mcp";
const PLACE: &str = "https://api.example/.well-known/oauth-protected-resource/mcp";
const AT: &str = "/.well-known/oauth-protected-resource/mcp";

/// A server at an origin, in any layers.
type Site = Box<dyn Fn(Incoming) -> Pin<Box<dyn Future<Output = Outgoing>>>>;

fn site<S>(service: S) -> Site
where
    S: Service<Incoming, Response = Outgoing, Error = Infallible> + Clone + 'static,
{
    Box::new(move |request| {
        let service = service.clone();
        Box::pin(async move { call(&service, request).await })
    })
}

/// A world whose provider issues tokens for the API.
fn world() -> World {
    let world = World::new();
    world.provider(|provider| provider.default_resource(MCP));
    world
}

fn unpublished() -> ResourceServerBuilder {
    ResourceServer::builder(MCP).trust(TrustedIssuer::new("https://op.example"))
}

fn published() -> ResourceServerBuilder {
    unpublished().publish(|about| about.scopes_supported(["reports:read", "reports:write"]))
}

fn gate(world: &World, server: ResourceServerBuilder) -> Gate {
    world.builder(server).build().unwrap()
}

/// A request with these headers and no body.
fn ask(method: &str, uri: &str, headers: &[(&str, &str)]) -> Incoming {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(String::new()).unwrap()
}

fn with_token(token: &str) -> Incoming {
    ask("POST", "/mcp", &[("authorization", &format!("Bearer {token}"))])
}

/// The values of a header, each without the blanks around it.
fn listed(response: &Outgoing, name: &str) -> Vec<String> {
    let lines = response.headers().get_all(name).iter().map(|value| value.to_str().unwrap());
    lines.flat_map(|line| line.split(',')).map(|value| value.trim().to_owned()).collect()
}

fn line(response: &Outgoing) -> String {
    let lines: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
    let [line] = &*lines else { panic!("one line: {lines:?}") };
    line.to_str().unwrap().to_owned()
}

/// The value of a parameter, in the first challenge that has it.
fn parameter(line: &str, name: &str) -> Option<String> {
    let (_, value) = line.split_once(&format!("{name}=\""))?;
    value.split('"').next().map(str::to_owned)
}

fn document(response: &Outgoing) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_str(response.body()).unwrap()
}
