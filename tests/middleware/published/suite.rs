//! The scenarios that were proposed for servers to the conformance suite of MCP, under their names there: those of
//! modelcontextprotocol/conformance#64, #105 (with #106 and #155), #78 and #481. The suite has released none of them. The
//! checks are those of the proposals; those about authorization servers are not ours.

use super::*;
use axum::{Router, body::Body, routing::post};
use oidc_axum::{Access as Caller, protect, require_scope, resource_metadata};
use oidc_proto::{
    UrlPolicy,
    metadata::{Profile, ProviderMetadata, WellKnown},
};

/// An MCP server with one tool for everybody and one for administrators, and its world.
struct Server {
    world: World,
    router: Router,
}

impl Server {
    fn new() -> Self {
        let world = world();
        let gate = gate(&world, published().mcp());
        let client = async |caller: Caller| caller.client_id().unwrap_or_default().to_owned();
        let admin = post(client).layer(require_scope("admin"));
        let routes = Router::new().route("/mcp", post(client)).route("/mcp/admin", admin);
        let gated =
            routes.route_layer(protect(gate.clone()).require(Requirement::new().scope("reports:read")));
        Self { world, router: gated.merge(resource_metadata(&gate)) }
    }

    async fn send(&self, request: Incoming) -> Outgoing {
        let mut router = self.router.clone();
        let Ok(response) = router.call(request.map(Body::from)).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        http::Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn about(&self) -> Value {
        let response = self.send(ask("GET", AT, &[])).await;
        assert_eq!(response.status(), 200, "auth-prm-endpoint-exists");
        document(&response)
    }
}

/// `server/auth-prm-discovery` of #64: exists, is JSON, has `resource` and `authorization_servers`, scopes are strings.
#[tokio::test]
async fn server_auth_prm_discovery() {
    let about = Server::new().about().await;
    assert_eq!(about["resource"], MCP, "auth-prm-has-resource");
    let servers = about["authorization_servers"].as_array().unwrap();
    assert!(!servers.is_empty(), "auth-prm-has-authorization-servers");
    assert!(servers.iter().all(|one| url::Url::parse(one.as_str().unwrap()).is_ok()));
    let scopes = about["scopes_supported"].as_array().unwrap();
    assert!(scopes.iter().all(Value::is_string), "auth-prm-scopes-supported-valid");
}

/// `server/auth-prm-resource-validation` of #64: an absolute URI, https, without a fragment, and that of the server.
#[tokio::test]
async fn server_auth_prm_resource_validation() {
    let about = Server::new().about().await;
    let resource = url::Url::parse(about["resource"].as_str().unwrap()).expect("auth-prm-resource-valid-uri");
    assert_eq!(resource.scheme(), "https", "auth-prm-resource-https");
    assert_eq!(resource.fragment(), None, "auth-prm-resource-no-fragment");
    assert_eq!(resource.as_str(), MCP, "auth-prm-resource-matches-server");
}

/// `server/auth-discovery-mechanism` of #64: from the document, the metadata of the authorization server are found.
#[tokio::test]
async fn server_auth_discovery_mechanism() {
    let server = Server::new();
    let about = server.about().await;
    let issuer = about["authorization_servers"][0].as_str().unwrap();
    let policy = UrlPolicy::default();
    for form in [WellKnown::OAuth, WellKnown::OpenId] {
        let place = form.url(issuer, &policy).unwrap();
        let request =
            http::Request::get(place.as_str()).header("accept", "application/json").body(Vec::new());
        let answer = server.world.provider(|provider| provider.handle(&request.unwrap(), START));
        let read = ProviderMetadata::parse(answer.body(), issuer, Profile::AuthorizationServer, &policy);
        assert_eq!(read.expect("auth-discovery-any-available").issuer, issuer, "auth-discovery-consistency");
    }
}

/// `server/auth-401-unauthorized` of #64: status, challenge. (The body is JSON where there is one.)
#[tokio::test]
async fn server_auth_401_unauthorized() {
    let server = Server::new();
    let response = server.send(ask("POST", "/mcp", &[("content-type", "application/json")])).await;
    assert_eq!(response.status(), 401, "auth-401-status-code");
    assert!(line(&response).starts_with("Bearer "), "auth-401-www-authenticate-present");
    assert!(response.body().is_empty(), "RFC 6750 section 3.1: a client without a token gets no error code");
    let refused = server.send(with_token("invalid")).await;
    assert!(serde_json::from_str::<Value>(refused.body()).unwrap().is_object(), "auth-401-response-json");
}

/// `server/auth-www-authenticate-header` of #64: scheme, `resource_metadata`, the form of `scope`, known errors.
#[tokio::test]
async fn server_auth_www_authenticate_header() {
    let server = Server::new();
    for (request, error) in [(ask("POST", "/mcp", &[]), None), (with_token("invalid"), Some("invalid_token"))]
    {
        let line = line(&server.send(request).await);
        assert!(line.starts_with("Bearer "), "auth-www-auth-bearer-scheme");
        assert_eq!(
            parameter(&line, "resource_metadata").as_deref(),
            Some(PLACE),
            "auth-www-auth-resource-metadata"
        );
        assert_eq!(parameter(&line, "scope").as_deref(), Some("reports:read"), "auth-www-auth-scope-format");
        assert_eq!(parameter(&line, "error").as_deref(), error, "auth-www-auth-error-code");
    }
}

/// `server-auth/basic-auth-flow` of #105 and #155: an invalid token, none, the document, the token, the call.
#[tokio::test]
async fn server_auth_basic_auth_flow() {
    let server = Server::new();
    assert_eq!(server.send(with_token("invalid")).await.status(), 401, "auth-invalid-token-rejected");
    let refused = server.send(ask("POST", "/mcp", &[])).await;
    assert_eq!(refused.status(), 401, "auth-401-response");
    let line = line(&refused);
    let place = parameter(&line, "resource_metadata").expect("auth-resource-metadata-param");
    assert!(parameter(&line, "scope").is_some(), "auth-www-authenticate-scope");
    let about = server.send(ask("GET", place.strip_prefix("https://api.example").unwrap(), &[])).await;
    assert_eq!(about.status(), 200, "auth-prm-discovery");
    assert_eq!(document(&about)["resource"], MCP, "auth-prm-resource");
    let token = server.world.provider(|provider| world::mint_plain(provider, START));
    let served = server.send(with_token(&token)).await;
    assert_eq!((served.status().as_u16(), served.body().as_str()), (200, "robot"), "auth-flow-completion");
    server.world.provider(|provider| provider.assert_clean());
}

/// `server-auth/step-up-auth` of #106, and `sep-2350-server-scope-challenge` of #481: 403, its challenge, and the retry.
#[tokio::test]
async fn server_auth_step_up_auth() {
    let server = Server::new();
    let token = |scope: &'static str| {
        server.world.token_with(move |_, claims| drop(claims.insert("scope".into(), scope.into())))
    };
    let at_admin = |token: &str| {
        let mut request = with_token(token);
        *request.uri_mut() = "/mcp/admin".parse().unwrap();
        request
    };
    assert_eq!(server.send(with_token(&token("reports:read"))).await.status(), 200);
    let refused = server.send(at_admin(&token("reports:read"))).await;
    assert_eq!(refused.status(), 403, "step-up-403-response, server-scope-challenge-http-403");
    let line = line(&refused);
    assert_eq!(parameter(&line, "error").as_deref(), Some("insufficient_scope"));
    assert_eq!(parameter(&line, "resource_metadata").as_deref(), Some(PLACE), "step-up-resource-metadata");
    let scopes = parameter(&line, "scope").expect("step-up-scope-in-header");
    let mut scopes: Vec<_> = scopes.split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["admin", "reports:read"], "sep-2350-server-single-challenge");
    let served = server.send(at_admin(&token("reports:read admin"))).await;
    assert_eq!(
        served.status(),
        200,
        "step-up-success-after-escalation, server-scope-challenge-upgraded-retry"
    );
}

/// `server-token-audience-validation` and `server-token-valid-accepted` of #78, with the six checks of the scenario
/// `auth-token-audience-validation` that was written for it.
#[tokio::test]
async fn server_token_audience_validation() {
    let server = Server::new();
    let of = |aud: Option<&'static str>| {
        server.world.token_with(move |_, claims| match aud {
            Some(aud) => drop(claims.insert("aud".into(), aud.into())),
            None => drop(claims.remove("aud")),
        })
    };
    let expired =
        server.world.token_with(|_, claims| drop(claims.insert("exp".into(), (START.0 - 60).into())));
    for (check, request, status) in [
        ("auth-unauthenticated-request-rejected", ask("POST", "/mcp", &[]), 401),
        ("auth-valid-audience-token-accepted", with_token(&of(Some(MCP))), 200),
        ("auth-wrong-audience-token-rejected", with_token(&of(Some("https://other.example/mcp"))), 401),
        ("auth-missing-audience-token-rejected", with_token(&of(None)), 401),
        ("auth-expired-token-rejected", with_token(&expired), 401),
        (
            "auth-untrusted-token-rejected",
            with_token(&server.world.forged("a key that nobody has published")),
            401,
        ),
    ] {
        assert_eq!(server.send(request).await.status(), status, "{check}");
    }
}
