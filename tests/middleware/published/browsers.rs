//! A client that runs in a page of another origin, as the MCP Inspector does: its whole way in.

use super::{browser::Page, *};
use axum::{Router, body::Body, routing::post};
use oidc_axum::{Access as Caller, Cors, protect, resource_metadata};
use oidc_proto::{UrlPolicy, metadata::WellKnown};

async fn handler(caller: Caller) -> ([(&'static str, &'static str); 2], String) {
    (
        [("mcp-session-id", "session 1"), ("x-internal", "node 7")],
        caller.client_id().unwrap_or_default().to_owned(),
    )
}

/// The API on axum, and the same routes within the layer of tower alone.
fn sites(world: &World, cors: &Cors) -> [Site; 2] {
    let gate = gate(world, published().mcp());
    let routes = || Router::new().route("/mcp", post(handler));
    let within =
        routes().route_layer(protect(gate.clone()).cors(cors.clone())).merge(resource_metadata(&gate));
    let around = routes().layer(ProtectLayer::new(gate).cors(cors.clone()));
    [within, around].map(|router| -> Site {
        Box::new(move |request| {
            let mut router = router.clone();
            Box::pin(async move {
                let Ok(response) = router.call(request.map(Body::from)).await;
                let (parts, body) = response.into_parts();
                let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
                http::Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
            })
        })
    })
}

/// A request as a client of MCP sends it.
fn list_tools(token: Option<&str>) -> Incoming {
    let mut request = ask(
        "POST",
        "/mcp",
        &[
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/list"),
        ],
    );
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    *request.body_mut() = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned();
    request
}

fn path_of(url: &str) -> &str {
    url.strip_prefix("https://api.example").expect("the same origin")
}

#[tokio::test]
async fn a_page_gets_in_from_the_url_alone() {
    let world = world();
    for site in sites(&world, &Cors::default()) {
        let page = Page { origin: "https://inspector.example", site: &site };
        let refused =
            page.fetch(list_tools(None)).await.expect("a preflight, and an answer that the page may read");
        assert_eq!(refused.status(), 401);
        let line = line(&refused);
        let place = parameter(&line, "resource_metadata").expect("the place of the metadata");
        let about = ask("GET", path_of(&place), &[("mcp-protocol-version", "2026-07-28")]);
        let about = document(&page.fetch(about).await.expect("a preflight, and the document"));
        assert_eq!(about["resource"], MCP);

        // The authorization server is another site, and this test does not play its CORS.
        let issuer = about["authorization_servers"][0].as_str().unwrap();
        let place = WellKnown::OAuth.url(issuer, &UrlPolicy::default()).unwrap();
        let resource = url::form_urlencoded::byte_serialize(MCP.as_bytes()).collect::<String>();
        let scope = parameter(&line, "scope").unwrap().split(' ').next().unwrap().replace(':', "%3A");
        let token = world.provider(|provider| {
            let request = http::Request::get(place.as_str()).header("accept", "application/json");
            let answer = provider.handle(&request.body(Vec::new()).unwrap(), START);
            let metadata: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(metadata["issuer"], issuer);
            let form = format!("grant_type=client_credentials&resource={resource}&scope={scope}");
            let request = http::Request::post(metadata["token_endpoint"].as_str().unwrap())
                .header("content-type", "application/x-www-form-urlencoded")
                .header("accept", "application/json")
                .header("authorization", "Basic cm9ib3Q6c2VjcmV0");
            let answer = provider.handle(&request.body(form.into()).unwrap(), START);
            let tokens: Value = serde_json::from_slice(answer.body()).unwrap();
            tokens["access_token"].as_str().unwrap().to_owned()
        });
        let served =
            page.fetch(list_tools(Some(&token))).await.expect("a preflight with the token, and an answer");
        assert_eq!((served.status().as_u16(), served.body().as_str()), (200, "robot"));
        assert_eq!(told(&served, "mcp-session-id").1, "session 1");
        assert!(!served.headers().contains_key("x-internal"), "the page reads what it is told of");
        world.provider(|provider| provider.assert_clean());
    }
}

#[tokio::test]
async fn a_page_gets_in_only_from_an_origin_that_is_named() {
    let world = world();
    let cors = Cors::default().allow_origins(["https://inspector.example"]);
    let token = world.token();
    for site in sites(&world, &cors) {
        for (origin, gets_in) in
            [("https://inspector.example", true), ("https://evil.example", false), ("null", false)]
        {
            let page = Page { origin, site: &site };
            assert_eq!(page.fetch(list_tools(None)).await.is_ok(), gets_in, "{origin}");
            assert_eq!(page.fetch(list_tools(Some(&token))).await.is_ok(), gets_in, "{origin}");
            let document = page.fetch(ask("GET", AT, &[("mcp-protocol-version", "2026-07-28")])).await;
            assert_eq!(document.expect("the document is for everybody").status(), 200);
        }
    }
}

/// The control: the page finds each fault that a server can have.
#[tokio::test]
async fn without_publishing_no_page_can_even_begin() {
    let world = world();
    let api = ProtectLayer::new(gate(&world, unpublished())).layer(Api::default());
    let shut = site(api);
    let page = Page { origin: "https://inspector.example", site: &shut };
    for request in [list_tools(None), ask("GET", AT, &[]), ask("POST", "/mcp", &[])] {
        assert_eq!(page.fetch(request).await.map(drop), Err("the origin is not allowed"));
    }
    let plain = site(ProtectLayer::new(gate(&world, published())).layer(Api::default()));
    let page = Page { origin: "https://inspector.example", site: &plain };
    assert_eq!(
        page.fetch(list_tools(None)).await.map(drop),
        Err("a header is not allowed"),
        "it is no MCP server"
    );
    let names_no_method = site(tower_layer::layer_fn(|inner| inner).layer(Fixed("x-none")));
    let page = Page { origin: "https://inspector.example", site: &names_no_method };
    assert_eq!(page.fetch(ask("DELETE", "/mcp", &[])).await.map(drop), Err("the method is not allowed"));
    let simple = page.fetch(ask("GET", "/mcp", &[])).await.unwrap();
    assert!(!simple.headers().contains_key("x-hidden"));
}

/// A server whose CORS headers are incomplete.
#[derive(Clone)]
struct Fixed(&'static str);

impl Service<Incoming> for Fixed {
    type Response = Outgoing;
    type Error = Infallible;
    type Future = Ready<Result<Outgoing, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Incoming) -> Self::Future {
        let response =
            http::Response::builder().header("access-control-allow-origin", "*").header("x-hidden", "1");
        ready(Ok(response.header("access-control-allow-headers", self.0).body(String::new()).unwrap()))
    }
}
