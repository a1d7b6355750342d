//! On axum: the route of the metadata beside the routes of the API, and 404 where there is nothing.

use super::*;
use axum::{
    Router,
    body::Body,
    routing::{get as on_get, post as on_post},
};
use oidc_axum::{protect, resource_metadata};

async fn send(router: &Router, request: Incoming) -> Outgoing {
    let mut router = router.clone();
    let Ok(response) = router.call(request.map(Body::from)).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    http::Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

async fn hello() -> &'static str {
    "hello"
}

/// Others answered 401 at paths where nothing was, and some clients took that for an answer.
#[tokio::test]
async fn a_path_where_nothing_is_is_404_and_the_api_is_behind_its_gate() {
    let world = world();
    let gate = gate(&world, published().mcp());
    let inner = Router::new().route("/", on_post(hello)).route("/{id}", on_get(hello).delete(hello));
    for routes in [
        Router::new().nest_service("/mcp", inner.clone()),
        Router::new().nest("/mcp", inner.clone()),
        Router::new().route("/mcp", on_post(hello)).route("/mcp/{id}", on_get(hello).delete(hello)),
    ] {
        let router = routes
            .route_layer(protect(gate.clone()))
            .merge(resource_metadata(&gate))
            .route("/", on_get(hello));
        for path in [
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/",
            "/.well-known/oauth-protected-resource/mcp/x",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
            "/favicon.ico",
            "/mcpx",
        ] {
            let response = send(&router, ask("GET", path, &[])).await;
            assert_eq!(told(&response, "www-authenticate"), (404, String::new()), "{path}");
        }
        assert_eq!(send(&router, ask("GET", "/", &[])).await.status(), 200, "a route without the gate");
        assert_eq!(document(&send(&router, ask("GET", AT, &[])).await)["resource"], MCP);
        let head = send(&router, ask("HEAD", AT, &[])).await;
        assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
        assert_ne!(told(&head, "content-length").1, "0");
        assert_eq!(send(&router, ask("POST", AT, &[])).await.status(), 405);
        for (method, path) in [("POST", "/mcp"), ("GET", "/mcp/1"), ("DELETE", "/mcp/1"), ("PUT", "/mcp")] {
            let response = send(&router, ask(method, path, &[])).await;
            assert_eq!(response.status(), 401, "{method} {path}: the gate is before the methods, too");
            let asked = [("origin", "https://page.example"), ("access-control-request-method", method)];
            assert_eq!(send(&router, ask("OPTIONS", path, &asked)).await.status(), 204, "{method} {path}");
        }
        let mut good = with_token(&world.token());
        assert_eq!(send(&router, good.clone()).await.body(), "hello");
        *good.method_mut() = http::Method::PUT;
        assert_eq!(send(&router, good).await.status(), 405, "behind the gate, the router has its say");
    }
}

/// M44: others served the document at the root only, or of another resource.
#[tokio::test]
async fn the_route_is_where_the_identifier_says_whatever_its_path() {
    let world = world();
    for (resource, at, elsewhere) in [
        ("https://api.example", "/.well-known/oauth-protected-resource", AT),
        ("https://api.example/", "/.well-known/oauth-protected-resource", AT),
        (MCP, AT, "/.well-known/oauth-protected-resource"),
        (
            "https://api.example/a/b/",
            "/.well-known/oauth-protected-resource/a/b/",
            "/a/b/.well-known/oauth-protected-resource",
        ),
        (
            "https://api.example/:a/*b",
            "/.well-known/oauth-protected-resource/:a/*b",
            "/.well-known/oauth-protected-resource/x/y",
        ),
        (
            "https://api.example/{a}",
            "/.well-known/oauth-protected-resource/%7Ba%7D",
            "/.well-known/oauth-protected-resource/x",
        ),
        (
            "https://api.example/%C3%A9",
            "/.well-known/oauth-protected-resource/%C3%A9",
            "/.well-known/oauth-protected-resource/e",
        ),
        (
            "https://api.example/m?t=1",
            "/.well-known/oauth-protected-resource/m?t=1",
            "/.well-known/oauth-protected-resource/m?t=2",
        ),
    ] {
        let server = ResourceServer::builder(resource).trust(TrustedIssuer::new("https://op.example"));
        let gate = gate(&world, server.publish(|about| about));
        // axum asks for this word where a segment of a path begins with a colon.
        let router = Router::new().without_v07_checks().merge(resource_metadata(&gate));
        let found = send(&router, ask("GET", at, &[])).await;
        assert_eq!(document(&found)["resource"], resource);
        assert_eq!(send(&router, ask("GET", elsewhere, &[])).await.status(), 404, "{resource}");
    }
}

#[tokio::test]
async fn several_resources_of_one_origin_each_have_their_own_document() {
    let world = world();
    let of = |path: &str| {
        let server = ResourceServer::builder(format!("https://api.example/{path}"));
        gate(&world, server.trust(TrustedIssuer::new("https://op.example")).publish(|about| about))
    };
    let (one, two) = (of("one"), of("two"));
    let router = Router::new()
        .merge(Router::new().route("/one", on_get(hello)).route_layer(protect(one.clone())))
        .merge(Router::new().route("/two", on_get(hello)).route_layer(protect(two.clone())))
        .merge(resource_metadata(&one))
        .merge(resource_metadata(&two));
    for path in ["one", "two"] {
        let refused = send(&router, ask("GET", &format!("/{path}"), &[])).await;
        let place = parameter(&line(&refused), "resource_metadata").unwrap();
        let place = place.strip_prefix("https://api.example").unwrap();
        assert_eq!(
            document(&send(&router, ask("GET", place, &[])).await)["resource"],
            format!("https://api.example/{path}")
        );
    }
    assert_eq!(send(&router, ask("GET", "/.well-known/oauth-protected-resource", &[])).await.status(), 404);
}

#[tokio::test]
async fn without_publishing_there_is_no_route() {
    let world = world();
    let router = Router::new().merge(resource_metadata(&gate(&world, unpublished())));
    assert_eq!(send(&router, ask("GET", AT, &[])).await.status(), 404);
}
