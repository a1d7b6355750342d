//! The cache of verified tokens: it changes no verdict, over random traces.

use super::*;

/// Runs a random trace.
async fn trace(seed: u64) {
    let mut chance = Seed::new(seed);
    let world = World::new();
    // Both gates must renew in the same second. By chance, one of them would otherwise know newer keys than
    // the other.
    let mut keys = RenewalPolicy::KEYS;
    keys.spread = 0;
    let builder = || world.builder(World::server()).key_policy(keys);
    let with = builder().verified_cache(20_000).build().unwrap();
    let without = builder().build().unwrap();
    let scoped = Requirement::new().scope("reports:read").audience(RESOURCE);
    let apis =
        [with, without].map(|gate| ProtectLayer::new(gate).require(scoped.clone()).layer(Api::default()));
    // Each token with the holder of the key that it is bound to.
    let mut tokens: Vec<(String, Option<Holder>)> = vec![(world.token(), None)];
    let mut bound_hits = [0; 2];
    for step in 0..200 {
        match chance.below(12) {
            0 => world.provider(TestProvider::rotate_keys),
            1 => world.provider(TestProvider::rotate_keys_keeping_old),
            2 => world.clock.advance(chance.below(400).try_into().unwrap()),
            3 => tokens.push((world.token_of_the_other(), None)),
            4 => {
                let exp = world.clock.now().0 + i64::try_from(chance.below(300)).unwrap();
                let with = move |_: &mut _, claims: &mut serde_json::Map<String, Value>| {
                    claims.insert("exp".into(), exp.into());
                };
                tokens.push((world.token_with(with), None));
            }
            5 => {
                let elsewhere = world.token_with(|_, claims| drop(claims.insert("aud".into(), "x".into())));
                tokens.push((elsewhere, None));
            }
            6 => tokens.push((world.forged(format!("{step}")), None)),
            7 => {
                let holder = Holder::new();
                tokens.push((holder.token(&world), Some(holder)));
            }
            8 => {
                tokens.push((world.token_with(|_, claims| drop(claims.remove("scope"))), None));
            }
            _ => tokens.push((world.token(), None)),
        }
        // Sometimes the last bound token, so that a cache may know it.
        let bound = chance.below(3) == 0;
        let at = match tokens.iter().rposition(|(_, holder)| holder.is_some()).filter(|_| bound) {
            Some(at) => at,
            None => usize::try_from(chance.below(tokens.len() as u64)).unwrap(),
        };
        let (token, holder) = &tokens[at];
        // The holder shows its key, or sends the token as if it were not bound. Other clients have a key,
        // too.
        let stranger = Holder::new();
        let prover = match (chance.below(4), holder) {
            (0, _) => None,
            (1, _) => Some(&stranger),
            (_, holder) => holder.as_ref(),
        };
        let request = match prover {
            None => bearer(token),
            Some(prover) => {
                let (url, jti) = (format!("{RESOURCE}/reports"), step.to_string());
                let proof = prover.proof(&url, token, &jti, None, world.clock.now());
                get(&[("authorization", &format!("DPoP {token}")), ("dpop", &proof)])
            }
        };
        let mut told = Vec::new();
        for api in &apis {
            let response = call(api, request.clone()).await;
            let record = lock(&world.records).pop().unwrap();
            assert_eq!(record.key.is_some(), response.status() != 401, "{record}");
            // The background tasks run to their end.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            told.push((response.status(), response.headers().clone(), response.into_body(), record));
        }
        assert_eq!(told[0], told[1], "seed {seed}, step {step}");
        if holder.is_some() {
            let clause = told[0].3.clause;
            bound_hits[0] += usize::from(clause == "accepted");
            bound_hits[1] += usize::from(clause == "token_sender_constrained");
        }
    }
    assert!(bound_hits.iter().all(|hits| *hits > 3), "seed {seed}: bound tokens came with proof and without");
}

#[tokio::test]
async fn s7_the_cache_changes_no_verdict() {
    for seed in 0..10 {
        trace(seed).await;
    }
}
