//! Keys that rotate under load, and floods of unknown key ids.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r4_a_rotation_under_load_refuses_no_valid_token_and_costs_one_fetch() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    let mut tokens = vec![world.token()];
    assert_eq!(call(&api, bearer(&tokens[0])).await.status(), 200);
    for round in 1..=4 {
        world.clock.advance(31);
        world.provider(TestProvider::rotate_keys_keeping_old);
        tokens.push(world.token());
        let before = world.count("/jwks");
        // Half of the requests use known keys, and half use the new one.
        let calls: Vec<_> = (0..400)
            .map(|index| {
                let token = if index % 2 == 0 { &tokens[round] } else { &tokens[index % tokens.len()] };
                let (api, request) = (api.clone(), bearer(token));
                tokio::spawn(async move { call(&api, request).await.status().as_u16() })
            })
            .collect();
        for one in calls {
            assert_eq!(one.await.unwrap(), 200);
        }
        assert_eq!(world.count("/jwks") - before, 1, "round {round}");
    }
    assert_eq!(world.clauses().iter().filter(|clause| **clause != "accepted").count(), 0);
}

#[tokio::test]
async fn r6_a_withdrawn_key_is_refused_as_soon_as_the_keys_are_renewed() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    let old = world.token();
    assert_eq!(call(&api, bearer(&old)).await.status(), 200);
    world.provider(TestProvider::rotate_keys);
    let new = world.token();
    assert_eq!(call(&api, bearer(&new)).await.status(), 200, "this request renews the keys");
    assert_eq!(call(&api, bearer(&old)).await.status(), 401);
}

/// R3 in numbers: many requests of an attacker cause few fetches.
#[tokio::test]
async fn r3_a_flood_of_forged_key_ids_costs_few_fetches_and_harms_no_valid_token() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    let good = world.token();
    let template = world.forged("k");
    let minutes = 20;
    let mut flood = 0;
    for second in 0..minutes * 60 {
        world.clock.set(START.plus(second));
        for salt in 0..5 {
            // Each token has another key id, and a signature that is not checked before its key is found.
            let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": format!("{second}-{salt}") });
            let rest = template.split_once('.').unwrap().1;
            let forged = format!("{}.{rest}", base64url::encode(header.to_string().as_bytes()));
            assert_eq!(call(&api, bearer(&forged)).await.status(), 401);
            flood += 1;
        }
        assert_eq!(call(&api, bearer(&good)).await.status(), 200);
    }
    let RenewalPolicy { burst, cooldown, .. } = RenewalPolicy::KEYS;
    let most = 1 + i64::from(burst) + minutes * 60 / cooldown.as_secs().cast_signed();
    let fetches = i64::try_from(world.count("/jwks")).unwrap();
    assert!(fetches <= most, "{flood} forged tokens caused {fetches} fetches, more than {most}");
    // The provider's metadata is fresh for five minutes. It is renewed up to half of that time ahead.
    assert!(world.count("openid-configuration") <= usize::try_from(minutes).unwrap() * 60 / 150);
}

/// Time alone also renews keys, in the background: the request that notices it does not wait.
#[tokio::test]
async fn r2_keys_are_renewed_before_their_end_while_requests_go_on() {
    let world = World::new();
    let gate = world.gate();
    let api = ProtectLayer::new(gate.clone()).layer(Api::default());
    let good = world.token();
    assert_eq!(call(&api, bearer(&good)).await.status(), 200);
    world.clock.advance(275);
    world.set(Net::Silent);
    lock(&world.slept).clear();
    for _ in 0..10 {
        assert_eq!(call(&api, bearer(&good)).await.status(), 200);
    }
    until(|| world.count("/jwks") == 2).await;
    world.set(Net::Up);
    until(|| gate.key_counters("https://op.example").is_some_and(|counters| counters.renewals == 2)).await;
    world.clock.advance(100);
    assert_eq!(call(&api, bearer(&good)).await.status(), 200);
    assert_eq!((world.count("/jwks"), lock(&world.slept).len()), (2, 0), "no request waited");
}

/// Fixed keys need no network at all, and an unknown key stays unknown.
#[tokio::test]
async fn keys_can_come_from_a_fixed_set_or_a_fixed_address() {
    let world = World::new();
    let keys = KeySet::parse(world.provider(|provider| provider.key_set()).to_string().as_bytes()).unwrap();
    let fixed = KeySource::Fixed(Arc::new(keys));
    let gate = world.builder(World::server()).keys_of("https://op.example", fixed).build().unwrap();
    let api = ProtectLayer::new(gate).layer(Api::default());
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
    assert_eq!(call(&api, bearer(&world.forged("x"))).await.status(), 401);
    assert_eq!(lock(&world.sent).len(), 0);

    let url = oidc_proto::EndpointUrl::parse("https://op.example/jwks", &Default::default()).unwrap();
    let gate = world.builder(World::server()).keys_of("https://op.example", KeySource::JwksUri(url));
    let api = ProtectLayer::new(gate.build().unwrap()).layer(Api::default());
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
    assert_eq!(*lock(&world.sent), ["https://op.example/jwks"]);
}
