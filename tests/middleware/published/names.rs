//! What the challenges of an API that publishes its metadata name: scopes, and the place of the metadata.

use super::*;

/// Item 25 of the checklist, and M3 (another server sent 403 without `error`, so no client asked for more): each refusal has
/// its error, all scopes of the operation at once, and `resource_metadata`.
#[tokio::test]
async fn a_refusal_names_the_scopes_of_all_layers_at_once() {
    let world = world();
    let scope = |name: &str| Requirement::new().scope(name);
    let stack = |server| {
        let inner = require_scope("orders:write").layer(require_scope("pay").layer(Api::default()));
        site(ProtectLayer::new(gate(&world, server)).require(scope("a")).require(scope("b")).layer(inner))
    };
    let token = |scope: &'static str| {
        let token = world.token_with(move |_, claims| drop(claims.insert("scope".into(), scope.into())));
        with_token(&token)
    };
    let expired = world.token_with(|_, claims| drop(claims.insert("exp".into(), (START.0 - 100).into())));
    let (api, silent) = (stack(published()), stack(unpublished()));
    for (request, status, error, named, without) in [
        (ask("POST", "/mcp", &[]), 401, None, "a b", Some("a b")),
        (with_token(&expired), 401, Some("invalid_token"), "a b", None),
        (with_token("a b"), 400, Some("invalid_request"), "a b", None),
        (token("none"), 403, Some("insufficient_scope"), "a b", Some("a")),
        (token("a"), 403, Some("insufficient_scope"), "b a", Some("b")),
        (token("a b"), 403, Some("insufficient_scope"), "orders:write a b", Some("orders:write")),
        (token("a b orders:write"), 403, Some("insufficient_scope"), "pay a b orders:write", Some("pay")),
        (token("a b orders:write pay"), 200, None, "", None),
    ] {
        let response = api(request.clone()).await;
        assert_eq!(response.status(), status, "{named}");
        if status != 200 {
            let line = line(&response);
            assert_eq!(parameter(&line, "error").as_deref(), error, "{line}");
            assert_eq!(parameter(&line, "scope").as_deref(), Some(named), "{line}");
            assert_eq!(parameter(&line, "resource_metadata").as_deref(), Some(PLACE), "{line}");
        }
        // An API that publishes nothing answers as it always has.
        let response = silent(request).await;
        assert_eq!(response.status(), status);
        if status != 200 {
            assert_eq!(parameter(&line(&response), "scope").as_deref(), without);
        }
    }
}

/// Item 25: a server accounts for scopes that contain others. A route names them all, and tells clients of the least.
#[tokio::test]
async fn a_wider_scope_opens_what_a_narrower_one_does_and_only_the_narrow_one_is_asked_for() {
    let world = world();
    let read = || Requirement::new().any_scope(["files:read", "files:write", "files"]);
    let api = ProtectLayer::new(gate(&world, published().mcp())).require(read()).layer(Api::default());
    let token = |scope: &'static str| {
        world.token_with(move |_, claims| drop(claims.insert("scope".into(), scope.into())))
    };
    for (scope, status) in
        [("files:read", 200), ("files:write", 200), ("x files", 200), ("file", 403), ("files:readx", 403)]
    {
        let response = call(&api, with_token(&token(scope))).await;
        assert_eq!(response.status(), status, "{scope}");
        if status == 403 {
            assert_eq!(parameter(&line(&response), "scope").as_deref(), Some("files:read"));
        }
    }
}

/// Item 26: `offline_access` is for the authorization server, so neither the document nor a challenge names it.
#[tokio::test]
async fn an_mcp_server_names_offline_access_nowhere() {
    let world = world();
    let scopes = ["offline_access", "reports:read"];
    for (server, named) in [(unpublished().mcp(), false), (unpublished(), true)] {
        let server = server.publish(|about| about.scopes_supported(scopes));
        let layer = ProtectLayer::new(gate(&world, server));
        let demands = Requirement::new().scope("admin").scope("offline_access");
        let api = layer.clone().layer(RequireLayer::new(demands).layer(Api::default()));
        let about = call(&api, ask("GET", AT, &[])).await;
        assert_eq!(about.body().contains("offline_access"), named);
        for request in [ask("POST", "/mcp", &[]), with_token(&world.token()), with_token("opaque")] {
            let line = line(&call(&api, request).await);
            assert_eq!(line.contains("offline_access"), named, "{line}");
            assert!(line.contains("scope=\""), "{line}");
        }
    }
}

/// M45: others threw at a token that they could not read, and answered 500. Item 27: invalid or expired is 401, malformed
/// 400, and every such response leads on.
#[tokio::test]
async fn every_bad_token_is_answered_with_a_challenge_that_leads_on() {
    let world = world();
    let inner = Api::default();
    let api = ProtectLayer::new(gate(&world, published().mcp())).layer(inner.clone());
    let good = world.token();
    let with = |name: &'static str, value: Value| {
        world.token_with(move |_, claims| drop(claims.insert(name.into(), value.clone())))
    };
    let typed =
        |typ: &'static str| world.token_with(move |header, _| drop(header.insert("typ".into(), typ.into())));
    let none = {
        let payload = good.split('.').nth(1).unwrap();
        format!("{}.{payload}.", base64url::encode(br#"{"alg":"none","typ":"at+jwt"}"#))
    };
    for (token, status) in [
        ("opaque".to_owned(), 401),
        ("a.b.c".to_owned(), 401),
        ("..".to_owned(), 401),
        ("eyJ.eyJ.".to_owned(), 401),
        (good[..good.len() - 6].to_owned(), 401),
        (format!("{good}.{good}"), 401),
        (none, 401),
        (with("exp", json!("soon")), 401),
        (with("exp", json!(START.0 - 1_000)), 401),
        (with("exp", json!(1e300)), 401),
        (with("iss", json!("https://evil.example")), 401),
        (with("iss", json!({"a": 1})), 401),
        (with("act", json!("x")), 401),
        (world.forged("another key"), 401),
        (typed("JWT"), 401),
        (typed("dpop+jwt"), 401),
        ("a b".to_owned(), 400),
        ("=".to_owned(), 400),
        ("a".repeat(100_000), 400),
    ] {
        let response = call(&api, with_token(&token)).await;
        let shown = &token[..token.len().min(40)];
        assert_eq!(response.status(), status, "{shown}");
        let line = line(&response);
        let error = if status == 401 { "invalid_token" } else { "invalid_request" };
        assert_eq!(parameter(&line, "error").as_deref(), Some(error), "{shown}");
        assert_eq!(parameter(&line, "resource_metadata").as_deref(), Some(PLACE), "{shown}");
        assert_eq!(parameter(&line, "scope").as_deref(), Some("reports:read reports:write"), "{shown}");
        assert_eq!(response.body(), &format!("{{\"error\":\"{error}\"}}"), "and JSON");
    }
    assert_eq!(inner.0.load(SeqCst), 0);
    assert_eq!(call(&api, with_token(&good)).await.status(), 200, "control");
}

/// M43 (the middleware of another SDK did not look at `aud`), and item 27: a token for another server opens nothing here,
/// however much it is like one of ours.
#[tokio::test]
async fn a_token_for_another_audience_opens_no_mcp_server() {
    let world = world();
    let api = ProtectLayer::new(gate(&world, published().mcp())).layer(Api::default());
    let of = |aud: Value| {
        world.token_with(move |_, claims| match &aud {
            Value::Null => drop(claims.remove("aud")),
            aud => drop(claims.insert("aud".into(), aud.clone())),
        })
    };
    for (aud, status) in [
        (json!(MCP), 200),
        (json!(["https://else.example", MCP]), 200),
        (json!("https://else.example/mcp"), 401),
        (json!("https://api.example"), 401),
        (json!("https://api.example/mcp/"), 401),
        (json!("HTTPS://API.EXAMPLE/mcp"), 401),
        (json!("https://op.example"), 401),
        (json!("robot"), 401),
        (json!([]), 401),
        (json!(""), 401),
        (Value::Null, 401),
    ] {
        let response = call(&api, with_token(&of(aud.clone()))).await;
        assert_eq!(response.status(), status, "{aud}");
        if status == 401 {
            assert_eq!(parameter(&line(&response), "error").as_deref(), Some("invalid_token"), "{aud}");
        }
    }
}

/// A client that reads one line of `WWW-Authenticate`, as that of rmcp does, knows all of it.
#[tokio::test]
async fn all_challenges_are_in_one_line_and_the_one_that_counts_is_first() {
    let world = world();
    let server = published().accept_dpop(DpopVerifier::new()).mcp();
    let api = ProtectLayer::new(gate(&world, server)).layer(Api::default());
    let proven = ask("POST", "/mcp", &[("authorization", "DPoP x.y.z"), ("dpop", "no proof")]);
    for (request, first) in
        [(ask("POST", "/mcp", &[]), "Bearer "), (with_token("x.y.z"), "Bearer "), (proven, "DPoP ")]
    {
        let line = line(&call(&api, request).await);
        assert!(line.starts_with(first) && line.contains(", DPoP ") | line.contains(", Bearer "), "{line}");
        assert!(line.contains("algs=\""), "{line}");
        assert_eq!(line.matches("resource_metadata=\"").count(), 2, "each scheme leads there: {line}");
        if line.contains("error=") {
            assert!(line.find("error=") < line.find("resource_metadata="), "of the first challenge: {line}");
        }
    }
    // Otherwise, each has a line of its own, as ever.
    let server = unpublished().accept_dpop(DpopVerifier::new());
    let api = ProtectLayer::new(gate(&world, server)).layer(Api::default());
    assert!(told(&call(&api, ask("POST", "/mcp", &[])).await, "www-authenticate").1.contains(" & DPoP "));
}
