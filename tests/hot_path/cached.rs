//! The verified-token cache stays within its memory.

use crate::{
    counting::{asked, held},
    tokens::{API, ISSUER, NOW, claims, keys, token},
};
use oidc_proto::{
    jose::Algorithm,
    token::{AccessTokenVerifier, ENTRY_BYTES, Scratch, SignatureCache},
};

#[test]
fn a_flood_of_tokens_stays_within_the_memory_limit_and_a_hit_copies_nothing() {
    const ENTRIES: usize = 200;
    let (keys, mut scratch) = (keys(Algorithm::ES256), Scratch::new());
    let token = token(Algorithm::ES256, &claims());
    // Many policies have the same effect as many tokens: each adds an entry.
    let policies: Vec<_> = (0..10 * ENTRIES)
        .map(|number| AccessTokenVerifier::new(ISSUER, API).or_audience(format!("https://{number}.example")))
        .collect();
    policies[0].verify(&token, &keys, &mut scratch, NOW).unwrap();
    let before = held();
    let mut cache = SignatureCache::new(ENTRIES * ENTRY_BYTES);
    let mut highest = 0;
    for policy in &policies {
        policy.verify_cached(&token, &keys, &mut cache, &mut scratch, NOW).unwrap();
        highest = highest.max(held() - before);
    }
    assert_eq!(cache.len(), ENTRIES);
    let bound = (ENTRIES * ENTRY_BYTES) as isize;
    assert!(highest <= bound, "{highest} bytes were held, {bound} were promised");
    let last = policies.last().unwrap();
    let count = asked();
    for _ in 0..100 {
        last.verify(&token, &keys, &mut scratch, NOW).unwrap();
    }
    assert_eq!(asked(), count, "a verification allocates nothing");
    let before = held();
    for _ in 0..100 {
        last.verify_cached(&token, &keys, &mut cache, &mut scratch, NOW).unwrap();
    }
    let per_hit = (asked() - count) / 100;
    assert!(per_hit <= 2, "{per_hit} allocations a hit: only the nodes of the order of use");
    assert!(held() - before <= 1024, "and these allocations are freed again");
}
