//! D5: a provider that takes a request and never answers. No task holds a lock in the meantime, and no
//! request waits longer than the policy's patience.

use super::*;

/// Ends the patience of the waiting requests.
async fn out_of_patience(world: &World, gate: &Gate, issuer: &str, waiting: usize) {
    until(|| gate.waiting(issuer) == Some(waiting)).await;
    world.clock.advance(RenewalPolicy::KEYS.patience.as_secs().cast_signed());
    gate.wake();
}

#[tokio::test]
async fn d5_while_a_provider_is_silent_all_other_requests_are_served() {
    let world = World::new();
    let gate = world.gate();
    let api = ProtectLayer::new(gate.clone()).layer(Api::default());
    let (good, other) = (world.token(), world.token_of_the_other());
    let (holder, now) = (Holder::new(), world.clock.now());
    let bound = holder.token(&world);
    assert_eq!(call(&api, bearer(&good)).await.status(), 200);
    assert_eq!(call(&api, bearer(&other)).await.status(), 200);

    world.set(Net::Silent);
    let (slow, forged) = (api.clone(), bearer(&world.forged("new")));
    let hanging = tokio::spawn(async move { call(&slow, forged).await });
    until(|| gate.waiting("https://op.example") == Some(1)).await;
    // The same issuer, another issuer, and a proof that goes through the replay window, all at once and
    // without waiting. `try_check` has no way to wait.
    for request in [bearer(&good), bearer(&other)] {
        let (parts, _) = request.into_parts();
        let view = oidc_proto::resource::RequestView::of(&parts);
        gate.try_check(&view).expect("decided at once").expect("accepted");
    }
    let proof = holder.proof(&format!("{RESOURCE}/reports"), &bound, "1", None, now);
    let proven = get(&[("authorization", &format!("DPoP {bound}")), ("dpop", &proof)]);
    assert_eq!(call(&api, proven).await.status(), 200);

    out_of_patience(&world, &gate, "https://op.example", 1).await;
    assert_eq!(
        told(&hanging.await.unwrap(), "www-authenticate"),
        (503, String::new()),
        "the verdict is unknown"
    );
    world.set(Net::Up);
}

#[tokio::test]
async fn a_request_without_keys_waits_for_its_patience_once_and_no_longer() {
    let world = World::new();
    let gate = world.gate();
    let api = ProtectLayer::new(gate.clone()).layer(Api::default());
    world.set(Net::Silent);
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (api, request) = (api.clone(), bearer(&world.token()));
            tokio::spawn(async move { call(&api, request).await })
        })
        .collect();
    out_of_patience(&world, &gate, "https://op.example", 50).await;
    for one in calls {
        let (status, seconds) = told(&one.await.unwrap(), "retry-after");
        assert_eq!((status, seconds.as_str()), (503, "12"), "when the lease ends");
    }
    let longest = RenewalPolicy::KEYS.patience;
    assert!(lock(&world.slept).iter().all(|span| *span <= longest));
    assert_eq!(world.count("openid-configuration"), 1, "one of them sent a request");
    // The response comes after all, and serves all later requests.
    world.set(Net::Up);
    until(|| gate.key_counters("https://op.example").is_some_and(|counters| counters.renewals == 1)).await;
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
}

#[tokio::test]
async fn stale_keys_serve_when_patience_ends() {
    let world = World::new();
    let gate = world.gate();
    let api = ProtectLayer::new(gate.clone()).layer(Api::default());
    let good = world.token();
    assert_eq!(call(&api, bearer(&good)).await.status(), 200);
    world.clock.advance(400);
    world.set(Net::Silent);
    lock(&world.slept).clear();
    let (slow, request) = (api.clone(), bearer(&good));
    let first = tokio::spawn(async move { call(&slow, request).await });
    out_of_patience(&world, &gate, "https://op.example", 1).await;
    assert_eq!(first.await.unwrap().status(), 200);
    let slept = lock(&world.slept).len();
    assert_eq!(call(&api, bearer(&good)).await.status(), 200);
    assert_eq!(lock(&world.slept).len(), slept, "the next request does not wait at all");
    world.set(Net::Up);
}

/// Two waits of one request, for keys and for newer ones, take no longer than one wait may.
#[tokio::test]
async fn two_waits_share_one_patience() {
    let world = World::new();
    let gate = world.gate();
    let api = ProtectLayer::new(gate.clone()).layer(Api::default());
    world.set(Net::Silent);
    let (slow, request) = (api.clone(), bearer(&world.forged("new")));
    let hanging = tokio::spawn(async move { call(&slow, request).await });
    until(|| gate.waiting("https://op.example") == Some(1)).await;
    // Two seconds pass until there are keys. Then the provider falls silent again.
    let net = world.net.clone();
    world.provider(|provider| {
        provider.alter_response(EndpointName::Jwks, move |_| {
            net.send_replace(Net::Silent);
        });
    });
    world.clock.advance(2);
    world.set(Net::Up);
    until(|| world.count("/jwks") == 2).await;
    until(|| gate.waiting("https://op.example") == Some(1)).await;
    let slept = lock(&world.slept).clone();
    assert_eq!(slept, [3, 1].map(Duration::from_secs));
    world.clock.advance(1);
    gate.wake();
    world.set(Net::Up);
    hanging.await.unwrap();
}
