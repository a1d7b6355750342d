//! Scenarios E32 to E35 and E38: defects of the nearest peer in the keys of a provider, each by its smallest input.

use oidc_proto::{
    EndpointUrl, Error, UrlPolicy,
    flow::{ClientCredentialsRequest, Endpoint, JwksRetrieval, ResponseRule},
    jose::{Algorithm, JwsError, KeySet},
    renew::{Decision, KeyRenewal, Lease, Need, Renewal, RenewalError, RenewalPolicy},
    token::{AccessTokenVerifier, Scratch, VerificationError},
};
use oidc_testkit::{Clock, EndpointName, Party, TestProvider, drive, hostile};
use serde_json::{Value, json};
use std::sync::Arc;

const DAY: i64 = 86_400;

/// An API, the keys that it holds, and the provider that it fetches them from.
struct Api {
    party: Party,
    renewal: Renewal<KeySet>,
    up: bool,
}

impl Api {
    fn new() -> Self {
        let mut policy = RenewalPolicy::KEYS;
        policy.spread = 0;
        let mut party = Party::new();
        party.provider.access_token_lifetime(40 * DAY);
        Self { party, renewal: Renewal::new(policy), up: true }
    }

    fn token(&mut self) -> String {
        let wanted = ClientCredentialsRequest::default().resource("https://api.example");
        self.party.client_credentials(&wanted).unwrap().access_token.expose().to_owned()
    }

    fn fetch(&mut self, lease: Lease) {
        let Party { provider, clock, .. } = &mut self.party;
        let fetched = if self.up { fetch(provider, clock) } else { Err(RenewalError::NoResponse) };
        self.renewal.settle(lease, fetched, clock.moment());
    }

    /// Returns the keys that a request is judged by now. If it must wait for keys, they are fetched first.
    fn keys(&mut self) -> Option<Arc<KeySet>> {
        for _ in 0..2 {
            match self.renewal.want(Need::Any, self.party.clock.now()) {
                Decision::Use(_, keys) => return Some(keys),
                Decision::UseAndRenew(_, keys, lease) => {
                    self.fetch(lease);
                    return Some(keys);
                }
                Decision::Renew(lease) => self.fetch(lease),
                Decision::Refuse { .. } => return None,
                other => panic!("one caller at a time: {other:?}"),
            }
        }
        None
    }

    fn accepts(&mut self, token: &str) -> bool {
        let now = self.party.clock.now();
        let Some(keys) = self.keys() else { return false };
        let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example");
        verifier.verify(token, &keys, &mut Scratch::new(), now).is_ok()
    }
}

type Renewed = oidc_proto::renew::Renewed<KeySet>;

fn fetch(provider: &mut TestProvider, clock: &mut Clock) -> Result<Renewed, RenewalError> {
    let url = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default()).unwrap();
    drive(KeyRenewal::start(&url), provider, clock).map_err(RenewalError::from)
}

/// Key sets without a key that serves.
fn useless() -> [Value; 4] {
    [
        json!({"keys": []}),
        json!({"keys": null}),
        json!({"keys": [{"kty": "AKP", "alg": "ML-DSA-65", "kid": "rsa-1", "pub": "AAAA"}]}),
        json!({"keys": [{"kty": "oct", "kid": "rsa-1", "k": "AAAA"}, {"kty": "RSA", "kid": "x"}, 7]}),
    ]
}

/// A peer kept the empty set, and refused every token for a minute after the provider was well again.
#[test]
fn e32_an_empty_key_set_takes_no_good_keys_away() {
    for body in useless() {
        let mut api = Api::new();
        let token = api.token();
        assert!(api.accepts(&token));
        let once = hostile::times(1, hostile::respond(200, "application/json", body.to_string()));
        api.party.provider.alter_response(EndpointName::Jwks, once);
        for second in 0..900 {
            assert!(api.accepts(&token), "{body}: refused after {second} s");
            api.party.clock.advance(1);
        }
        assert!(
            api.party.provider.count(EndpointName::Jwks) >= 3,
            "the useless set was fetched, and another"
        );
        assert_eq!(api.renewal.counters().failures, 1, "{body}");
    }
    // An API that starts at the wrong moment has keys as soon as its next attempt finds some.
    for body in useless() {
        let mut api = Api::new();
        let token = api.token();
        let once = hostile::times(1, hostile::respond(200, "application/json", body.to_string()));
        api.party.provider.alter_response(EndpointName::Jwks, once);
        assert!(!api.accepts(&token), "there are no keys yet");
        let first = (1..60).find(|_| {
            api.party.clock.advance(1);
            api.accepts(&token)
        });
        assert!(first.is_some_and(|seconds| seconds <= 10), "{body}: {first:?}");
    }
}

/// A peer verified with the key of day 0 after thirty days without its provider.
#[test]
fn e33_no_key_outlives_a_month_without_its_provider() {
    for (said, fresh) in [(None, 300), (Some("max-age=60"), 60), (Some("max-age=99999999"), DAY)] {
        let start = || {
            let mut api = Api::new();
            if let Some(said) = said {
                let header = hostile::set_header("cache-control", said);
                api.party.provider.alter_response(EndpointName::Jwks, header);
            } else {
                let none = |response: &mut http::Response<Vec<u8>>| {
                    response.headers_mut().remove("cache-control");
                };
                api.party.provider.alter_response(EndpointName::Jwks, none);
            }
            let token = api.token();
            assert!(api.accepts(&token));
            api.up = false;
            (api, token)
        };
        let (mut busy, token) = start();
        let begun = busy.party.clock.now().0;
        let edge = fresh + 3_600;
        let mut times: Vec<i64> = (0..30 * DAY).step_by(600).chain([edge - 1, edge, edge + 1]).collect();
        times.sort_unstable();
        let mut last = 0;
        for time in times {
            let ahead = begun + time - busy.party.clock.now().0;
            busy.party.clock.advance(ahead);
            if busy.accepts(&token) {
                last = time;
            }
        }
        assert_eq!(last, fresh + 3_600 - 1, "{said:?}: an hour longer than the keys are fresh");
        // Nobody has asked in all that time.
        let (mut idle, token) = start();
        idle.party.clock.advance(30 * DAY);
        assert!(!idle.accepts(&token), "{said:?}");
        idle.up = true;
        idle.party.clock.advance(30);
        assert!(idle.accepts(&token), "the token itself is still valid");
    }
}

/// The provider's published keys, changed.
fn published(party: &Party, change: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut set = party.provider.key_set();
    change(set["keys"].as_array_mut().unwrap());
    set
}

/// Logs in, and has an access token verified, with these keys.
#[track_caller]
fn both_are_verified(party: &mut Party, keys: &Value) {
    let respond = hostile::respond(200, "application/json", keys.to_string());
    party.provider.alter_response(EndpointName::Jwks, respond);
    let user = party.login().unwrap();
    assert_eq!(user.id_token.sub, "alice");
    let wanted = ClientCredentialsRequest::default().resource("https://api.example");
    let token = party.client_credentials(&wanted).unwrap().access_token;
    let keys = KeySet::parse(keys.to_string().as_bytes()).unwrap();
    let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example");
    let now = party.clock.now();
    verifier.verify(token.expose(), &keys, &mut Scratch::new(), now).map(drop).unwrap();
}

/// A peer tried the first key of that name alone.
#[test]
fn e34_of_two_keys_with_one_kid_the_second_may_have_signed() {
    let named = |keys: &mut Vec<Value>, kind: &str, kid: &str| {
        keys.retain(|key| key["kid"].as_str().is_some_and(|kid| kid.starts_with(kind)));
        for key in keys.iter_mut() {
            key["kid"] = kid.into();
        }
    };
    for (algorithm, kind, generations) in
        [(Algorithm::RS256, "rsa", 2), (Algorithm::ES256, "p256", 2), (Algorithm::EdDSA, "ed25519", 3)]
    {
        for order in [false, true] {
            let mut party = Party::builder().id_token_alg(algorithm).build();
            party.provider.access_token_alg(algorithm);
            for _ in 1..generations {
                party.provider.rotate_keys_keeping_old();
            }
            let keys = published(&party, |keys| {
                named(keys, kind, "the same");
                if order {
                    keys.reverse();
                }
            });
            assert_eq!(keys["keys"].as_array().unwrap().len(), generations, "{kind}");
            party.provider.alter_id_token(hostile::set_header_member("kid", "the same"));
            party.provider.alter_access_token(hostile::set_header_member("kid", "the same"));
            both_are_verified(&mut party, &keys);
            party.provider.break_signatures(true);
            let refused = party.login().unwrap_err();
            assert_eq!(refused, VerificationError::from(JwsError::Signature).into(), "{kind}");
        }
    }
    // Two kinds of key under one name: the algorithm of the token says which one is meant.
    let mut party = Party::new();
    let keys = published(&party, |keys| {
        for key in keys.iter_mut() {
            key["kid"] = "the same".into();
        }
        let rsa = keys.iter().position(|key| key["kty"] == "RSA").unwrap();
        let last = keys.len() - 1;
        keys.swap(rsa, last);
    });
    party.provider.alter_id_token(hostile::set_header_member("kid", "the same"));
    party.provider.alter_access_token(hostile::set_header_member("kid", "the same"));
    both_are_verified(&mut party, &keys);
}

/// A peer refused a token without `kid` as soon as two keys fitted it.
#[test]
fn e35_without_a_kid_each_key_that_fits_is_tried() {
    for (algorithm, signed_by) in [(Algorithm::RS256, 1), (Algorithm::ES256, 2), (Algorithm::EdDSA, 1)] {
        let mut party = Party::builder().id_token_alg(algorithm).build();
        party.provider.access_token_alg(algorithm);
        party.provider.rotate_keys_keeping_old();
        party.provider.sign_with_generation(signed_by);
        party.provider.alter_id_token(hostile::remove_header_member("kid"));
        party.provider.alter_access_token(hostile::remove_header_member("kid"));
        let keys = published(&party, |_| ());
        both_are_verified(&mut party, &keys);
        party.provider.break_signatures(true);
        let refused = party.login().unwrap_err();
        assert_eq!(refused, VerificationError::from(JwsError::Signature).into(), "{}", algorithm.name());
    }
}

/// A peer read keys out of whatever came.
#[test]
fn e38_keys_of_another_media_type_are_refused_and_the_error_says_which() {
    for (media_type, said) in [
        ("text/html", Some("text/html")),
        ("text/html; charset=utf-8", Some("text/html")),
        ("text/plain", Some("text/plain")),
        ("application/octet-stream", Some("application/octet-stream")),
        // A type that nobody knows could say anything, so it is not repeated.
        ("call/0900-now", None),
        ("", None),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Jwks, hostile::set_header("content-type", media_type));
        let url = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default()).unwrap();
        let Party { provider, clock, .. } = &mut party;
        let alone = drive(JwksRetrieval::start(&url), provider, clock).map(drop).unwrap_err();
        let renewed = drive(KeyRenewal::start(&url), provider, clock).map(drop).unwrap_err();
        for error in [alone, renewed, party.login().unwrap_err()] {
            let text = error.to_string();
            let Error::Response(broken) = error else { panic!("{text}") };
            assert_eq!(broken.endpoint, Endpoint::Jwks);
            assert_eq!(broken.rule, ResponseRule::MediaType("application/json"));
            assert_eq!(broken.media_type, said, "{media_type}");
            assert!(text.contains("jwks_uri") && text.contains("https://op.example/jwks"), "{text}");
            assert_eq!(text.contains("but of `"), said.is_some(), "{text}");
            assert!(said.is_none_or(|said| text.contains(&format!("but of `{said}`"))), "{text}");
            assert!(!text.contains("0900"), "{text}");
        }
    }
}
