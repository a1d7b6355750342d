//! DPoP behind the gate: each proof is used once, even with concurrent requests.

use super::*;

const URL: &str = "https://api.example/reports";

fn proven(token: &str, proof: &str) -> Incoming {
    get(&[("authorization", &format!("DPoP {token}")), ("dpop", proof)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d10_of_two_concurrent_uses_of_one_proof_exactly_one_passes() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    let holder = Holder::new();
    let token = holder.token(&world);
    for round in 0..200 {
        let proof = holder.proof(URL, &token, &format!("jti-{round}"), None, world.clock.now());
        let start = Arc::new(tokio::sync::Barrier::new(3));
        let uses: Vec<_> = (0..3)
            .map(|_| {
                let (api, request, start) = (api.clone(), proven(&token, &proof), start.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    call(&api, request).await.status().as_u16()
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for one in uses {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401], "round {round}");
    }
    let clauses = world.clauses();
    assert_eq!(clauses.iter().filter(|clause| **clause == "proof_replayed").count(), 400);
}

/// The same while keys have to be fetched first: all requests wait, and then all reach the window.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d10_one_passes_even_if_all_of_them_have_waited_for_keys() {
    for _ in 0..20 {
        let world = World::new();
        let gate = world.gate();
        let api = ProtectLayer::new(gate.clone()).layer(Api::default());
        let holder = Holder::new();
        let token = holder.token(&world);
        let proof = holder.proof(URL, &token, "once", None, world.clock.now());
        world.set(Net::Silent);
        let uses: Vec<_> = (0..8)
            .map(|_| {
                let (api, request) = (api.clone(), proven(&token, &proof));
                tokio::spawn(async move { call(&api, request).await.status().as_u16() })
            })
            .collect();
        until(|| gate.waiting("https://op.example") == Some(8)).await;
        world.set(Net::Up);
        let mut passed = 0;
        for one in uses {
            passed += usize::from(one.await.unwrap() == 200);
        }
        assert_eq!(passed, 1);
    }
}

#[tokio::test]
async fn a_nonce_is_demanded_given_and_renewed_on_success() {
    let world = World::new();
    let nonces = DpopVerifier::new().demand_nonce(NonceKeys::new(&[1; 32]));
    let server = ResourceServer::builder(RESOURCE)
        .trust(TrustedIssuer::new("https://op.example"))
        .require_dpop(nonces);
    let api = ProtectLayer::new(world.builder(server).build().unwrap()).layer(Api::default());
    let holder = Holder::new();
    let token = holder.token(&world);
    let proof = |jti: &str, nonce: Option<&str>| holder.proof(URL, &token, jti, nonce, world.clock.now());

    let response = call(&api, proven(&token, &proof("1", None))).await;
    let (status, challenge) = told(&response, "www-authenticate");
    assert!(status == 401 && challenge.contains("error=\"use_dpop_nonce\""), "{challenge}");
    assert_eq!(told(&response, "cache-control").1, "no-store");
    let nonce = told(&response, "dpop-nonce").1;
    let response = call(&api, proven(&token, &proof("2", Some(&nonce)))).await;
    assert_eq!((response.status().as_u16(), told(&response, "dpop-nonce").1.as_str()), (200, ""));
    world.clock.advance(120);
    let response = call(&api, proven(&token, &proof("3", Some(&nonce)))).await;
    let next = told(&response, "dpop-nonce").1;
    assert!(response.status() == 200 && !next.is_empty() && next != nonce, "a success brings a new nonce");
    assert_eq!(told(&response, "cache-control").1, "no-store");
    let response = call(&api, proven(&token, &proof("4", Some(&next)))).await;
    assert_eq!(told(&response, "dpop-nonce"), (200, String::new()));
    assert_eq!(call(&api, bearer(&token)).await.status(), 401, "as plain Bearer");
}

#[tokio::test]
async fn the_target_follows_from_the_settings_and_never_from_the_host_header() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    let holder = Holder::new();
    let token = holder.token(&world);
    for (url, status) in [
        ("https://api.example/reports", 200),
        ("https://API.example:443/reports?page=2#top", 200),
        ("https://evil.example/reports", 401),
        ("http://api.example/reports", 401),
        ("https://api.example/report", 401),
    ] {
        let proof = holder.proof(url, &token, url, None, world.clock.now());
        let mut request = proven(&token, &proof);
        request.headers_mut().insert("host", "evil.example".parse().unwrap());
        request.headers_mut().insert("x-forwarded-host", "evil.example".parse().unwrap());
        assert_eq!(call(&api, request).await.status(), status, "{url}");
    }
}

#[tokio::test]
async fn a_full_window_is_503_and_forgets_nothing() {
    let world = World::new();
    let gate = world.builder(World::server()).replay_entries(4).build().unwrap();
    let api = ProtectLayer::new(gate).layer(Api::default());
    let holder = Holder::new();
    let token = holder.token(&world);
    let proof = |jti: &str| holder.proof(URL, &token, jti, None, world.clock.now());
    let first = proof("1");
    for (proof, status) in
        [(&first, 200), (&proof("2"), 200), (&proof("3"), 503), (&first, 401), (&proof("4"), 503)]
    {
        assert_eq!(call(&api, proven(&token, proof)).await.status(), status);
    }
    world.clock.advance(91);
    assert_eq!(call(&api, proven(&token, &proof("5"))).await.status(), 200, "time makes room");
}

/// A thousand proofs of one key, while another client is served normally.
#[tokio::test]
async fn a_client_that_floods_the_window_is_refused_and_no_other() {
    let world = World::new();
    let gate = world.builder(World::server()).replay_entries(100).build().unwrap();
    let api = ProtectLayer::new(gate).layer(Api::default());
    let (greedy, modest) = (Holder::new(), Holder::new());
    let tokens = [greedy.token(&world), modest.token(&world)];
    let mut refused = 0;
    for count in 0..200 {
        let proof = greedy.proof(URL, &tokens[0], &count.to_string(), None, world.clock.now());
        refused += usize::from(call(&api, proven(&tokens[0], &proof)).await.status() == 503);
        if count % 20 == 0 {
            let proof = modest.proof(URL, &tokens[1], &count.to_string(), None, world.clock.now());
            assert_eq!(call(&api, proven(&tokens[1], &proof)).await.status(), 200, "after {count}");
        }
    }
    assert!(refused >= 150, "{refused}");
}
