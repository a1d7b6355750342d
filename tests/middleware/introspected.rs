//! S3: opaque tokens get the same verdicts. The issuer's response is kept for a short time.

use super::*;

fn api(world: &World, tokens: usize) -> (Gate, oidc_tower::Protect<Api>) {
    let client = |metadata| Client::builder(metadata, "api").secret("its secret").build();
    let builder = world.builder(World::introspecting()).introspection(client);
    let gate = builder.remember_introspected(tokens, INTROSPECTION).build().unwrap();
    let layer = ProtectLayer::new(gate.clone()).require(Requirement::new().scope("reports:read"));
    (gate, layer.layer(Api::default()))
}

fn say(world: &World, token: &str, said: Value) {
    lock(&world.said).insert(token.to_owned(), said);
}

fn active(more: Value) -> Value {
    let mut said = json!({
        "active": true, "iss": "https://op.example", "aud": RESOURCE, "client_id": "robot",
        "scope": "reports:read", "exp": START.0 + 3_600, "token_type": "Bearer",
    });
    for (name, value) in more.as_object().unwrap() {
        said[name] = value.clone();
    }
    said
}

#[tokio::test]
async fn the_response_of_the_issuer_decides() {
    let world = World::new();
    let (_, api) = api(&world, 100);
    let holder = Holder::new();
    for (what, said, status, clause) in [
        ("active", active(json!({})), 200, "accepted"),
        ("inactive", json!({"active": false}), 401, "token_inactive"),
        ("expired", active(json!({"exp": START.0 - 31})), 401, "token_expired"),
        ("elsewhere", active(json!({"aud": "https://else.example"})), 401, "token_audience"),
        ("audienceless", active(json!({"aud": []})), 401, "token_audience"),
        ("unscoped", active(json!({"scope": "x"})), 403, "access_scope"),
        ("another-issuer", active(json!({"iss": "https://evil.example"})), 401, "token_issuer"),
        ("refresh", active(json!({"token_type": "refresh_token"})), 401, "token_typ"),
        ("bound", active(json!({"cnf": {"jkt": holder.thumbprint()}})), 401, "token_sender_constrained"),
        ("unreadably-bound", active(json!({"cnf": {"jkt": 5}})), 401, "token_cnf_method"),
        // A member that limits a token counts in whatever type it comes.
        ("issuers", active(json!({"iss": ["https://evil.example"]})), 401, "token_claims_json"),
        ("types", active(json!({"token_type": ["DPoP"]})), 401, "token_claims_json"),
        ("refresh-types", active(json!({"token_type": ["refresh_token"]})), 401, "token_claims_json"),
        ("uses", active(json!({"token_use": ["refresh_token"]})), 401, "token_claims_json"),
        ("dated", active(json!({"exp": "soon"})), 401, "token_claims_json"),
        ("numbered", active(json!({"sub": 7})), 401, "token_claims_json"),
        ("granted", active(json!({"scope": {"reports:read": true}})), 401, "token_claims_json"),
        ("bound-to-text", active(json!({"cnf": "key"})), 401, "token_claims_json"),
        // But what only some routes need does not.
        ("authenticated", active(json!({"auth_time": "now"})), 200, "accepted"),
        ("a-name-of-two-lines", active(json!({"sub": "alice\nbob"})), 401, "token_claim_value"),
        ("an-id-token", active(json!({"token_use": "id"})), 401, "token_typ"),
        // Scopes are read like those of a JWT.
        ("listed", active(json!({"scope": ["x", "reports:read"]})), 200, "accepted"),
        ("scp", active(json!({"scope": null, "scp": ["reports:read"]})), 200, "accepted"),
    ] {
        say(&world, what, said);
        // The second verdict comes from memory, and is the same.
        for _ in 0..2 {
            let response = call(&api, bearer(what)).await;
            assert_eq!(
                (response.status().as_u16(), world.clauses().last().copied()),
                (status, Some(clause)),
                "{what}"
            );
        }
    }
    assert_eq!(world.count("/introspect"), 23, "one request for each token");
    let proof = holder.proof(&format!("{RESOURCE}/reports"), "bound", "1", None, world.clock.now());
    let proven = get(&[("authorization", "DPoP bound"), ("dpop", &proof)]);
    assert_eq!(call(&api, proven.clone()).await.status(), 200);
    assert_eq!(call(&api, proven).await.status(), 401, "replayed");
    // JWTs of the same issuer are verified as before.
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
}

#[tokio::test]
async fn a_result_is_kept_for_half_a_minute_and_an_inactive_one_for_five_seconds() {
    let world = World::new();
    let (_, api) = api(&world, 100);
    let status = async |second| {
        world.clock.set(START.plus(second));
        call(&api, bearer("opaque")).await.status().as_u16()
    };
    say(&world, "opaque", active(json!({})));
    assert_eq!(status(0).await, 200);
    say(&world, "opaque", json!({"active": false}));
    assert_eq!((status(29).await, world.count("/introspect")), (200, 1), "the documented delay");
    assert_eq!((status(30).await, world.count("/introspect")), (401, 2), "and no more");
    say(&world, "opaque", active(json!({"exp": START.0 + 50})));
    assert_eq!((status(34).await, world.count("/introspect")), (401, 2));
    assert_eq!((status(35).await, world.count("/introspect")), (200, 3));
    assert_eq!((status(49).await, world.count("/introspect")), (200, 3));
    assert_eq!(
        (status(50).await, world.count("/introspect")),
        (200, 4),
        "at its end, the token is introspected again"
    );
    assert_eq!(
        (status(81).await, world.clauses().last().copied()),
        (401, Some("token_expired")),
        "after the leeway"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_with_one_token_cause_one_introspection() {
    let world = World::new();
    let (_, api) = api(&world, 100);
    say(&world, "opaque", active(json!({})));
    world.set(Net::Silent);
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let api = api.clone();
            tokio::spawn(async move { call(&api, bearer("opaque")).await.status().as_u16() })
        })
        .collect();
    until(|| lock(&world.sent).len() == 1).await;
    world.set(Net::Up);
    for one in calls {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert_eq!(world.count("/introspect"), 1);
}

#[tokio::test]
async fn e22_a_silent_issuer_is_a_503_and_known_tokens_still_pass() {
    let world = World::new();
    let (gate, api) = api(&world, 100);
    say(&world, "known", active(json!({})));
    say(&world, "new", active(json!({})));
    assert_eq!(call(&api, bearer("known")).await.status(), 200);
    // A 401 of the endpoint is about our own credentials, and never about the token.
    let refused = r#"{"error":"invalid_client"}"#;
    for failure in [Net::Down, Net::Broken(401, refused), Net::Broken(500, ""), Net::Broken(200, "{}")] {
        world.set(failure.clone());
        let (status, seconds) = told(&call(&api, bearer("new")).await, "retry-after");
        assert!(status == 503 && !seconds.is_empty(), "{failure:?}");
        assert_eq!(call(&api, bearer("known")).await.status(), 200);
        world.clock.advance(3);
    }
    world.clock.advance(10);
    world.set(Net::Silent);
    lock(&world.slept).clear();
    let (slow, waiting) = (api.clone(), gate.clone());
    let hanging = tokio::spawn(async move { call(&slow, bearer("new")).await });
    until(|| !lock(&world.slept).is_empty()).await;
    assert_eq!(call(&api, bearer("known")).await.status(), 200, "no task holds a lock");
    world.clock.advance(3);
    waiting.wake();
    assert_eq!(hanging.await.unwrap().status(), 503);
    world.set(Net::Up);
    world.clock.advance(15);
    assert_eq!(call(&api, bearer("new")).await.status(), 200);
}

#[tokio::test]
async fn memory_is_bounded_and_the_token_in_use_stays() {
    let world = World::new();
    let (_, api) = api(&world, 4);
    say(&world, "mine", active(json!({})));
    for stranger in 0..100 {
        assert_eq!(call(&api, bearer("mine")).await.status(), 200);
        assert_eq!(call(&api, bearer(&format!("stranger-{stranger}"))).await.status(), 401);
    }
    assert_eq!(world.count("/introspect"), 101);
}

/// Anyone can invent tokens. They cause no more concurrent requests than documented, and push out no known
/// token.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_invented_tokens_is_introspected_within_limits_and_harms_no_known_token() {
    let world = World::new();
    let (gate, api) = api(&world, 1_000);
    say(&world, "mine", active(json!({})));
    assert_eq!(call(&api, bearer("mine")).await.status(), 200);
    let before = lock(&world.sent).len();
    world.set(Net::Silent);
    let strangers: Vec<_> = (0..500)
        .map(|stranger| {
            let api = api.clone();
            tokio::spawn(async move { call(&api, bearer(&format!("stranger-{stranger}"))).await })
        })
        .collect();
    // Each of these tokens gets an answer or is introspected.
    let asked = || lock(&world.sent).len() - before;
    until(|| strangers.iter().filter(|one| one.is_finished()).count() + asked() >= 500).await;
    assert_eq!(asked(), MAX_INTROSPECTIONS);
    assert_eq!(call(&api, bearer("mine")).await.status(), 200);
    world.clock.advance(3);
    gate.wake();
    for one in strangers {
        assert_eq!(one.await.unwrap().status(), 503);
    }
    // The issuer is back. As the unknown tokens are answered, there is room again.
    world.set(Net::Up);
    say(&world, "new", active(json!({})));
    world.clock.advance(15);
    let mut status = 503;
    for _ in 0..10_000 {
        status = call(&api, bearer("new")).await.status().as_u16();
        if status != 503 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(status, 200);
}

/// Sends these tokens while the issuer hangs. Returns the number of concurrent introspections.
async fn while_they_hang(
    world: &World,
    gate: &Gate,
    api: &oidc_tower::Protect<Api>,
    tokens: Vec<String>,
) -> usize {
    let (before, all) = (lock(&world.sent).len(), tokens.len());
    world.set(Net::Silent);
    let calls: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            let api = api.clone();
            tokio::spawn(async move { call(&api, bearer(&token)).await })
        })
        .collect();
    let asked = || lock(&world.sent).len() - before;
    until(|| calls.iter().filter(|one| one.is_finished()).count() + asked() >= all).await;
    let at_once = asked();
    world.clock.advance(3);
    gate.wake();
    for one in calls {
        assert_eq!(one.await.unwrap().status(), 503);
    }
    at_once
}

fn strangers(count: usize) -> Vec<String> {
    (0..count).map(|stranger| format!("stranger-{stranger}")).collect()
}

/// An earlier response gives a token no right to exceed the limit unless it said that the token is active.
/// A missing response gives none either.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invented_tokens_are_introspected_within_limits_the_second_time_too() {
    for first in [Net::Up, Net::Down, Net::Broken(500, ""), Net::Broken(200, "{}")] {
        let world = World::new();
        let (gate, api) = api(&world, 1_024);
        gate.warm_up().await.unwrap();
        world.set(first.clone());
        let status = if first == Net::Up { 401 } else { 503 };
        for stranger in strangers(1_000) {
            assert_eq!(call(&api, bearer(&stranger)).await.status(), status);
        }
        world.clock.advance(6);
        let at_once = while_they_hang(&world, &gate, &api, strangers(1_000)).await;
        assert_eq!(at_once, MAX_INTROSPECTIONS, "after {first:?}");
    }
}

/// A user may have any number of tokens. Once their results are too old, they are introspected again within
/// limits of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn formerly_active_tokens_have_introspection_limits_of_their_own() {
    let world = World::new();
    let (gate, api) = api(&world, 1_024);
    let mine: Vec<_> = (0..1_000).map(|count| format!("mine-{count}")).collect();
    for token in &mine {
        say(&world, token, active(json!({})));
        assert_eq!(call(&api, bearer(token)).await.status(), 200);
    }
    world.clock.advance(31);
    let both = mine.iter().cloned().chain(strangers(1_000)).collect();
    assert_eq!(while_they_hang(&world, &gate, &api, both).await, 2 * MAX_INTROSPECTIONS);
}

/// As many hanging unknown tokens as allowed do not keep a formerly active token out when it must be
/// introspected again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_known_token_is_introspected_again_while_unknown_ones_hang() {
    let world = World::new();
    let (_, api) = api(&world, 1_024);
    say(&world, "mine", active(json!({})));
    assert_eq!(call(&api, bearer("mine")).await.status(), 200);
    // It does not become unknown because its issuer did not respond.
    world.clock.advance(31);
    world.set(Net::Down);
    assert_eq!(call(&api, bearer("mine")).await.status(), 503);
    world.clock.advance(10);
    world.set(Net::Silent);
    let before = lock(&world.sent).len();
    let asked = || lock(&world.sent).len() - before;
    let all = strangers(MAX_INTROSPECTIONS).into_iter().chain(["mine".to_owned()]);
    let mut calls = Vec::new();
    for (count, token) in all.enumerate() {
        let api = api.clone();
        calls.push(tokio::spawn(async move { call(&api, bearer(&token)).await.status() }));
        until(|| asked() == count + 1).await;
    }
    world.set(Net::Up);
    assert_eq!(calls.pop().unwrap().await.unwrap(), 200);
    for one in calls {
        assert_eq!(one.await.unwrap(), 401);
    }
}

/// A token that is known to be inactive counts as unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revoked_token_counts_as_unknown() {
    let world = World::new();
    let (gate, api) = api(&world, 1_024);
    let mine: Vec<_> = (0..200).map(|count| format!("mine-{count}")).collect();
    for said in [active(json!({})), json!({"active": false})] {
        world.clock.advance(31);
        for token in &mine {
            say(&world, token, said.clone());
            call(&api, bearer(token)).await;
        }
    }
    world.clock.advance(6);
    let all = mine.into_iter().chain(strangers(200)).collect();
    assert_eq!(while_they_hang(&world, &gate, &api, all).await, MAX_INTROSPECTIONS);
}

/// However many unknown tokens come, and however little room there is, the result for an active token is
/// kept for its whole time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invented_tokens_push_out_no_known_one() {
    for room in [1, 1_024] {
        let world = World::new();
        let (_, api) = api(&world, room);
        say(&world, "mine", active(json!({})));
        assert_eq!(call(&api, bearer("mine")).await.status(), 200);
        for stranger in strangers(1_024) {
            assert_eq!(call(&api, bearer(&stranger)).await.status(), 401);
        }
        world.set(Net::Down);
        assert_eq!(call(&api, bearer("mine")).await.status(), 200, "with room for {room}");
    }
}

/// A token that lost its place during its introspection is not introspected a second time.
#[tokio::test]
async fn a_token_is_introspected_once_even_if_its_place_is_taken() {
    let world = World::new();
    let (_, api) = api(&world, 1);
    call(&api, bearer("first")).await;
    let before = lock(&world.sent).len();
    world.set(Net::Silent);
    let mut calls = Vec::new();
    for round in 0..5 {
        for token in strangers(20) {
            let api = api.clone();
            calls.push(tokio::spawn(async move { call(&api, bearer(&token)).await.status() }));
        }
        // On this single thread, all requests go as far as they can.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(lock(&world.sent).len() - before, 20, "round {round}");
    }
    world.set(Net::Up);
    for one in calls {
        assert_eq!(one.await.unwrap(), 401);
    }
    assert_eq!(lock(&world.sent).len() - before, 20);
}

/// No policy extends a result beyond what the issuer has said.
#[tokio::test]
async fn a_token_outlives_its_revocation_by_the_maximum_and_no_more() {
    let world = World::new();
    let client = |metadata| Client::builder(metadata, "api").secret("its secret").build();
    let mut policy = RenewalPolicy::KEYS;
    policy.max_ttl = Duration::from_secs(20);
    let builder = world.builder(World::introspecting()).introspection(client);
    let gate = builder.remember_introspected(10, policy).build().unwrap();
    let api = ProtectLayer::new(gate).layer(Api::default());
    say(&world, "opaque", active(json!({})));
    assert_eq!(call(&api, bearer("opaque")).await.status(), 200);
    say(&world, "opaque", json!({"active": false}));
    let mut statuses = Vec::new();
    for (second, net) in [(20, Net::Up), (25, Net::Down), (60, Net::Down), (1_800, Net::Down)] {
        world.set(net);
        world.clock.set(START.plus(second));
        statuses.push(call(&api, bearer("opaque")).await.status().as_u16());
    }
    assert_eq!(statuses, [401, 503, 503, 503]);
}

/// RFC 7519 section 4.1.3: an audience that is present and empty does not name this resource.
#[tokio::test]
async fn an_empty_audience_is_not_a_missing_one() {
    let world = World::new();
    let client = |metadata| Client::builder(metadata, "api").secret("its secret").build();
    let issuer =
        TrustedIssuer::new("https://op.example").introspects_opaque_tokens().introspects_without_audience();
    let builder = world.builder(ResourceServer::builder(RESOURCE).trust(issuer)).introspection(client);
    let api = ProtectLayer::new(builder.build().unwrap()).layer(Api::default());
    for (token, aud, status) in [("untold", Value::Null, 200), ("nobody", json!([]), 401)] {
        say(&world, token, active(json!({ "aud": aud })));
        assert_eq!(call(&api, bearer(token)).await.status().as_u16(), status, "{token}");
    }
}

/// Keycloak's lightweight access tokens are JWTs without `aud` and `sub`. The gate asks the issuer about each, and
/// remembers what it said. Without the setting, it verifies them itself.
#[tokio::test]
async fn jwts_of_an_issuer_are_introspected_where_the_settings_say_so() {
    let world = World::new();
    let client = |metadata| Client::builder(metadata, "api").secret("its secret").build();
    let lightweight = world.token_with(|header, claims| {
        header.insert("typ".to_owned(), json!("JWT"));
        claims.retain(|name, _| ["iss", "exp", "iat", "jti"].contains(&name.as_str()));
        claims.extend([("typ".to_owned(), json!("Bearer")), ("azp".to_owned(), json!("web"))]);
    });
    let revoked = world.token();
    say(&world, &lightweight, active(json!({"sub": "alice", "client_id": "web", "typ": "Bearer"})));
    let plain = TrustedIssuer::keycloak("https://op.example");
    for (issuer, statuses, asked) in [
        (plain.clone().introspects_jwts(), [200, 200, 401, 401], 2),
        (plain.introspects_opaque_tokens(), [401, 401, 200, 200], 0),
    ] {
        let server = ResourceServer::builder(RESOURCE).trust(issuer);
        let gate = world.builder(server).introspection(client).build().unwrap();
        let api =
            ProtectLayer::new(gate).require(Requirement::new().scope("reports:read")).layer(Api::default());
        let before = world.count("/introspect");
        let mut seen = Vec::new();
        for token in [&lightweight, &lightweight, &revoked, &revoked] {
            seen.push(call(&api, bearer(token)).await.status().as_u16());
        }
        assert_eq!(seen, statuses);
        assert_eq!(world.count("/introspect") - before, asked, "one request for each token");
    }
    let server =
        ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new("https://op.example").introspects_jwts());
    assert!(world.builder(server).build().is_err(), "the gate needs a client to ask");
}

/// A user with hundreds of groups has a long token, and a long response about it.
#[tokio::test]
async fn long_tokens_and_long_responses_are_introspected_by_the_limits_of_the_gate() {
    let world = World::new();
    let client = |metadata| Client::builder(metadata, "api").secret("its secret").build();
    let token = "t".repeat(20_000);
    let groups: Vec<_> = (0..3_000).map(|n| format!("group-{n:05}-of-some-large-company")).collect();
    let (few, many) = (json!({}), json!({"groups": groups}));
    for (longest, largest, more, status) in [
        (None, None, &few, 400),
        (Some(20_000), None, &few, 200),
        (Some(20_000), None, &many, 503),
        (Some(20_000), Some(60_000), &many, 503),
        (Some(20_000), Some(1 << 20), &many, 200),
    ] {
        say(&world, &token, active(more.clone()));
        let policy = CredentialPolicy::default();
        let policy = longest.map_or(policy, |bytes| policy.with_max_token(bytes));
        let builder = world.builder(World::introspecting().credentials(policy)).introspection(client);
        let gate = match largest {
            Some(bytes) => builder.max_document(bytes).build().unwrap(),
            None => builder.build().unwrap(),
        };
        let layer = ProtectLayer::new(gate).require(Requirement::new().scope("reports:read"));
        let answer = call(&layer.layer(Api::default()), bearer(&token)).await;
        assert_eq!(answer.status(), status, "{longest:?} {largest:?}");
    }
}
