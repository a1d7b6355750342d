//! S3: opaque tokens, behind the same verdicts; what their issuer says is kept for a short time.

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
async fn what_the_issuer_says_decides() {
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
        // What limits a token limits it in whatever type it is said.
        ("issuers", active(json!({"iss": ["https://evil.example"]})), 401, "token_claims_json"),
        ("types", active(json!({"token_type": ["DPoP"]})), 401, "token_claims_json"),
        ("refresh-types", active(json!({"token_type": ["refresh_token"]})), 401, "token_claims_json"),
        ("uses", active(json!({"token_use": ["refresh_token"]})), 401, "token_claims_json"),
        ("dated", active(json!({"exp": "soon"})), 401, "token_claims_json"),
        ("numbered", active(json!({"sub": 7})), 401, "token_claims_json"),
        ("granted", active(json!({"scope": {"reports:read": true}})), 401, "token_claims_json"),
        ("bound-to-text", active(json!({"cnf": "key"})), 401, "token_claims_json"),
        ("authenticated", active(json!({"auth_time": "now"})), 401, "token_claims_json"),
        ("a-name-of-two-lines", active(json!({"sub": "alice\nbob"})), 401, "token_claim_value"),
        ("an-id-token", active(json!({"token_use": "id"})), 401, "token_typ"),
        // Scopes are read as those of a JWT are.
        ("listed", active(json!({"scope": ["x", "reports:read"]})), 200, "accepted"),
        ("scp", active(json!({"scope": null, "scp": ["reports:read"]})), 200, "accepted"),
    ] {
        say(&world, what, said);
        // The second answer comes from memory, and is the same.
        for _ in 0..2 {
            let response = call(&api, bearer(what)).await;
            assert_eq!(
                (response.status().as_u16(), world.clauses().last().copied()),
                (status, Some(clause)),
                "{what}"
            );
        }
    }
    assert_eq!(world.count("/introspect"), 23, "each was asked about once");
    let proof = holder.proof(&format!("{RESOURCE}/reports"), "bound", "1", None, world.clock.now());
    let proven = get(&[("authorization", "DPoP bound"), ("dpop", &proof)]);
    assert_eq!(call(&api, proven.clone()).await.status(), 200);
    assert_eq!(call(&api, proven).await.status(), 401, "replayed");
    // JWTs of the same issuer are verified as ever.
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
}

#[tokio::test]
async fn an_answer_is_kept_for_half_a_minute_and_that_a_token_is_dead_for_five_seconds() {
    let world = World::new();
    let (_, api) = api(&world, 100);
    let status = async |second| {
        world.clock.set(START.plus(second));
        call(&api, bearer("opaque")).await.status().as_u16()
    };
    say(&world, "opaque", active(json!({})));
    assert_eq!(status(0).await, 200);
    say(&world, "opaque", json!({"active": false}));
    assert_eq!((status(29).await, world.count("/introspect")), (200, 1), "the stated price");
    assert_eq!((status(30).await, world.count("/introspect")), (401, 2), "and no more");
    say(&world, "opaque", active(json!({"exp": START.0 + 50})));
    assert_eq!((status(34).await, world.count("/introspect")), (401, 2));
    assert_eq!((status(35).await, world.count("/introspect")), (200, 3));
    assert_eq!((status(49).await, world.count("/introspect")), (200, 3));
    assert_eq!(
        (status(50).await, world.count("/introspect")),
        (200, 4),
        "at its end it is asked about again"
    );
    assert_eq!(
        (status(81).await, world.clauses().last().copied()),
        (401, Some("token_expired")),
        "after the leeway"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_with_one_token_ask_once() {
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
async fn e22_an_issuer_that_does_not_answer_is_503_and_what_is_known_goes_on() {
    let world = World::new();
    let (gate, api) = api(&world, 100);
    say(&world, "known", active(json!({})));
    say(&world, "new", active(json!({})));
    assert_eq!(call(&api, bearer("known")).await.status(), 200);
    // 401 of the endpoint is about us, and never becomes one about the token.
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
    assert_eq!(call(&api, bearer("known")).await.status(), 200, "nobody holds a lock");
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

/// Anybody can make up tokens: they cost no more requests at a time than stated, and nothing of those that
/// are known.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_made_up_tokens_is_asked_about_in_bounds_and_harms_nobody_known() {
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
    // Each of them is answered, or asked about.
    let asked = || lock(&world.sent).len() - before;
    until(|| strangers.iter().filter(|one| one.is_finished()).count() + asked() >= 500).await;
    assert_eq!(asked(), MAX_INTROSPECTIONS);
    assert_eq!(call(&api, bearer("mine")).await.status(), 200);
    world.clock.advance(3);
    gate.wake();
    for one in strangers {
        assert_eq!(one.await.unwrap().status(), 503);
    }
    // The issuer is back: as the strangers are answered, there is room again.
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

/// Sends these tokens while nobody answers; returns how many are asked about at once.
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

/// What was said of a token before gives no right to be asked about beyond the bound, if it was not that the
/// token is active; and an answer that did not come gives none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn made_up_tokens_are_asked_about_in_bounds_the_second_time_too() {
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

/// A user may have as many tokens as they like. Once what was said of them is too old, they are asked about in
/// bounds of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tokens_that_were_active_are_asked_about_again_in_bounds_that_strangers_do_not_use_up() {
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

/// As many strangers as may hang do not keep a token out that was active, when it is time to ask about it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_known_token_is_asked_about_again_while_strangers_hang() {
    let world = World::new();
    let (_, api) = api(&world, 1_024);
    say(&world, "mine", active(json!({})));
    assert_eq!(call(&api, bearer("mine")).await.status(), 200);
    // Nor does it become a stranger because its issuer did not answer.
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

/// Once it is said that a token is dead, it is a stranger's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_that_was_revoked_is_one_of_the_strangers() {
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

/// However many strangers come one after the other, and however little room there is: what was said of a token
/// that is active is remembered for as long as it is good.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn made_up_tokens_take_no_room_of_a_known_one() {
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

/// A token whose place was taken while it was asked about is not asked about a second time.
#[tokio::test]
async fn who_is_asked_about_is_so_once_though_its_place_is_taken() {
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
        // On this one thread, all of them come as far as they can.
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

/// Whatever policy is set: what the issuer has not said is not taken for said.
#[tokio::test]
async fn a_token_outlives_its_revocation_by_the_ceiling_and_no_more() {
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

/// RFC 7519 section 4.1.3: an audience that is there, and names nobody, does not name this resource.
#[tokio::test]
async fn an_audience_that_names_nobody_is_not_one_that_is_not_told() {
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
