//! S9 on axum: extractors, routes that need more than others, and routes that need no token.

use super::*;
use axum::{
    Router,
    body::Body,
    extract::State,
    routing::{get as on_get, post as on_post},
};
use oidc_axum::{Access as Caller, Claims, protect};

async fn send(router: &Router, request: Incoming) -> Outgoing {
    let mut router = router.clone();
    let Ok(()) = poll_fn(|context| Service::<http::Request<Body>>::poll_ready(&mut router, context)).await;
    let Ok(response) = router.call(request.map(Body::from)).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    http::Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

fn at(path: &str, token: Option<&str>) -> Incoming {
    let mut request = token.map_or_else(|| get(&[]), bearer);
    *request.uri_mut() = path.parse().unwrap();
    request
}

async fn client(caller: Caller) -> String {
    caller.client_id().unwrap_or_default().to_owned()
}

async fn maybe(caller: Option<Caller>) -> String {
    caller.map_or("nobody".to_owned(), |caller| caller.client_id().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn s9_each_route_has_its_own_needs() {
    let world = World::new();
    let step_up = Requirement::new().acr_values(["gold"]).max_age(Duration::from_secs(300));
    let admin = Requirement::new().audience("https://admin.example");
    let router = Router::new()
        .route("/read", on_get(client).layer(require_scope("reports:read")))
        .route("/both", on_get(client).layer(require_scope("reports:read")))
        .route("/both", on_post(client).layer(require_scope("reports:write")))
        .route("/pay", on_get(client).layer(RequireLayer::new(step_up)))
        .route("/admin", on_get(client).layer(RequireLayer::new(admin)))
        .layer(protect(world.gate()));
    let good = world.token();
    for path in ["/read", "/both"] {
        let response = send(&router, at(path, Some(&good))).await;
        assert_eq!((response.status().as_u16(), response.body().as_str()), (200, "robot"), "{path}");
    }
    let mut post = at("/both", Some(&good));
    *post.method_mut() = http::Method::POST;
    let (status, challenge) = told(&send(&router, post).await, "www-authenticate");
    assert!(status == 403 && challenge.contains("scope=\"reports:write\""), "{challenge}");
    let (status, challenge) = told(&send(&router, at("/pay", Some(&good))).await, "www-authenticate");
    assert!(status == 401 && challenge.contains("insufficient_user_authentication"), "{challenge}");
    assert!(
        challenge.contains("acr_values=\"gold\"") && challenge.contains("max_age=\"300\""),
        "{challenge}"
    );
    let (status, challenge) = told(&send(&router, at("/admin", Some(&good))).await, "www-authenticate");
    assert!(status == 401 && challenge.contains("invalid_token"), "{challenge}");
    assert_eq!(send(&router, at("/read", None)).await.status(), 401);
    let clauses = world.clauses();
    assert!(["access_scope", "access_authentication", "token_audience"].iter().all(|c| clauses.contains(c)));
}

#[tokio::test]
async fn a_demand_that_is_made_twice_is_checked_twice() {
    let world = World::new();
    let demands =
        |first: Requirement, second: Requirement| protect(world.gate()).require(first).require(second);
    let (read, admin) = (Requirement::new().scope("reports:read"), Requirement::new().scope("admin"));
    let router = |layer| Router::new().route("/", on_get(client)).layer(layer);
    let good = world.token();
    for (layer, status) in [
        (demands(read.clone(), read.clone()), 200),
        (demands(admin.clone(), read.clone()), 403),
        (demands(read, admin), 403),
    ] {
        assert_eq!(send(&router(layer), at("/", Some(&good))).await.status().as_u16(), status);
    }
}

#[tokio::test]
async fn optional_routes_accept_a_missing_token_and_refuse_an_invalid_one() {
    let world = World::new();
    let gate = world.gate();
    let router = Router::new()
        .route("/maybe", on_get(maybe))
        .route("/must", on_get(client))
        .route("/scoped", on_get(maybe).layer(require_scope("reports:read")))
        .layer(protect(gate.clone()).optional());
    let response = send(&router, at("/maybe", None)).await;
    assert_eq!((response.status().as_u16(), response.body().as_str()), (200, "nobody"));
    assert!(world.clauses().is_empty(), "no token, no verdict");
    assert_eq!(send(&router, at("/maybe", Some(&world.token()))).await.body(), "robot");
    for bad in [world.forged("x"), "opaque".to_owned()] {
        assert_eq!(send(&router, at("/maybe", Some(&bad))).await.status(), 401);
    }
    let (status, challenge) = told(&send(&router, at("/must", None)).await, "www-authenticate");
    assert!(status == 401 && !challenge.contains("error="), "{challenge}");
    let (status, challenge) = told(&send(&router, at("/scoped", None)).await, "www-authenticate");
    assert!(status == 401 && challenge.contains("scope=\"reports:read\""), "{challenge}");
    // An access that other code has put there does not count.
    let (parts, _) = bearer(&world.token()).into_parts();
    let access: Arc<Access> = gate.check(&oidc_proto::resource::RequestView::of(&parts)).await.unwrap();
    let mut smuggled = at("/maybe", None);
    smuggled.extensions_mut().insert(access);
    assert_eq!(send(&router, smuggled).await.body(), "nobody");
}

#[tokio::test]
async fn routes_without_a_gate_refuse_every_request() {
    let world = World::new();
    let router: Router = Router::new()
        .route("/must", on_get(client))
        .route("/maybe", on_get(maybe))
        .route("/scoped", on_get(async || "secret").layer(require_scope("reports:read")));
    for path in ["/must", "/maybe", "/scoped"] {
        let response = send(&router, at(path, Some(&world.token()))).await;
        assert_eq!(response.status(), 500, "{path}");
        assert!(!response.body().contains("secret") && told(&response, "www-authenticate").1.is_empty());
    }
}

#[derive(serde::Deserialize)]
struct Department {
    department: String,
}

#[tokio::test]
async fn custom_claims_are_typed_and_states_stay_unchanged() {
    let world = World::new();
    let handler = async |State(greeting): State<&'static str>, Claims(of): Claims<Department>| {
        format!("{greeting}, {}", of.department)
    };
    let router: Router =
        Router::new().route("/hello", on_get(handler)).layer(protect(world.gate())).with_state("Hello");
    let token = world.token_with(|_, claims| drop(claims.insert("department".into(), "sales".into())));
    assert_eq!(send(&router, at("/hello", Some(&token))).await.body(), "Hello, sales");
    let response = send(&router, at("/hello", Some(&world.token()))).await;
    assert_eq!(response.status(), 403, "a valid token without this claim");
    assert_eq!(world.clauses().last(), Some(&"access_privilege"));
}

/// A router strips the path that it is nested at. A proof is made for the whole path.
#[tokio::test]
async fn proofs_are_for_the_path_that_the_client_has_sent() {
    let world = World::new();
    let inner = Router::new().route("/reports", on_get(client)).layer(protect(world.gate()));
    let router = Router::new().nest("/v1", inner);
    let holder = Holder::new();
    let token = holder.token(&world);
    for (path, status) in [("/v1/reports", 200), ("/reports", 401)] {
        let proof = holder.proof(&format!("{RESOURCE}{path}"), &token, path, None, world.clock.now());
        let mut request = get(&[("authorization", &format!("DPoP {token}")), ("dpop", &proof)]);
        *request.uri_mut() = "/v1/reports".parse().unwrap();
        assert_eq!(send(&router, request).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn tokens_in_the_query_need_a_setting_and_never_reach_a_shared_cache() {
    let world = World::new();
    let path = format!("/reports?access_token={}", world.token());
    for (policy, status, cache) in
        [(CredentialPolicy::default(), 401, ""), (CredentialPolicy::default().with_query(), 200, "private")]
    {
        let gate = world.builder(World::server().credentials(policy)).build().unwrap();
        let router = Router::new().route("/reports", on_get(client)).layer(protect(gate));
        let response = send(&router, at(&path, None)).await;
        assert_eq!(told(&response, "cache-control"), (status, cache.to_owned()));
    }
}

#[tokio::test]
async fn a_response_with_no_store_keeps_it() {
    let world = World::new();
    for (said, told_then) in [("no-store", "no-store"), ("public, max-age=60", "private")] {
        let handler = move || async move { ([("cache-control", said)], "") };
        let builder = world.builder(World::server().credentials(CredentialPolicy::default().with_query()));
        let router = Router::new().route("/", on_get(handler)).layer(protect(builder.build().unwrap()));
        let uri = format!("/?access_token={}", world.token());
        let response = send(&router, at(&uri, None)).await;
        assert_eq!(told(&response, "cache-control"), (200, told_then.to_owned()), "{said}");
    }
}
