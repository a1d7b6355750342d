//! The cache of verified tokens: on is the same as off, over random traces.

use super::*;

/// What happens next, by chance.
async fn trace(seed: u64) {
    let mut chance = Seed::new(seed);
    let world = World::new();
    let with = world.builder(World::server()).verified_cache(320 * 8).build().unwrap();
    let without = world.gate();
    let scoped = Requirement::new().scope("reports:read").audience(RESOURCE);
    let apis =
        [with, without].map(|gate| ProtectLayer::new(gate).require(scoped.clone()).layer(Api::default()));
    let mut tokens = vec![world.token()];
    for step in 0..200 {
        match chance.below(12) {
            0 => world.provider(Provider::rotate_keys),
            1 => world.provider(Provider::rotate_keys_keeping_old),
            2 => world.clock.advance(chance.below(400).try_into().unwrap()),
            3 => tokens.push(world.token_of_the_other()),
            4 => {
                let exp = world.clock.now().0 + i64::try_from(chance.below(300)).unwrap();
                tokens.push(world.token_with(move |_, claims| drop(claims.insert("exp".into(), exp.into()))));
            }
            5 => tokens.push(world.token_with(|_, claims| drop(claims.insert("aud".into(), "x".into())))),
            6 => tokens.push(world.forged(format!("{step}"))),
            7 => tokens.push(Holder::new().token(&world)),
            8 => tokens.push(world.token_with(|_, claims| drop(claims.remove("scope")))),
            _ => tokens.push(world.token()),
        }
        let token = &tokens[usize::try_from(chance.below(tokens.len() as u64)).unwrap()];
        let mut told = Vec::new();
        for api in &apis {
            let response = call(api, bearer(token)).await;
            let mut record = lock(&world.records).pop().unwrap();
            // Which key has signed is not said where a cache may have spared the signature.
            let signed_by = record.key.take();
            assert_eq!(signed_by.is_some(), told.len() == 1 && response.status() != 401, "{record}");
            // What goes on in the background comes to its end.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            told.push((response.status(), response.headers().clone(), response.into_body(), record));
        }
        assert_eq!(told[0], told[1], "seed {seed}, step {step}");
    }
}

#[tokio::test]
async fn s7_cache_on_is_cache_off() {
    for seed in 0..10 {
        trace(seed).await;
    }
}
