//! The verified-token cache changes nothing but the time it takes, and takes no more memory than it may.
#![allow(unsafe_code, reason = "an allocator is an unsafe trait; it hands everything on to the system's")]

#[path = "support/against.rs"]
mod against;

use against::*;
use oidc_proto::{
    Timestamp,
    flow::{Client, ClientCredentials, Discovery},
    jose::{Algorithm, KeySet},
    token::{CacheKey, ENTRY_BYTES, Rejected, Remember, Scratch, Verified, VerifiedCache, Verifier},
};
use oidc_testkit::{Provider, Registration, Seed};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// Counts what this thread holds and how often it asks.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = HELD.try_with(|held| held.set(held.get() + layout.size() as isize));
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        let _ = HELD.try_with(|held| held.set(held.get() - layout.size() as isize));
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const API: &str = "https://api.example";

struct Issuer {
    provider: Provider,
    client: Client,
}

impl Issuer {
    fn new() -> Self {
        let mut provider = Provider::new(ISSUER);
        provider.access_token_alg(Algorithm::ES256);
        provider.register(Registration::basic("service", SECRET).grant_type("client_credentials"));
        let metadata = run(&mut provider, Discovery::start(ISSUER, &policy()).unwrap()).unwrap();
        let client = Client::builder(metadata, "service").secret(SECRET).build().unwrap();
        Self { provider, client }
    }

    fn token(&mut self, resource: &str, now: Timestamp) -> String {
        let wanted = ClientCredentials::default().resource(resource);
        let call = self.client.client_credentials_once(&wanted).unwrap();
        run_at(&mut self.provider, call, &mut now.clone()).unwrap().access_token.expose().to_owned()
    }

    fn keys(&self) -> KeySet {
        KeySet::parse(self.provider.key_set().to_string().as_bytes()).unwrap()
    }
}

/// All that a caller can see of a verdict.
fn seen(verdict: &Result<Verified<'_>, Rejected>) -> Result<String, Rejected> {
    let verified = verdict.as_ref().map_err(|rejected| *rejected)?;
    let custom: serde_json::Value = verified.custom().unwrap();
    Ok(format!("{:?} {custom}", verified.claims()))
}

/// The cache under test, and how often it knew.
struct Counted {
    cache: VerifiedCache,
    hits: usize,
}

impl Remember for Counted {
    fn knows(&mut self, key: &CacheKey) -> bool {
        let knows = self.cache.knows(key);
        self.hits += usize::from(knows);
        knows
    }
    fn remember(&mut self, key: CacheKey, expires: Timestamp) {
        self.cache.remember(key, expires);
    }
}

#[test]
fn with_and_without_a_cache_every_verdict_is_the_same() {
    let mut hits = 0;
    for number in 0..12 {
        let mut seed = Seed::new(number);
        let mut issuer = Issuer::new();
        let policies = [
            Verifier::new(ISSUER, API),
            Verifier::new(ISSUER, "https://other.example"),
            Verifier::new(ISSUER, "https://other.example").or_audience(API).leeway(0),
            Verifier::new("https://evil.example", API),
            Verifier::new(ISSUER, API).algorithms([Algorithm::RS256].into_iter().collect()),
            Verifier::new(ISSUER, API).accept_plain_jwt(),
        ];
        // Now and then a cache so small that it forgets all the time.
        let bytes = ENTRY_BYTES * [1000, 3, 0][number as usize % 3];
        let mut cache = Counted { cache: VerifiedCache::new(bytes), hits: 0 };
        let (mut scratch, mut plain) = (Scratch::new(), Scratch::new());
        let (mut now, mut keys, mut tokens) = (NOW, issuer.keys(), vec![issuer.token(API, NOW)]);
        for _ in 0..400 {
            match seed.below(40) {
                0 => issuer.provider.rotate_keys(),
                1 => issuer.provider.rotate_keys_keeping_old(),
                2 => issuer.provider.withdraw(seed.below(4) as u32 + 1),
                3 | 4 => keys = issuer.keys(),
                5 => now = now.plus(seed.below(120) as i64),
                6 => now = now.plus(-(seed.below(120) as i64)),
                7 | 8 => {
                    issuer.provider.access_token_lifetime(seed.below(300) as i64 + 1);
                    let resource = if seed.below(3) == 0 { "https://other.example" } else { API };
                    tokens.push(issuer.token(resource, now));
                }
                9 => {
                    // A token that differs in one character from a good one.
                    let mut token = tokens[seed.below(tokens.len() as u64) as usize].clone().into_bytes();
                    let at = seed.below(token.len() as u64) as usize;
                    token[at] = b"ABab01-_."[seed.below(9) as usize];
                    tokens.push(String::from_utf8(token).unwrap());
                }
                _ => {
                    // Mostly one of the last: the older ones have expired.
                    let reach = if seed.below(4) == 0 { 40 } else { 4 };
                    let back = seed.below(reach) as usize;
                    let token = &tokens[(tokens.len() - 1).saturating_sub(back)];
                    let policy = &policies[seed.below(9).saturating_sub(3) as usize];
                    let before = cache.cache.len();
                    let with = policy.verify_cached(token, &keys, &mut cache, &mut scratch, now);
                    let without = policy.verify(token, &keys, &mut plain, now);
                    assert_eq!(seen(&with), seen(&without));
                    assert!(
                        cache.cache.len() == before || with.is_ok(),
                        "a refused token leaves nothing behind"
                    );
                }
            }
        }
        hits += cache.hits;
    }
    assert!(hits > 100, "the traces do hit: {hits}");
}

#[test]
fn a_verdict_dies_with_its_key_its_time_and_its_policy() {
    let mut issuer = Issuer::new();
    let token = issuer.token(API, NOW);
    let (verifier, keys) = (Verifier::new(ISSUER, API), issuer.keys());
    let (mut cache, mut scratch) = (VerifiedCache::new(1 << 20), Scratch::new());
    let mut verify = |verifier: &Verifier, keys: &KeySet, now| {
        verifier.verify_cached(&token, keys, &mut cache, &mut scratch, now).map(|_| ())
    };
    assert_eq!(verify(&verifier, &keys, NOW), Ok(()));
    assert_eq!(verify(&verifier, &keys, NOW.plus(329)), Ok(()));
    assert_eq!(verify(&verifier, &keys, NOW.plus(330)), Err(Rejected::Expired), "at every hit");
    assert_eq!(verify(&verifier, &keys, NOW.plus(-31)), Err(Rejected::IssuedInFuture));
    let stricter = Verifier::new(ISSUER, API).leeway(0);
    assert_eq!(verify(&stricter, &keys, NOW.plus(300)), Err(Rejected::Expired));
    let other = Verifier::new(ISSUER, "https://other.example");
    assert_eq!(verify(&other, &keys, NOW), Err(Rejected::Audience), "a hit skips no check of the caller");
    assert_eq!(verify(&Verifier::new("https://x.example", API), &keys, NOW), Err(Rejected::Issuer));
    issuer.provider.rotate_keys();
    let rotated = issuer.keys();
    assert!(verify(&verifier, &rotated, NOW).unwrap_err().wants_newer_keys(), "its key is gone");
    assert_eq!(verify(&verifier, &keys, NOW), Ok(()), "it was the key, and nothing else");
}

/// A cache that says yes to everything: what remains is what a hit does not skip.
struct Gullible(usize);

impl Remember for Gullible {
    fn knows(&mut self, _: &CacheKey) -> bool {
        self.0 += 1;
        true
    }
    fn remember(&mut self, _: CacheKey, _: Timestamp) {}
}

#[test]
fn nothing_but_the_signature_is_ever_spared() {
    let mut issuer = Issuer::new();
    let mut scratch = Scratch::new();
    for (claim, why) in
        [("aud", Rejected::Audience), ("iss", Rejected::Issuer), ("client_id", Rejected::Value("client_id"))]
    {
        issuer.provider.clear_alterations();
        issuer.provider.alter_access_token(oidc_testkit::hostile::set_claim(claim, ""));
        let token = issuer.token(API, NOW);
        let mut gullible = Gullible(0);
        let verifier = Verifier::new(ISSUER, API);
        let verdict = verifier.verify_cached(&token, &issuer.keys(), &mut gullible, &mut scratch, NOW);
        assert_eq!((verdict.err(), gullible.0), (Some(why), 0), "the cache is not even asked");
    }
}

#[test]
fn the_bound_is_exact_and_the_longest_unused_goes_first() {
    let mut issuer = Issuer::new();
    let (verifier, keys, mut scratch) = (Verifier::new(ISSUER, API), issuer.keys(), Scratch::new());
    let tokens: Vec<_> = (0..4).map(|_| issuer.token(API, NOW)).collect();
    for (bytes, held) in
        [(0, 0), (ENTRY_BYTES - 1, 0), (ENTRY_BYTES, 1), (3 * ENTRY_BYTES, 3), (4 * ENTRY_BYTES - 1, 3)]
    {
        let mut cache = VerifiedCache::new(bytes);
        for token in &tokens {
            assert!(verifier.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).is_ok());
        }
        assert_eq!((cache.len(), cache.bytes()), (held, held * ENTRY_BYTES), "{bytes}");
    }
    let mut cache = VerifiedCache::new(1 << 20);
    for token in &tokens {
        verifier.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).unwrap();
    }
    cache.purge(NOW.plus(299));
    assert_eq!(cache.len(), 4);
    cache.purge(NOW.plus(300));
    assert!(cache.is_empty());
}

#[test]
fn a_flood_of_tokens_meets_a_flat_ceiling_and_a_hit_copies_nothing() {
    const ENTRIES: usize = 200;
    let mut issuer = Issuer::new();
    let (keys, mut scratch) = (issuer.keys(), Scratch::new());
    let token = issuer.token(API, NOW);
    // As many policies as tokens would do: each makes an entry of its own.
    let policies: Vec<_> = (0..10 * ENTRIES)
        .map(|number| Verifier::new(ISSUER, API).or_audience(format!("https://{number}.example")))
        .collect();
    policies[0].verify(&token, &keys, &mut scratch, NOW).unwrap();
    let before = HELD.get();
    let mut cache = VerifiedCache::new(ENTRIES * ENTRY_BYTES);
    let mut highest = 0;
    for policy in &policies {
        policy.verify_cached(&token, &keys, &mut cache, &mut scratch, NOW).unwrap();
        highest = highest.max(HELD.get() - before);
    }
    assert_eq!(cache.len(), ENTRIES);
    let bound = (ENTRIES * ENTRY_BYTES) as isize;
    assert!(highest <= bound, "{highest} bytes were held, {bound} were promised");
    let last = policies.last().unwrap();
    let asked = ASKED.get();
    for _ in 0..100 {
        last.verify(&token, &keys, &mut scratch, NOW).unwrap();
    }
    assert_eq!(ASKED.get(), asked, "a verification allocates nothing");
    let held = HELD.get();
    for _ in 0..100 {
        last.verify_cached(&token, &keys, &mut cache, &mut scratch, NOW).unwrap();
    }
    let per_hit = (ASKED.get() - asked) / 100;
    assert!(per_hit <= 2, "{per_hit} allocations a hit: nodes of the order of use, and no more");
    assert!(HELD.get() - held <= 1024, "and they come and go");
}
