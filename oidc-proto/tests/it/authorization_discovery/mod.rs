//! From a resource to its authorization server (RFC 9728, RFC 8414, and the authorization of the Model Context Protocol):
//! the places and their order, the rules, the budget, and each way of lying.

mod budget;
mod challenges;
mod issuers;
mod lies;
mod places;
mod property;
mod resources;

use http::HeaderMap;
use oidc_proto::{
    Error, Timestamp, UrlPolicy,
    flow::{AuthorizationDiscovery, DiscoveredAuthorization, DiscoveryRules, ResponseError, ResponseRule},
};
use oidc_testkit::{
    Clock, Seed,
    web::{Page, Web},
};
use serde_json::{Value, json};

/// The URL of a resource, and what may be its issuer.
pub(crate) const API: &str = "https://api.example/v1/mcp";
pub(crate) const AS: &str = "https://as.example/tenant";

/// The places of the metadata of the resource.
pub(crate) const AT_PATH: &str = "https://api.example/.well-known/oauth-protected-resource/v1/mcp";
pub(crate) const AT_ROOT: &str = "https://api.example/.well-known/oauth-protected-resource";

/// The places of the metadata of the authorization server.
pub(crate) const OAUTH: &str = "https://as.example/.well-known/oauth-authorization-server/tenant";
pub(crate) const INSERTED: &str = "https://as.example/.well-known/openid-configuration/tenant";
pub(crate) const APPENDED: &str = "https://as.example/tenant/.well-known/openid-configuration";

/// The metadata of this resource, with these authorization servers.
pub(crate) fn resource(resource: &str, servers: &[&str]) -> Value {
    json!({"resource": resource, "authorization_servers": servers})
}

/// The metadata of an authorization server.
pub(crate) fn server(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["plain", "S256"],
    })
}

/// A document with other values of these members; `null` takes one out.
pub(crate) fn with(mut document: Value, changes: &Value) -> Value {
    let members = document.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            _ => drop(members.insert(name.clone(), value.clone())),
        }
    }
    document
}

/// An honest resource and an honest authorization server, at the first of their places.
pub(crate) fn honest() -> Web {
    let mut web = Web::new();
    web.put(AT_PATH, Page::json(&resource(API, &[AS])));
    web.put(OAUTH, Page::json(&server(AS)));
    web
}

/// A discovery by the rules of MCP.
pub(crate) fn mcp() -> AuthorizationDiscovery {
    AuthorizationDiscovery::new(API, &UrlPolicy::default()).rules(DiscoveryRules::mcp())
}

/// A discovery by RFC 9728 to the letter.
pub(crate) fn plain() -> AuthorizationDiscovery {
    AuthorizationDiscovery::new(API, &UrlPolicy::default())
}

pub(crate) fn clock() -> Clock {
    Clock::new(Timestamp(1_800_000_000), Seed::silent(1))
}

/// Runs a discovery. `None` means that no response came.
pub(crate) fn run(
    web: &mut Web,
    discovery: AuthorizationDiscovery,
) -> Result<Option<DiscoveredAuthorization>, Error> {
    web.forget();
    web.drive(discovery.start()?, &mut clock())
}

/// Runs a discovery that finds what it looks for.
#[track_caller]
pub(crate) fn found(web: &mut Web, discovery: AuthorizationDiscovery) -> DiscoveredAuthorization {
    run(web, discovery).unwrap().expect("every response came")
}

/// Runs a discovery that ends with a response.
#[track_caller]
pub(crate) fn refused(web: &mut Web, discovery: AuthorizationDiscovery) -> Box<ResponseError> {
    match run(web, discovery) {
        Err(Error::Response(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The rule that the last response breaks.
#[track_caller]
pub(crate) fn rule(web: &mut Web, discovery: AuthorizationDiscovery) -> ResponseRule {
    refused(web, discovery).rule
}

pub(crate) fn challenge(challenges: &[&str]) -> HeaderMap {
    oidc_testkit::web::challenged(challenges)
}
