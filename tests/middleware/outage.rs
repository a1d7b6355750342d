//! E22, U12: while the provider is down, no token is blamed for it.

use super::*;

const FAILURES: [Net; 5] = [
    Net::Down,
    Net::Broken(500, "{}"),
    Net::Broken(200, "<html>"),
    Net::Broken(200, r#"{"keys":[]}"#),
    Net::Broken(404, ""),
];

/// Checks for a 503 with a `Retry-After`.
fn assert_unavailable(response: &Outgoing) {
    let (status, seconds) = told(response, "retry-after");
    assert_eq!(status, 503, "{response:?}");
    assert!((1..=300).contains(&seconds.parse::<i64>().unwrap()), "{seconds}");
    assert_eq!(told(response, "www-authenticate").1, "", "no challenge: another token would not help");
    assert_eq!(response.body(), r#"{"error":"temporarily_unavailable"}"#);
}

#[tokio::test]
async fn e22_an_outage_is_a_503_and_never_a_401_and_an_api_can_start_during_one() {
    for failure in FAILURES {
        let world = World::new();
        world.set(failure.clone());
        let gate = world.gate();
        assert_eq!(lock(&world.sent).len(), 0, "nothing is fetched at the start");
        let api = ProtectLayer::new(gate).layer(Api::default());
        for token in [world.token(), world.forged("x")] {
            assert_unavailable(&call(&api, bearer(&token)).await);
        }
        // Verdicts that need no provider are still given.
        assert_eq!(call(&api, get(&[])).await.status(), 401, "{failure:?}");
        assert_eq!(call(&api, bearer("opaque")).await.status(), 401, "{failure:?}");
        world.set(Net::Up);
        world.clock.advance(30);
        assert_eq!(call(&api, bearer(&world.token())).await.status(), 200, "the gate recovers: {failure:?}");
    }
}

/// Scenario E44: a peer answered 500 as long as it had never had any keys.
#[tokio::test]
async fn e44_keys_that_never_came_are_a_503_at_the_gate_and_behind_tower_and_axum() {
    let useless = r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#;
    for failure in FAILURES.into_iter().chain([Net::Broken(200, useless), Net::Broken(302, "")]) {
        let world = World::new();
        world.set(failure.clone());
        let gate = world.gate();
        let tower = ProtectLayer::new(gate.clone()).layer(Api::default());
        let optional = ProtectLayer::new(gate.clone()).optional().layer(Api::default());
        let client = async |caller: oidc_axum::Access| caller.client_id().unwrap_or_default().to_owned();
        let axum = axum::Router::new()
            .route("/reports", axum::routing::get(client))
            .layer(oidc_axum::protect(gate.clone()));
        for minute in 0..10 {
            for token in [world.token(), world.forged(format!("k{minute}")), world.token_of_the_other()] {
                let request = bearer(&token);
                let view = RequestView::new(request.method(), request.uri(), request.headers());
                let denied = gate.check(&view).await.unwrap_err();
                let seconds = denied.headers()["retry-after"].to_str().unwrap().parse::<i64>().unwrap();
                assert_eq!(denied.status().as_u16(), 503, "{failure:?}: {denied}");
                assert!((1..=300).contains(&seconds), "{failure:?}: {seconds}");
                assert!(!denied.headers().contains_key("www-authenticate"), "{failure:?}: {denied}");
                assert_unavailable(&call(&tower, request.clone()).await);
                assert_unavailable(&call(&optional, request.clone()).await);
                assert_unavailable(&send(&axum, request).await);
            }
            world.clock.advance(60);
        }
        assert!(world.clauses().iter().all(|clause| *clause == "unavailable"), "nothing else is said");
        world.set(Net::Up);
        world.clock.advance(300);
        assert_eq!(call(&tower, bearer(&world.token())).await.status(), 200, "{failure:?}");
        assert_eq!(send(&axum, bearer(&world.token())).await.status(), 200, "{failure:?}");
    }
}

/// Calls a router, and reads the whole response.
async fn send(router: &axum::Router, request: Incoming) -> Outgoing {
    let mut router = router.clone();
    let ready = |context: &mut Context<'_>| {
        Service::<http::Request<axum::body::Body>>::poll_ready(&mut router, context)
    };
    let Ok(()) = poll_fn(ready).await;
    let Ok(response) = router.call(request.map(axum::body::Body::from)).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    http::Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn d1_valid_tokens_pass_during_an_outage_and_unknown_keys_are_not_blamed_on_tokens() {
    for failure in FAILURES {
        let world = World::new();
        let api = ProtectLayer::new(world.gate()).layer(Api::default());
        let good = world.token();
        assert_eq!(call(&api, bearer(&good)).await.status(), 200);
        world.set(failure.clone());
        // The keys are fresh for 300 s, and serve for another hour while renewals fail.
        for elapsed in (0..3_900).step_by(60) {
            world.clock.set(START.plus(elapsed));
            let response = call(&api, bearer(&good)).await;
            assert_eq!(response.status(), 200, "{failure:?} after {elapsed} s");
            assert_unavailable(&call(&api, bearer(&world.forged(format!("k{elapsed}")))).await);
        }
        world.clock.set(START.plus(3_901));
        assert_unavailable(&call(&api, bearer(&good)).await);
        world.set(Net::Up);
        world.clock.advance(30);
        assert_eq!(call(&api, bearer(&good)).await.status(), 200);
        assert_eq!(call(&api, bearer(&world.forged("k"))).await.status(), 401, "the verdict is known now");
        assert!(!world.clauses().contains(&"jws_signature"));
    }
}

#[tokio::test]
async fn e28_the_outage_of_one_issuer_does_not_affect_another() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    world.set(Net::Down);
    assert_unavailable(&call(&api, bearer(&world.token())).await);
    world.set(Net::Up);
    assert_eq!(call(&api, bearer(&world.token_of_the_other())).await.status(), 200, "at once");
}

#[tokio::test]
async fn warming_up_is_optional_and_names_the_unreachable_issuers() {
    let world = World::new();
    let gate = world.gate();
    gate.warm_up().await.unwrap();
    assert_eq!(world.count("/jwks"), 2, "all issuers");
    let api = ProtectLayer::new(gate.clone()).layer(Api::default());
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
    assert_eq!(world.count("/jwks"), 2);
    let counters = gate.key_counters("https://op.example").unwrap();
    assert_eq!((counters.renewals, counters.failures), (1, 0));
    assert!(gate.key_counters("https://evil.example").is_none());

    world.set(Net::Down);
    let error = world.gate().warm_up().await.unwrap_err();
    assert!(error.because.is_some(), "{error}");
    let asked = error.asked.clone().unwrap();
    assert_eq!(
        (&*asked.host, asked.port),
        ("other.example", 443),
        "the last of the issuers that cannot be reached"
    );
    assert_eq!(
        error.to_string(),
        "nothing of https://other.example can be used now: the provider did not answer (asked: \
         openid-configuration at other.example:443)"
    );
}

/// The record of an outage names its own issuer and the host that did not answer, and not another issuer
/// that failed in the meantime. An operator of an API with many issuers needs that.
#[tokio::test]
async fn the_record_of_an_outage_names_issuer_host_and_port() {
    let world = World::new();
    let client = |metadata| Client::builder(metadata, "api").secret("its secret").build();
    let introspecting = World::introspecting().trust(TrustedIssuer::new("https://other.example"));
    let builder = world.builder(introspecting).introspection(client);
    let moved = "https://other.example/moved";
    let url = oidc_proto::EndpointUrl::parse(moved, &Default::default()).unwrap();
    let gate = builder.keys_of("https://other.example", KeySource::JwksUri(url)).build().unwrap();
    let api = ProtectLayer::new(gate).layer(Api::default());
    let told = |world: &World| {
        let record = lock(&world.records).pop().unwrap();
        (record.clause, record.issuer.unwrap().to_string(), record.host, record.port)
    };
    let of = |issuer: &str, host: Option<&str>| {
        ("unavailable", issuer.to_owned(), host.map(str::to_owned), host.map(|_| 443))
    };
    let (op, other) = ("https://op.example", "https://other.example");
    for failure in FAILURES {
        world.set(failure.clone());
        for (token, issuer, host) in [
            (world.token(), op, "op.example"),
            (world.token_of_the_other(), other, "other.example"),
            ("opaque".to_owned(), op, "op.example"),
            (world.token(), op, "op.example"),
        ] {
            assert_unavailable(&call(&api, bearer(&token)).await);
            assert_eq!(told(&world), of(issuer, Some(host)), "{failure:?}");
        }
        world.clock.advance(30);
    }
    // No host is named if no request failed.
    world.set(Net::Up);
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
    let line = {
        world.set(Net::Down);
        assert_unavailable(&call(&api, bearer(&world.forged("x"))).await);
        lock(&world.records).pop().unwrap().to_string()
    };
    assert_eq!(
        line,
        "outcome=denied clause=unavailable status=503 issuer=https://op.example host=op.example port=443"
    );
}

#[tokio::test]
async fn the_operator_of_an_api_learns_why_it_answers_503() {
    let world = World::new();
    let failures = Arc::new(Mutex::new(Vec::new()));
    let seen = failures.clone();
    let observe = move |issuer: &str, failure: &oidc_proto::renew::RenewalError| {
        lock(&seen).push(format!("{issuer}: {failure}"));
    };
    let gate = world.builder(World::server()).observe_failures(observe).build().unwrap();
    let api = ProtectLayer::new(gate).layer(Api::default());
    world.set(Net::Broken(200, "<html>"));
    assert_unavailable(&call(&api, bearer(&world.token())).await);
    let told = lock(&failures).clone();
    assert!(
        told.len() == 1 && told[0].contains("https://op.example: the response of openid-configuration"),
        "{told:?}"
    );
}

/// Moved keys are found through the metadata at once, and not only an hour later.
#[tokio::test]
async fn moved_keys_are_found() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
    let forged = world.forged("nowhere");
    world.provider(|provider| {
        // The keys are at the address in the metadata from now on. The old address has nothing.
        provider.alter_response(EndpointName::Jwks, hostile::respond(404, "text/plain", "gone"));
        provider.alter_response(
            EndpointName::Discovery,
            hostile::set_member("jwks_uri", "https://other.example/jwks"),
        );
    });
    world.clock.advance(290);
    assert_eq!(call(&api, bearer(&forged)).await.status(), 401, "the new keys do not have it");
    assert_eq!(lock(&world.sent).iter().filter(|url| *url == "https://other.example/jwks").count(), 1);
}

/// No client can help if the issuer signs with what this library lacks: its key set shows that. Anybody can write the
/// header of a token, so without such a key it is the client's fault.
#[tokio::test]
async fn an_issuer_that_signs_with_what_is_not_supported_is_no_fault_of_the_client() {
    let curve = |crv: &str| json!({"kty": "EC", "crv": crv, "kid": "new", "x": "AA", "y": "AA"});
    for (alg, jwk) in [
        ("ES512", curve("P-521")),
        ("ES256K", curve("secp256k1")),
        ("EdDSA", json!({"kty": "OKP", "crv": "Ed448", "kid": "new", "x": "AA"})),
        ("ML-DSA-44", json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "new", "pub": "AA"})),
    ] {
        let world = World::new();
        let api = ProtectLayer::new(world.gate()).layer(Api::default());
        let good = world.token();
        let foreign = |kid: &'static str, alg: &str| {
            let alg = alg.to_owned();
            world.token_with(move |header, _| {
                header.insert("kid".into(), kid.into());
                header.insert("alg".into(), alg.as_str().into());
            })
        };
        let before = foreign("new", alg);
        assert_eq!(call(&api, bearer(&before)).await.status(), 401, "{alg}: nobody vouches for such a key");
        world.provider(|provider| provider.publish_extra_jwk(jwk));
        let api = ProtectLayer::new(world.gate()).layer(Api::default());
        assert_eq!(call(&api, bearer(&good)).await.status(), 200, "{alg}");
        world.clauses();
        let response = call(&api, bearer(&foreign("new", alg))).await;
        assert_eq!(response.status(), 500, "{alg}");
        assert_eq!(response.body(), r#"{"error":"server_error"}"#);
        assert!(response.headers().get("www-authenticate").is_none(), "{alg}: another token would not help");
        let record = lock(&world.records).pop().expect("a record");
        assert_eq!((record.status, record.error), (Some(500), None), "{alg}");
        assert!(
            ["jws_unknown_alg", "jws_key_set_aside"].contains(&record.clause),
            "{alg}: {}",
            record.clause
        );
        assert_eq!(record.issuer.as_deref(), Some("https://op.example"), "the line says who must act");
        assert_eq!(call(&api, bearer(&foreign("made-up", "ES512"))).await.status(), 401, "{alg}");
    }
}
