//! The verified-token cache: it changes only the time of a verification, and stays within its memory.

use crate::support::*;
use oidc_proto::{
    Timestamp,
    flow::{Client, ClientCredentialsRequest, Discovery},
    jose::{Algorithm, KeySet},
    token::{
        AccessTokenVerifier, CacheKey, ENTRY_BYTES, Possession, Scratch, SignatureCache, SignatureMemory,
        VerificationError, VerifiedAccessToken,
    },
};
use oidc_testkit::{Registration, Seed, TestProvider};
use serde_json::json;
use std::time::Duration;

const API: &str = "https://api.example";

struct Issuer {
    provider: TestProvider,
    client: Client,
}

impl Issuer {
    fn new() -> Self {
        let mut provider = TestProvider::new(ISSUER);
        provider.access_token_alg(Algorithm::ES256);
        provider.register(Registration::basic("service", SECRET).grant_type("client_credentials"));
        let metadata = run(&mut provider, Discovery::start(ISSUER, &policy()).unwrap()).unwrap();
        let client = Client::builder(metadata, "service").secret(SECRET).build().unwrap();
        Self { provider, client }
    }

    fn token(&mut self, resource: &str, now: Timestamp) -> String {
        let wanted = ClientCredentialsRequest::default().resource(resource);
        let call =
            self.client.client_credentials_once(&wanted, oidc_proto::Moment::new(NOW, [7; 32])).unwrap();
        run_at(&mut self.provider, call, &mut now.clone()).unwrap().access_token.expose().to_owned()
    }

    fn keys(&self) -> KeySet {
        KeySet::parse(self.provider.key_set().to_string().as_bytes()).unwrap()
    }
}

/// The parts of a verdict that a caller can see.
fn seen(verdict: &Result<VerifiedAccessToken<'_>, VerificationError>) -> Result<String, VerificationError> {
    let verified = verdict.as_ref().map_err(|rejected| *rejected)?;
    let custom: serde_json::Value = verified.custom().unwrap();
    Ok(format!("{:?} {custom}", verified.claims()))
}

/// The cache under test, with a count of its hits.
struct Counted {
    cache: SignatureCache,
    hits: usize,
}

impl SignatureMemory for Counted {
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
    let (mut hits, mut bound_hits) = (0, 0);
    for number in 0..12 {
        let mut seed = Seed::new(number);
        let mut issuer = Issuer::new();
        let policies = [
            AccessTokenVerifier::new(ISSUER, API),
            AccessTokenVerifier::new(ISSUER, "https://other.example"),
            AccessTokenVerifier::new(ISSUER, "https://other.example").or_audience(API).leeway(Duration::ZERO),
            AccessTokenVerifier::new("https://evil.example", API),
            AccessTokenVerifier::new(ISSUER, API).algorithms([Algorithm::RS256].into_iter().collect()),
            AccessTokenVerifier::new(ISSUER, API).accept_plain_jwt(),
        ];
        // Some runs use a cache that is so small that it forgets all the time.
        let bytes = ENTRY_BYTES * [1000, 3, 0][number as usize % 3];
        let mut cache = Counted { cache: SignatureCache::new(bytes), hits: 0 };
        let (mut scratch, mut plain) = (Scratch::new(), Scratch::new());
        let (mut now, mut keys, mut tokens) = (NOW, issuer.keys(), vec![(issuer.token(API, NOW), 0)]);
        for _ in 0..500 {
            match seed.below(41) {
                0 => issuer.provider.rotate_keys(),
                1 => issuer.provider.rotate_keys_keeping_old(),
                2 => issuer.provider.withdraw(seed.below(4) as u32 + 1),
                3 | 4 => keys = issuer.keys(),
                5 => now = now.plus(seed.below(120) as i64),
                6 => now = now.plus(-(seed.below(120) as i64)),
                7 | 8 => {
                    issuer.provider.access_token_lifetime(seed.below(300) as i64 + 1);
                    let resource = if seed.below(3) == 0 { "https://other.example" } else { API };
                    tokens.push((issuer.token(resource, now), 0));
                }
                9 => {
                    // A token that differs in one character from a valid one.
                    let mut token = tokens[seed.below(tokens.len() as u64) as usize].0.clone().into_bytes();
                    let at = seed.below(token.len() as u64) as usize;
                    token[at] = b"ABab01-_."[seed.below(9) as usize];
                    tokens.push((String::from_utf8(token).unwrap(), 0));
                }
                10 => {
                    // A token that is bound to a key, to a certificate, or to both.
                    let bound =
                        [json!({"jkt": "k"}), json!({"x5t#S256": "c"}), json!({"jkt": "k", "x5t#S256": "c"})];
                    let which = seed.below(3) as usize;
                    let cnf = bound[which].clone();
                    issuer.provider.alter_access_token(oidc_testkit::hostile::set_claim("cnf", cnf));
                    tokens.push((issuer.token(API, now), which + 1));
                    issuer.provider.clear_alterations();
                }
                _ => {
                    // Mostly one of the newest tokens: the older ones have expired.
                    let reach = if seed.below(4) == 0 { 40 } else { 4 };
                    let back = seed.below(reach) as usize;
                    let (token, bound) = &tokens[(tokens.len() - 1).saturating_sub(back)];
                    let policy = &policies[seed.below(9).saturating_sub(3) as usize];
                    let before = cache.cache.len();
                    let shown = [
                        Possession::none(),
                        Possession::none().key("k"),
                        Possession::none().certificate("c"),
                        Possession::none().key("k").certificate("c"),
                        Possession::none().key("other"),
                    ];
                    // Mostly the binding that the token has.
                    let which = if seed.below(4) == 0 { seed.below(5) as usize } else { *bound };
                    let shown = shown[which];
                    let hits = cache.hits;
                    let with = policy.verify_cached_bound(token, &keys, &mut cache, &mut scratch, now, shown);
                    let without = policy.verify_bound(token, &keys, &mut plain, now, shown);
                    assert_eq!(seen(&with), seen(&without));
                    let is_bound = with.as_ref().is_ok_and(|verified| verified.claims().cnf.is_some());
                    bound_hits += usize::from(is_bound && cache.hits > hits);
                    assert!(
                        cache.cache.len() == before || with.is_ok(),
                        "a refused token leaves nothing behind"
                    );
                }
            }
        }
        hits += cache.hits;
    }
    assert!(hits > 100, "the traces do have hits: {hits}");
    assert!(bound_hits > 20, "the hits include bound tokens: {bound_hits}");
}

#[test]
fn a_cached_verdict_ends_with_its_key_its_time_and_its_policy() {
    let mut issuer = Issuer::new();
    let token = issuer.token(API, NOW);
    let (verifier, keys) = (AccessTokenVerifier::new(ISSUER, API), issuer.keys());
    let (mut cache, mut scratch) = (SignatureCache::new(1 << 20), Scratch::new());
    let mut verify = |verifier: &AccessTokenVerifier, keys: &KeySet, now| {
        verifier.verify_cached(&token, keys, &mut cache, &mut scratch, now).map(|_| ())
    };
    assert_eq!(verify(&verifier, &keys, NOW), Ok(()));
    assert_eq!(verify(&verifier, &keys, NOW.plus(329)), Ok(()));
    assert_eq!(
        verify(&verifier, &keys, NOW.plus(330)),
        Err(VerificationError::Expired { ago: Duration::from_secs(30), leeway: Duration::from_secs(30) }),
        "the cache is asked at every hit"
    );
    assert_eq!(
        verify(&verifier, &keys, NOW.plus(-31)),
        Err(VerificationError::IssuedInFuture {
            ahead: Duration::from_secs(31),
            leeway: Duration::from_secs(30)
        })
    );
    let stricter = AccessTokenVerifier::new(ISSUER, API).leeway(Duration::ZERO);
    assert_eq!(
        verify(&stricter, &keys, NOW.plus(300)),
        Err(VerificationError::Expired { ago: Duration::from_secs(0), leeway: Duration::from_secs(0) })
    );
    let other = AccessTokenVerifier::new(ISSUER, "https://other.example");
    assert_eq!(
        verify(&other, &keys, NOW),
        Err(VerificationError::Audience),
        "a hit skips no check of the caller"
    );
    assert_eq!(
        verify(&AccessTokenVerifier::new("https://x.example", API), &keys, NOW),
        Err(VerificationError::Issuer)
    );
    issuer.provider.rotate_keys();
    let rotated = issuer.keys();
    assert!(verify(&verifier, &rotated, NOW).unwrap_err().wants_newer_keys(), "its key is gone");
    assert_eq!(verify(&verifier, &keys, NOW), Ok(()), "the key was the only reason");
}

/// A cache that says yes to everything, which shows what a hit does not skip.
struct Gullible(usize);

impl SignatureMemory for Gullible {
    fn knows(&mut self, _: &CacheKey) -> bool {
        self.0 += 1;
        true
    }
    fn remember(&mut self, _: CacheKey, _: Timestamp) {}
}

/// Row S7: at each hit, the binding is checked against the sender.
#[test]
fn a_cached_bound_token_does_not_become_a_bearer_token() {
    let mut issuer = Issuer::new();
    issuer.provider.alter_access_token(oidc_testkit::hostile::set_claim("cnf", json!({"jkt": "k"})));
    let (token, keys, verifier) =
        (issuer.token(API, NOW), issuer.keys(), AccessTokenVerifier::new(ISSUER, API));
    let mut cache = Counted { cache: SignatureCache::new(1 << 20), hits: 0 };
    let mut scratch = Scratch::new();
    let mut verify = |shown: Possession<'_>| {
        let verdict = verifier.verify_cached_bound(&token, &keys, &mut cache, &mut scratch, NOW, shown);
        (verdict.map(drop), cache.cache.len(), cache.hits)
    };
    let key = |jkt| Possession::none().key(jkt);
    assert_eq!(verify(Possession::none()), (Err(VerificationError::SenderConstrained), 0, 0));
    assert_eq!(verify(key("k")), (Ok(()), 1, 0), "remembered");
    assert_eq!(
        verify(Possession::none()),
        (Err(VerificationError::SenderConstrained), 1, 0),
        "as a bearer token"
    );
    assert_eq!(
        verify(Possession::none().certificate("k")),
        (Err(VerificationError::SenderConstrained), 1, 0)
    );
    assert_eq!(
        verify(key("other")),
        (Err(VerificationError::WrongSender), 1, 0),
        "with another client's proof"
    );
    assert_eq!(verify(key("k")), (Ok(()), 1, 1), "with its own proof");
}

#[test]
fn a_cache_hit_skips_only_the_signature() {
    let mut issuer = Issuer::new();
    let mut scratch = Scratch::new();
    for (claim, why) in [
        ("aud", VerificationError::Audience),
        ("iss", VerificationError::Issuer),
        ("client_id", VerificationError::Value("client_id")),
    ] {
        issuer.provider.clear_alterations();
        issuer.provider.alter_access_token(oidc_testkit::hostile::set_claim(claim, ""));
        let token = issuer.token(API, NOW);
        let mut gullible = Gullible(0);
        let verifier = AccessTokenVerifier::new(ISSUER, API);
        let verdict = verifier.verify_cached(&token, &issuer.keys(), &mut gullible, &mut scratch, NOW);
        assert_eq!((verdict.err(), gullible.0), (Some(why), 0), "the cache is not even asked");
    }
}

#[test]
fn the_limit_is_exact_and_the_longest_unused_entry_goes_first() {
    let mut issuer = Issuer::new();
    let (verifier, keys, mut scratch) =
        (AccessTokenVerifier::new(ISSUER, API), issuer.keys(), Scratch::new());
    let tokens: Vec<_> = (0..4).map(|_| issuer.token(API, NOW)).collect();
    for (bytes, held) in
        [(0, 0), (ENTRY_BYTES - 1, 0), (ENTRY_BYTES, 1), (3 * ENTRY_BYTES, 3), (4 * ENTRY_BYTES - 1, 3)]
    {
        let mut cache = SignatureCache::new(bytes);
        for token in &tokens {
            assert!(verifier.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).is_ok());
        }
        assert_eq!((cache.len(), cache.bytes()), (held, held * ENTRY_BYTES), "{bytes}");
    }
    let mut cache = SignatureCache::new(1 << 20);
    for token in &tokens {
        verifier.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).unwrap();
    }
    cache.purge(NOW.plus(299));
    assert_eq!(cache.len(), 4);
    cache.purge(NOW.plus(300));
    assert!(cache.is_empty());

    let mut cache = Counted { cache: SignatureCache::new(2 * ENTRY_BYTES), hits: 0 };
    let mut is_hit = |token: usize| {
        let before = cache.hits;
        verifier.verify_cached(&tokens[token], &keys, &mut cache, &mut scratch, NOW).unwrap();
        cache.hits > before
    };
    let hits = [0, 1, 0, 2, 0, 1].map(&mut is_hit);
    assert_eq!(
        hits,
        [false, false, true, false, true, false],
        "the third token takes the place of the second"
    );
}
