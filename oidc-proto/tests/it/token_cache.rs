//! The verified-token cache: it changes only the time of a verification, and stays within its memory.

use crate::support::*;
use oidc_proto::{
    Moment, Timestamp,
    flow::{Client, ClientCredentialsRequest, Discovery},
    jose::{Algorithm, JwsError, KeySet},
    token::{
        AccessTokenVerifier, ENTRY_BYTES, Possession, RememberedToken, RequiredClaim, Scratch,
        SignatureCache, SignatureMemory, VerificationError, VerifiedAccessToken,
    },
};
use oidc_testkit::{Registration, Seed, TestProvider, hostile::set_claim};
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
        let call = self.client.client_credentials_once(&wanted, Moment::new(NOW, [7; 32])).unwrap();
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

fn cache(bytes: usize) -> SignatureCache {
    SignatureCache::new(bytes, Moment::new(NOW, [7; 32]))
}

/// The cache under test. It counts the signatures that were checked and found valid: each is remembered.
struct Counted {
    cache: SignatureCache,
    checked: usize,
}

impl Counted {
    fn new(bytes: usize) -> Self {
        Self { cache: cache(bytes), checked: 0 }
    }
}

impl SignatureMemory for Counted {
    fn recall(&mut self, token: &str) -> Option<RememberedToken> {
        self.cache.recall(token)
    }
    fn remember(&mut self, token: RememberedToken) {
        self.checked += 1;
        self.cache.remember(token);
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
        let mut cache = Counted::new([1 << 20, 5_000, 0][number as usize % 3]);
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
                    issuer.provider.alter_access_token(set_claim("cnf", cnf));
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
                    let checked = cache.checked;
                    let with = policy.verify_cached_bound(token, &keys, &mut cache, &mut scratch, now, shown);
                    let without = policy.verify_bound(token, &keys, &mut plain, now, shown);
                    assert_eq!(seen(&with), seen(&without));
                    let is_hit = with.is_ok() && cache.checked == checked;
                    let is_bound = with.as_ref().is_ok_and(|verified| verified.claims().cnf.is_some());
                    hits += usize::from(is_hit);
                    bound_hits += usize::from(is_hit && is_bound);
                    let is_unchanged = (cache.cache.len(), cache.checked) == (before, checked);
                    assert!(is_unchanged || with.is_ok(), "a refused token leaves nothing behind");
                }
            }
        }
    }
    assert!(hits > 100, "the traces do have hits: {hits}");
    assert!(bound_hits > 20, "the hits include bound tokens: {bound_hits}");
}

#[test]
fn a_cached_verdict_ends_with_its_key_its_time_and_its_policy() {
    let mut issuer = Issuer::new();
    let token = issuer.token(API, NOW);
    let (verifier, keys) = (AccessTokenVerifier::new(ISSUER, API), issuer.keys());
    let (mut cache, mut scratch) = (cache(1 << 20), Scratch::new());
    let mut verify = |verifier: &AccessTokenVerifier, keys: &KeySet, now| {
        verifier.verify_cached(&token, keys, &mut cache, &mut scratch, now).map(|_| ())
    };
    assert_eq!(verify(&verifier, &keys, NOW), Ok(()));
    assert_eq!(verify(&verifier, &keys, NOW.plus(329)), Ok(()));
    assert_eq!(
        verify(&verifier, &keys, NOW.plus(330)),
        Err(VerificationError::Expired { ago: Duration::from_secs(30), leeway: Duration::from_secs(30) }),
        "the time is checked at every hit"
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

/// A memory that returns the same for every token.
struct Gullible(Option<RememberedToken>);

impl SignatureMemory for Gullible {
    fn recall(&mut self, _: &str) -> Option<RememberedToken> {
        self.0.clone()
    }
    fn remember(&mut self, token: RememberedToken) {
        self.0.get_or_insert(token);
    }
}

/// A hash may be the same for two tokens, and a memory may err: a token counts only by all its bytes.
#[test]
fn a_memory_that_returns_another_token_changes_no_verdict() {
    let mut issuer = Issuer::new();
    let known = issuer.token(API, NOW);
    issuer.provider.alter_access_token(set_claim("sub", json!("mallory")));
    let other = issuer.token(API, NOW);
    issuer.provider.alter_access_token(set_claim("aud", json!("https://other.example")));
    let elsewhere = issuer.token("https://other.example", NOW);
    let (verifier, keys) = (AccessTokenVerifier::new(ISSUER, API), issuer.keys());
    let part = |token: &str, number: usize| token.split('.').nth(number).unwrap().to_owned();
    // The signature of the known token, after another payload or another header.
    let payload = format!("{}.{}.{}", part(&known, 0), part(&other, 1), part(&known, 2));
    let header = format!("{}.{}.{}", "eyJhbGciOiJub25lIn0", part(&known, 1), part(&known, 2));
    let cut = known[..known.len() - 1].to_owned();
    let (mut scratch, mut plain) = (Scratch::new(), Scratch::new());
    let (mut gullible, mut honest) = (Gullible(None), cache(1 << 20));
    verifier.verify_cached(&known, &keys, &mut gullible, &mut scratch, NOW).unwrap();
    verifier.verify_cached(&known, &keys, &mut honest, &mut scratch, NOW).unwrap();
    for token in [other, elsewhere, payload, header, cut, known] {
        let expected = seen(&verifier.verify(&token, &keys, &mut plain, NOW));
        let with = verifier.verify_cached(&token, &keys, &mut gullible, &mut scratch, NOW);
        assert_eq!(seen(&with), expected, "{token}");
        let with = verifier.verify_cached(&token, &keys, &mut honest, &mut scratch, NOW);
        assert_eq!(seen(&with), expected, "{token}");
    }
}

/// Row S7: at each hit, the binding is checked against the sender.
#[test]
fn a_cached_bound_token_does_not_become_a_bearer_token() {
    let mut issuer = Issuer::new();
    issuer.provider.alter_access_token(set_claim("cnf", json!({"jkt": "k"})));
    let (token, keys, verifier) =
        (issuer.token(API, NOW), issuer.keys(), AccessTokenVerifier::new(ISSUER, API));
    let (mut cache, mut scratch) = (Counted::new(1 << 20), Scratch::new());
    let mut verify = |shown: Possession<'_>| {
        let verdict = verifier.verify_cached_bound(&token, &keys, &mut cache, &mut scratch, NOW, shown);
        (verdict.map(drop), cache.cache.len(), cache.checked)
    };
    let key = |jkt| Possession::none().key(jkt);
    assert_eq!(verify(Possession::none()), (Err(VerificationError::SenderConstrained), 0, 0));
    assert_eq!(verify(key("k")), (Ok(()), 1, 1), "remembered");
    assert_eq!(
        verify(Possession::none()),
        (Err(VerificationError::SenderConstrained), 1, 1),
        "as a bearer token"
    );
    assert_eq!(
        verify(Possession::none().certificate("k")),
        (Err(VerificationError::SenderConstrained), 1, 1)
    );
    assert_eq!(
        verify(key("other")),
        (Err(VerificationError::WrongSender), 1, 1),
        "with another client's proof"
    );
    assert_eq!(verify(key("k")), (Ok(()), 1, 1), "with its own proof");
}

#[test]
fn a_cache_hit_skips_only_the_signature() {
    let mut issuer = Issuer::new();
    let (token, keys) = (issuer.token(API, NOW), issuer.keys());
    issuer.provider.alter_access_token(set_claim("client_id", json!(null)));
    let nobody = issuer.token(API, NOW);
    issuer.provider.clear_alterations();
    issuer.provider.alter_access_token(set_claim("jti", json!(null)));
    let nameless = issuer.token(API, NOW);
    let new = || AccessTokenVerifier::new(ISSUER, API);
    let lenient = new().without_required_claim(RequiredClaim::Jti);
    let lenient = lenient.without_required_claim(RequiredClaim::ClientId);
    let (mut cache, mut scratch) = (Counted::new(1 << 20), Scratch::new());
    for token in [&token, &nobody, &nameless] {
        lenient.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).unwrap();
    }
    let rs256 = [Algorithm::RS256].into_iter().collect();
    let leeway = Duration::ZERO;
    for (token, verifier, now, why) in [
        (&token, AccessTokenVerifier::new(ISSUER, "x"), NOW, VerificationError::Audience),
        (&token, AccessTokenVerifier::new("x", API), NOW, VerificationError::Issuer),
        (&token, new().max_token(token.len() - 1), NOW, VerificationError::TooLarge),
        (&token, new().algorithms(rs256), NOW, VerificationError::Jws(JwsError::AlgorithmNotAllowed)),
        (
            &token,
            new().leeway(leeway),
            NOW.plus(300),
            VerificationError::Expired { ago: Duration::ZERO, leeway },
        ),
        (
            &token,
            new().leeway(leeway),
            NOW.plus(-1),
            VerificationError::IssuedInFuture { ahead: Duration::from_secs(1), leeway },
        ),
        (&nobody, new(), NOW, VerificationError::Missing("client_id")),
        (&nameless, new(), NOW, VerificationError::Missing("jti")),
    ] {
        let verdict = verifier.verify_cached(token, &keys, &mut cache, &mut scratch, now);
        assert_eq!(verdict.err(), Some(why));
        assert_eq!(verifier.verify(token, &keys, &mut Scratch::new(), now).err(), Some(why));
    }
    for token in [&token, &nobody, &nameless] {
        lenient.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).unwrap();
    }
    assert_eq!(cache.checked, 3, "no signature was checked a second time");
}

#[test]
fn the_limit_is_exact_and_an_entry_that_was_used_gets_a_second_chance() {
    let mut issuer = Issuer::new();
    let (verifier, keys, mut scratch) =
        (AccessTokenVerifier::new(ISSUER, API), issuer.keys(), Scratch::new());
    let tokens: Vec<_> = (0..4).map(|_| issuer.token(API, NOW)).collect();
    let mut one = cache(1 << 20);
    verifier.verify_cached(&tokens[0], &keys, &mut one, &mut scratch, NOW).unwrap();
    let price = one.bytes();
    let payload = tokens[0].split('.').nth(1).unwrap().len() * 3 / 4;
    let least = ENTRY_BYTES + tokens[0].len() + payload;
    // The text also has the strings of the header.
    assert!((least..least + 100).contains(&price), "{price} {least}");
    for (bytes, held) in [(0, 0), (price - 1, 0), (price, 1), (3 * price, 3), (4 * price - 1, 3)] {
        let mut cache = cache(bytes);
        for token in &tokens {
            assert!(verifier.verify_cached(token, &keys, &mut cache, &mut scratch, NOW).is_ok());
        }
        assert_eq!((cache.len(), cache.bytes()), (held, held * price), "{bytes}");
    }
    let mut all = cache(1 << 20);
    for token in &tokens {
        verifier.verify_cached(token, &keys, &mut all, &mut scratch, NOW).unwrap();
    }
    all.purge(NOW.plus(299));
    assert_eq!((all.len(), all.bytes()), (4, 4 * price));
    all.purge(NOW.plus(300));
    assert!(all.is_empty() && all.bytes() == 0);

    let mut two = Counted::new(2 * price);
    let mut is_hit = |token: usize| {
        let before = two.checked;
        verifier.verify_cached(&tokens[token], &keys, &mut two, &mut scratch, NOW).unwrap();
        two.checked == before
    };
    let hits = [0, 1, 0, 2, 0, 1].map(&mut is_hit);
    assert_eq!(
        hits,
        [false, false, true, false, true, false],
        "the third token takes the place of the second"
    );
}

/// A slow and simple model of the cache: its tokens from the oldest to the newest, and whether each was used.
struct Model(Vec<(usize, bool)>);

impl Model {
    /// Whether the token is known; otherwise it is added.
    fn verify(&mut self, token: usize, most: usize) -> bool {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.0 == token) {
            entry.1 = true;
            return true;
        }
        let mut chances = 64;
        while self.0.len() == most {
            let (oldest, used) = self.0.remove(0);
            if used && chances > 0 {
                chances -= 1;
                self.0.push((oldest, false));
            }
        }
        self.0.push((token, false));
        false
    }
}

#[test]
fn random_requests_hit_where_the_model_does() {
    let mut issuer = Issuer::new();
    let (verifier, keys, mut scratch) =
        (AccessTokenVerifier::new(ISSUER, API), issuer.keys(), Scratch::new());
    let tokens: Vec<_> = (0..72).map(|_| issuer.token(API, NOW)).collect();
    let mut one = cache(1 << 20);
    verifier.verify_cached(&tokens[0], &keys, &mut one, &mut scratch, NOW).unwrap();
    let price = one.bytes();
    for (seed, most, reach) in [(1, 4, 8), (2, 7, 12), (3, 70, 72)] {
        let (mut seed, mut cache, mut model) =
            (Seed::new(seed), Counted::new(most * price), Model(Vec::new()));
        for step in 0..300 {
            // At first, every token twice: then all of them are used.
            let token = if step < 2 * most { step % most } else { seed.below(reach) as usize };
            let before = cache.checked;
            verifier.verify_cached(&tokens[token], &keys, &mut cache, &mut scratch, NOW).unwrap();
            assert_eq!(cache.checked == before, model.verify(token, most), "{most} {step}");
            assert_eq!((cache.cache.len(), cache.cache.bytes()), (model.0.len(), model.0.len() * price));
        }
    }
}
