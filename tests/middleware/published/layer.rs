//! What the layer of tower answers by itself, and to whom: the document and preflights.

use super::*;
use oidc_tower::Cors;

const PREFLIGHT: [(&str, &str); 2] =
    [("origin", "https://page.example"), ("access-control-request-method", "POST")];

/// The law of this crate: what is not switched on stays shut.
#[tokio::test]
async fn unless_it_is_said_neither_preflights_nor_the_document_go_past_the_gate() {
    let world = world();
    let inner = Api::default();
    for server in [unpublished(), unpublished().resource_metadata(PLACE)] {
        let cors = Cors::default().allow_origins(["https://page.example"]);
        let api = ProtectLayer::new(gate(&world, server)).cors(cors).layer(inner.clone());
        for request in [
            ask("OPTIONS", "/mcp", &PREFLIGHT),
            ask("GET", AT, &[]),
            ask("HEAD", AT, &[]),
            ask("POST", "/mcp", &[]),
        ] {
            let response = call(&api, request).await;
            assert_eq!(response.status(), 401);
            let of_cors =
                response.headers().keys().filter(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(of_cors.count(), 0);
            assert!(response.body().is_empty());
        }
    }
    assert_eq!(inner.0.load(SeqCst), 0);
}

/// Item 24 of the checklist: an MCP server serves its metadata, with an authorization server.
#[tokio::test]
async fn anybody_reads_the_document_by_each_method_that_reads() {
    let world = world();
    world.set(Net::Down);
    let inner = Api::default();
    for layer in [
        ProtectLayer::new(gate(&world, published())),
        ProtectLayer::new(gate(&world, published())).optional(),
        ProtectLayer::new(gate(&world, published().mcp())).require(Requirement::new().scope("admin")),
        ProtectLayer::new(gate(&world, published()))
            .cors(Cors::default().allow_origins(["https://else.example"])),
    ] {
        let api = layer.layer(inner.clone());
        let got = call(&api, ask("GET", AT, &[("origin", "https://page.example")])).await;
        assert_eq!(got.status(), 200);
        let about = document(&got);
        assert_eq!(about["resource"], MCP);
        assert_eq!(about["authorization_servers"], json!(["https://op.example"]));
        assert_eq!(about["scopes_supported"], json!(["reports:read", "reports:write"]));
        assert_eq!(told(&got, "access-control-allow-origin").1, "*");
        assert_eq!(told(&got, "access-control-allow-credentials").1, "");
        assert_eq!(told(&got, "cache-control").1, "public, max-age=300");
        let head = call(&api, ask("HEAD", AT, &[])).await;
        assert_eq!((head.status().as_u16(), head.body().as_str()), (200, ""));
        assert_eq!(head.headers(), call(&api, ask("GET", AT, &[])).await.headers());
        assert_eq!(told(&head, "content-length").1, got.body().len().to_string());
        let plain = call(&api, ask("OPTIONS", AT, &[])).await;
        assert_eq!(told(&plain, "allow"), (204, "GET, HEAD, OPTIONS".to_owned()));
        let preflight = [
            ("origin", "https://page.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "mcp-protocol-version,x-of-the-page, b@d"),
        ];
        let answered = call(&api, ask("OPTIONS", AT, &preflight)).await;
        assert_eq!(told(&answered, "access-control-allow-methods"), (204, "GET, HEAD, OPTIONS".to_owned()));
        assert_eq!(
            listed(&answered, "access-control-allow-headers"),
            ["mcp-protocol-version", "x-of-the-page"]
        );
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let refused = call(&api, ask(method, AT, &[])).await;
            assert_eq!(told(&refused, "allow"), (405, "GET, HEAD, OPTIONS".to_owned()), "{method}");
        }
        // A bad token changes nothing: the document is for everybody.
        assert_eq!(call(&api, ask("GET", AT, &[("authorization", "Bearer x")])).await.status(), 200);
    }
    assert_eq!(inner.0.load(SeqCst), 0, "the service has no part in it");
    assert!(lock(&world.sent).is_empty() && world.clauses().is_empty(), "nothing is fetched or judged");
}

#[tokio::test]
async fn the_document_is_at_one_path_and_the_gate_at_all_others() {
    let world = world();
    let inner = Api::default();
    let api = ProtectLayer::new(gate(&world, published())).layer(inner.clone());
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/oauth-protected-resource/MCP",
        "//.well-known/oauth-protected-resource/mcp",
        "/.well-known/../.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/mcp",
    ] {
        assert_eq!(call(&api, ask("GET", path, &[])).await.status(), 401, "{path}");
    }
    assert_eq!(inner.0.load(SeqCst), 0);
    assert_eq!(call(&api, ask("GET", &format!("{AT}?version=1"), &[])).await.status(), 200);
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_token_and_nothing_else_is() {
    let world = world();
    let inner = Api::default();
    let with = |name: &'static str, value: &'static str| [PREFLIGHT[0], PREFLIGHT[1], (name, value)];
    for layer in [
        ProtectLayer::new(gate(&world, published())),
        ProtectLayer::new(gate(&world, published())).require(Requirement::new().scope("admin")),
        ProtectLayer::new(gate(&world, published().mcp())),
    ] {
        let api = layer.layer(inner.clone());
        for path in ["/mcp", "/", "/elsewhere?x=1"] {
            for method in ["POST", "GET", "DELETE", "PURGE"] {
                let asked = [("origin", "null"), ("access-control-request-method", method)];
                let answer = call(&api, ask("OPTIONS", path, &asked)).await;
                assert_eq!((answer.status().as_u16(), answer.body().as_str()), (204, ""), "{path}");
                assert_eq!(told(&answer, "access-control-allow-methods").1, method);
                assert_eq!(told(&answer, "access-control-allow-origin").1, "*");
                assert_eq!(told(&answer, "access-control-max-age").1, "600");
                assert!(!answer.headers().contains_key("access-control-allow-credentials"));
                assert!(!answer.headers().contains_key("www-authenticate"));
            }
        }
        let headers =
            with("access-control-request-headers", "Authorization, dpop,content-type,cookie, x-own");
        let answer = call(&api, ask("OPTIONS", "/mcp", &headers)).await;
        assert_eq!(
            listed(&answer, "access-control-allow-headers"),
            ["authorization", "dpop", "content-type"]
        );
        let none =
            call(&api, ask("OPTIONS", "/mcp", &with("access-control-request-headers", "x-own,\"a\""))).await;
        assert!(!none.headers().contains_key("access-control-allow-headers"), "{none:?}");
        // The header alone makes no preflight of another method, and OPTIONS alone is a request like any other.
        for refused in [
            ask("POST", "/mcp", &PREFLIGHT),
            ask("GET", "/mcp", &PREFLIGHT),
            ask("OPTIONS", "/mcp", &PREFLIGHT[..1]),
            ask("OPTIONS", "/mcp", &[]),
        ] {
            assert_eq!(call(&api, refused).await.status(), 401);
        }
    }
    assert_eq!(inner.0.load(SeqCst), 0, "a preflight never reaches the service");
    let optional = ProtectLayer::new(gate(&world, published())).optional().layer(inner.clone());
    assert_eq!(call(&optional, ask("OPTIONS", "/mcp", &PREFLIGHT)).await.status(), 204);
    assert_eq!(inner.0.load(SeqCst), 0);
}

/// The headers of the protocol: `MCP-Protocol-Version`, `Mcp-Session-Id`, and those of revision 2026-07-28.
#[tokio::test]
async fn a_page_sends_and_reads_the_headers_of_mcp_at_an_mcp_server() {
    let world = world();
    let names =
        "mcp-protocol-version,mcp-session-id,mcp-method,mcp-name,mcp-param-region,last-event-id,amcp-x";
    let asked = [PREFLIGHT[0], PREFLIGHT[1], ("access-control-request-headers", names)];
    for (server, sent, read) in [
        (published(), 0, &["WWW-Authenticate", "DPoP-Nonce", "Retry-After"][..]),
        (
            published().mcp(),
            6,
            &["WWW-Authenticate", "DPoP-Nonce", "Retry-After", "Mcp-Session-Id", "MCP-Protocol-Version"],
        ),
    ] {
        let api = ProtectLayer::new(gate(&world, server)).layer(Api::default());
        let answer = call(&api, ask("OPTIONS", "/mcp", &asked)).await;
        let allowed = listed(&answer, "access-control-allow-headers");
        assert_eq!(allowed, names.split(',').take(sent).collect::<Vec<_>>());
        for request in [ask("POST", "/mcp", &[]), with_token(&world.token())] {
            assert_eq!(listed(&call(&api, request).await, "access-control-expose-headers"), read);
        }
    }
}

#[tokio::test]
async fn a_browser_is_told_about_each_response_and_a_service_has_the_last_word() {
    let world = world();
    let read = Requirement::new().scope("reports:read");
    let api = ProtectLayer::new(gate(&world, published())).require(read).layer(Api::default());
    let unscoped = world.token_with(|_, claims| drop(claims.insert("scope".into(), "other".into())));
    for (request, status) in
        [(with_token(&world.token()), 200), (ask("POST", "/mcp", &[]), 401), (with_token(&unscoped), 403)]
    {
        let response = call(&api, request).await;
        assert_eq!(told(&response, "access-control-allow-origin"), (status, "*".to_owned()));
        assert!(listed(&response, "access-control-expose-headers").contains(&"WWW-Authenticate".to_owned()));
        assert!(!response.headers().contains_key("vary"), "the answer is the same for everybody");
    }
    world.set(Net::Down);
    let cold = ProtectLayer::new(gate(&world, published())).layer(Api::default());
    let response = call(&cold, with_token(&world.token())).await;
    assert_eq!(told(&response, "access-control-allow-origin"), (503, "*".to_owned()));
    assert!(response.headers().contains_key("retry-after"), "and a page may read it");

    /// A service with CORS headers of its own.
    #[derive(Clone)]
    struct Own;
    impl Service<Incoming> for Own {
        type Response = Outgoing;
        type Error = Infallible;
        type Future = Ready<Result<Outgoing, Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Incoming) -> Self::Future {
            let response = http::Response::builder()
                .header("access-control-allow-origin", "https://own.example")
                .header("access-control-expose-headers", "x-own");
            ready(Ok(response.body(String::new()).unwrap()))
        }
    }
    world.set(Net::Up);
    let shared = gate(&world, published());
    let once = || ProtectLayer::new(shared.clone());
    for api in [site(once().layer(Own)), site(once().layer(once().layer(Own)))] {
        let response = api(with_token(&world.token())).await;
        assert_eq!(told(&response, "access-control-allow-origin"), (200, "https://own.example".to_owned()));
        let read = listed(&response, "access-control-expose-headers");
        assert_eq!(read, ["x-own", "WWW-Authenticate", "DPoP-Nonce", "Retry-After"], "each once");
    }
}

#[tokio::test]
async fn pages_of_other_origins_than_those_that_are_named_learn_nothing() {
    let world = world();
    let cors =
        Cors::default().allow_origins(["https://App.example/"]).allow_origins(["http://localhost:6274"]);
    let api = ProtectLayer::new(gate(&world, published().mcp())).cors(cors).layer(Api::default());
    for (origin, allowed) in [
        (Some("https://app.example"), "https://app.example"),
        (Some("http://localhost:6274"), "http://localhost:6274"),
        (Some("https://app.example.evil.example"), ""),
        (Some("http://app.example"), ""),
        (Some("https://app.example:8443"), ""),
        (Some("null"), ""),
        (Some("*"), ""),
        (None, ""),
    ] {
        let origin: Vec<_> = origin.map(|origin| ("origin", origin)).into_iter().collect();
        let asked: Vec<_> = origin.iter().copied().chain([PREFLIGHT[1]]).collect();
        let bare = ask("POST", "/mcp", &origin);
        for (request, status) in [(ask("OPTIONS", "/mcp", &asked), 204), (bare, 401)] {
            let response = call(&api, request).await;
            assert_eq!(
                told(&response, "access-control-allow-origin"),
                (status, allowed.to_owned()),
                "{origin:?}"
            );
            assert_eq!(told(&response, "vary").1, "Origin", "{origin:?}");
        }
        // None of this is a check of access: a token is good from anywhere.
        let mut request = with_token(&world.token());
        request.headers_mut().extend(bare_origin(&origin));
        assert_eq!(call(&api, request).await.status(), 200);
    }
    let twice = [("origin", "https://app.example"), ("origin", "https://evil.example")];
    assert_eq!(told(&call(&api, ask("POST", "/mcp", &twice)).await, "access-control-allow-origin").1, "");
    let nobody = Cors::default().allow_origins::<String>([]);
    let api = ProtectLayer::new(gate(&world, published())).cors(nobody).layer(Api::default());
    let answer = call(&api, ask("OPTIONS", "/mcp", &PREFLIGHT)).await;
    assert_eq!(
        told(&answer, "access-control-allow-origin"),
        (204, String::new()),
        "an empty list shuts the door"
    );
}

fn bare_origin(origin: &[(&str, &str)]) -> http::HeaderMap {
    origin.iter().map(|(_, value)| (http::header::ORIGIN, value.parse().unwrap())).collect()
}

#[tokio::test]
async fn an_api_names_headers_of_its_own_for_pages() {
    let world = world();
    let name = http::HeaderName::from_static;
    let cors = Cors::default()
        .allow_headers([name("idempotency-key")])
        .allow_headers([name("x-trace")])
        .expose_headers([name("etag"), name("link")])
        .expose_headers([name("x-trace")]);
    let asked =
        [PREFLIGHT[0], PREFLIGHT[1], ("access-control-request-headers", "X-Trace,idempotency-key,x-else")];
    let api = ProtectLayer::new(gate(&world, published())).cors(cors).layer(Api::default());
    let answer = call(&api, ask("OPTIONS", "/mcp", &asked)).await;
    assert_eq!(listed(&answer, "access-control-allow-headers"), ["x-trace", "idempotency-key"]);
    let exposed = listed(&call(&api, ask("POST", "/mcp", &[])).await, "access-control-expose-headers");
    assert_eq!(exposed, ["WWW-Authenticate", "DPoP-Nonce", "Retry-After", "etag", "link", "x-trace"]);
}

/// A stranger writes the preflight. Whatever is in it, the answer has the headers of CORS alone, and repeats nothing but names.
#[tokio::test]
async fn nothing_strange_in_a_preflight_comes_back() {
    let world = world();
    let cors = Cors::default().allow_origins(["https://page.example"]);
    let apis = [
        ProtectLayer::new(gate(&world, published())),
        ProtectLayer::new(gate(&world, published().mcp())),
        ProtectLayer::new(gate(&world, published().mcp())).cors(cors),
    ]
    .map(|layer| layer.layer(Api::default()));
    let pieces: [&[u8]; 16] = [
        b"authorization",
        b"Mcp-Session-Id",
        b"mcp-",
        b"*",
        b",",
        b", ,",
        b" ",
        b"\t",
        b"\"",
        b";",
        b"=",
        b"\xff\xfe",
        b"https://page.example",
        b"null",
        b"POST",
        b"a: b",
    ];
    let mut chance = Seed::new(7);
    for round in 0..3_000 {
        let mut request = ask("OPTIONS", if round % 5 == 0 { AT } else { "/mcp" }, &[]);
        let names = ["origin", "access-control-request-method", "access-control-request-headers"];
        for name in names {
            for _ in 0..=chance.below(2) {
                let several =
                    (0..chance.below(6)).map(|_| pieces[chance.below(16) as usize]).collect::<Vec<_>>();
                let value =
                    http::HeaderValue::from_bytes(&several.concat()).expect("bytes that a header may have");
                request.headers_mut().append(name, value);
            }
        }
        for api in &apis {
            let answer = call(api, request.clone()).await;
            assert_eq!((answer.status().as_u16(), answer.body().as_str()), (204, ""), "{request:?}");
            for (name, value) in answer.headers() {
                let value = value.to_str().expect("visible ASCII");
                match name.as_str() {
                    "access-control-allow-origin" => assert!(["*", "https://page.example"].contains(&value)),
                    "access-control-allow-methods" => {
                        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"*-, ".contains(&byte);
                        assert!(value.bytes().all(token), "{value}");
                    }
                    "access-control-allow-headers" => {
                        let name = |name: &str| http::HeaderName::from_bytes(name.as_bytes()).is_ok();
                        assert!(value.split(", ").all(name), "{value}");
                    }
                    "access-control-max-age" | "vary" | "allow" => {}
                    other => panic!("{other}: {value}"),
                }
            }
        }
    }
}
