//! The five laws for a login and a refresh with a DPoP key of their session, at a provider that demands proofs and nonces.
//! The key is saved with the state, and travels in the same form.

use super::{
    flows::{Form, ISSUER, Keys, show_tokens},
    world::{Answer, End, NOW, Script, Trace, World, answers, busy, honest, scripts},
};
use crate::contract::{moment, read};
use oidc_proto::{
    Error, Secret, UrlPolicy,
    flow::{
        Call, Client, DpopKey, Login, PendingAuthorization, PendingAuthorizations, PreviousLogin,
        ResponseRule, Seal, SealingKeys,
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::{Algorithm, Browser, Registration, Seed, TestProvider};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeSet, sync::Arc};

const CALLBACK: &str = "https://app.example/callback";
const PLACE: &str = "__Host-login at app.example";

/// The nonces change after this many seconds.
const NONCES: i64 = 60;

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A login that fetches UserInfo.
    Login {
        keys: Keys,
    },
    Refresh {
        keys: Keys,
    },
}

const EVERY: [Kind; 4] = [
    Kind::Login { keys: Keys::Current },
    Kind::Login { keys: Keys::Stale },
    Kind::Refresh { keys: Keys::Current },
    Kind::Refresh { keys: Keys::Stale },
];

fn provider() -> TestProvider {
    let mut provider = TestProvider::new(ISSUER);
    provider.access_token_alg(Algorithm::EdDSA);
    provider.accept_dpop([Algorithm::EdDSA]);
    provider.require_dpop(true);
    provider.demand_dpop_nonces(NONCES);
    let tab = Registration::public("tab").redirect_uri(CALLBACK);
    provider.register(tab.id_token_alg(Algorithm::EdDSA));
    provider
}

/// A node with this key. It has read the metadata itself.
fn node(provider: &TestProvider, key: &DpopKey) -> Client {
    let (document, profile) = (provider.metadata().to_string(), Profile::OpenIdProvider);
    let metadata = ProviderMetadata::parse(document.as_bytes(), ISSUER, profile, &UrlPolicy::default());
    let client = Client::builder(metadata.unwrap(), "tab").redirect_uri(CALLBACK).fetch_userinfo();
    let client = client.id_token_signed_response_alg(Algorithm::EdDSA).build().unwrap();
    client.with_dpop_key(key).unwrap()
}

/// A state that was saved in this form and loaded again.
fn through<T: Seal + Serialize + DeserializeOwned>(form: Form, state: T) -> T {
    let keys = SealingKeys::new(1, &[0x5A; 32]);
    match form {
        Form::Kept => state,
        Form::Json => serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap(),
        Form::Sealed | Form::Cookie => {
            keys.open(&keys.seal(&state, PLACE, moment(0, 8)).unwrap(), PLACE).unwrap()
        }
    }
}

/// A login that comes back out of a cookie in which another login of another key was open.
fn among_others(client: &Client, pending: PendingAuthorization) -> PendingAuthorization {
    let other = client.with_dpop_key(&DpopKey::ed25519(moment(0, 6)).unwrap()).unwrap();
    let (_, other) = other.authorize(&AuthorizationRequest::default(), moment(0, 7)).unwrap();
    let (state, keys) = (pending.state().to_owned(), SealingKeys::new(1, &[0x5A; 32]));
    let mut open = PendingAuthorizations::new();
    assert!(open.add(other, NOW).is_none() && open.add(pending, NOW).is_none());
    let cookie = keys.seal(&open, PLACE, moment(0, 8)).unwrap();
    keys.open::<PendingAuthorizations>(&cookie, PLACE).unwrap().take(&state).unwrap()
}

/// The user leaves one node and comes back to another.
fn code(world: &mut World, [first, other]: [&Client; 2], keys: Arc<KeySet>, form: Form) -> Call<Login> {
    let mut seed = Seed::new(1);
    let request = AuthorizationRequest::new(["profile", "offline_access"]);
    let (url, pending) = first.authorize(&request, seed.moment(NOW)).unwrap();
    let pending = if form == Form::Cookie { among_others(first, pending) } else { through(form, pending) };
    let landing = Browser::new().visit(&mut world.provider, url, NOW);
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    let step = pending.callback(other, Some(keys), response, seed.moment(NOW)).unwrap();
    step.into_call().expect("the code is sent")
}

impl Kind {
    /// Law 5: the most requests: the token endpoint and UserInfo may each demand another nonce.
    const fn bound(self) -> usize {
        match self {
            Self::Login { .. } => 5,
            Self::Refresh { .. } => 3,
        }
    }

    const fn spent(self) -> &'static str {
        match self {
            Self::Login { .. } => "code=",
            Self::Refresh { .. } => "refresh_token=",
        }
    }

    /// Begins the flow and leaves it to the script. The state and the key travel in this form.
    fn run(self, script: Script, form: Form) -> (Trace, TestProvider) {
        let mut provider = provider();
        let key = DpopKey::ed25519(moment(0, 5)).unwrap();
        let nodes = [node(&provider, &key), node(&self::provider(), &through(form, key))];
        let current = Arc::new(KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap());
        let (Self::Login { keys } | Self::Refresh { keys }) = self;
        let before = match self {
            Self::Login { .. } => None,
            Self::Refresh { .. } => Some(login(&mut provider, &nodes[0], &current)),
        };
        if keys == Keys::Stale {
            provider.rotate_keys();
        }
        let mut world = World::new(provider, script);
        let trace = match before {
            None => {
                let call = code(&mut world, [&nodes[0], &nodes[1]], current, form);
                world.play(call, |pause, _| pause, |user| format!("{user:?} {}", show_tokens(&user.tokens)))
            }
            Some((token, previous)) => {
                let previous = through(form, previous);
                let call = nodes[1].refresh(&token, Some(previous), Some(current), moment(0, 9)).unwrap();
                world.play(call, |pause, _| pause, |done| format!("{done:?} {}", show_tokens(&done.tokens)))
            }
        };
        (trace, world.provider)
    }
}

/// A login at an honest provider.
fn login(provider: &mut TestProvider, client: &Client, keys: &Arc<KeySet>) -> (Secret, PreviousLogin) {
    let mut world = World::new(std::mem::replace(provider, self::provider()), honest());
    let call = code(&mut world, [client; 2], keys.clone(), Form::Kept);
    let mut found = None;
    world.play(
        call,
        |pause, _| pause,
        |user| {
            found = Some((user.tokens.refresh_token.clone().unwrap(), PreviousLogin::from(&user)));
            String::new()
        },
    );
    *provider = world.provider;
    found.expect("an honest login ends well")
}

fn for_random_servers(cases: u32, check: impl Fn(Kind, Script) -> Result<(), TestCaseError>) {
    for kind in EVERY {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let run = TestRunner::new(config).run(&scripts(), |script| check(kind, script));
        run.unwrap_or_else(|failure| panic!("{kind:?}: {failure}"));
    }
}

/// Law 1. A code or a refresh token is sent once more only to a server that has demanded another nonce, and each time with
/// a new proof.
#[test]
fn law_1_a_code_is_repeated_only_for_a_nonce_and_a_proof_never() {
    for_random_servers(120, |kind, script| {
        let (trace, provider) = kind.run(script, Form::Kept);
        let requests = trace.requests();
        let spent = requests.iter().filter(|sent| sent.body.contains(kind.spent()));
        prop_assert!((1..=2).contains(&spent.count()), "{:?}", trace);
        let proofs: Vec<_> = requests.iter().map(|sent| sent.header("dpop")).collect();
        let mut seen = BTreeSet::new();
        for proof in proofs.iter().filter(|proof| !proof.is_empty()) {
            prop_assert!(seen.insert(read(proof).1["jti"].to_string()), "a proof is sent twice");
        }
        let twice = provider.audit().iter().any(|finding| finding.what.contains("a second time"));
        prop_assert!(!twice, "{:?}", provider.audit());
        let other = provider.audit().iter().any(|finding| finding.what.contains("another server"));
        prop_assert!(!other, "{:?}", provider.audit());
        Ok(())
    });
}

/// Law 2. A lost response ends the flow, unless the new tokens have come.
#[test]
fn law_2_a_flow_fails_only_when_nothing_more_can_be_done() {
    for_random_servers(120, |kind, script| {
        let (trace, _) = kind.run(script, Form::Kept);
        let lost = trace.exchanges.iter().position(|one| matches!(one.answer, Answer::Lost { .. }));
        if let Some(at) = lost {
            prop_assert_eq!(at + 1, trace.exchanges.len(), "{:?}", trace);
            let of_keys = trace.lines()[at] == "GET /jwks" && matches!(kind, Kind::Refresh { .. });
            prop_assert_eq!(matches!(trace.end, End::Done(_)), of_keys, "{:?}", trace);
        }
        Ok(())
    });
}

/// Laws 3 and 4. Saved with its key in any form, and resumed by another node, the flow is the same to the last byte; and
/// so is the same run once more.
#[test]
fn laws_3_and_4_a_saved_login_and_its_key_are_the_same_login() {
    for_random_servers(40, |kind, script| {
        let (whole, _) = kind.run(script.clone(), Form::Kept);
        for form in [Form::Kept, Form::Json, Form::Sealed, Form::Cookie] {
            let (resumed, _) = kind.run(script.clone(), form);
            prop_assert_eq!(whole.outcome(), resumed.outcome(), "{:?}", form);
        }
        prop_assert!(whole.waits.is_empty(), "never at rest: {:?}", whole);
        Ok(())
    });
}

/// Law 5. Every flow ends within its number of requests.
#[test]
fn law_5_every_flow_ends_in_time() {
    let longest = std::cell::Cell::new(0);
    for_random_servers(200, |kind, script| {
        let (trace, _) = kind.run(script, Form::Kept);
        prop_assert!((1..=kind.bound()).contains(&trace.exchanges.len()), "{:?}", trace);
        longest.set(longest.get().max(trace.exchanges.len()));
        Ok(())
    });
    assert!(longest.get() >= 4, "the servers reach the long runs");
}

#[test]
fn an_honest_provider_gets_exactly_these_requests() {
    const TOKEN: &str = "POST /token";
    for (kind, requests) in [
        (EVERY[0], &[TOKEN, TOKEN, "GET /userinfo"][..]),
        (EVERY[1], &[TOKEN, TOKEN, "GET /jwks", "GET /userinfo"]),
        (EVERY[2], &[TOKEN, TOKEN]),
        (EVERY[3], &[TOKEN, TOKEN, "GET /jwks"]),
    ] {
        let (trace, provider) = kind.run(honest(), Form::Kept);
        assert_eq!(trace.lines(), requests, "{kind:?}");
        assert!(matches!(trace.end, End::Done(_)), "{kind:?}: {:?}", trace.end);
        provider.assert_clean();
    }
}

/// Slow, huge, lying and malformed servers.
#[test]
fn a_bad_server_ends_each_flow_with_a_typed_error() {
    use super::world::RetryAfter;
    for kind in EVERY {
        for (answer, code) in [
            (busy(503, RetryAfter::Seconds(7)), "unavailable"),
            (Answer::Oversized(200), "response_too_large"),
            (Answer::Redirect(302), "response_redirect"),
            (Answer::Bytes(b"{}".to_vec()), "response_missing_member"),
            (
                Answer::Bytes(br#"{"access_token": "a", "token_type": "Bearer"}"#.to_vec()),
                "response_not_bound",
            ),
            (Answer::Bytes(b"<html>".to_vec()), "response_json"),
        ] {
            let (trace, _) = kind.run(answers([answer.clone()]), Form::Kept);
            let End::Failed(error) = trace.end else { panic!("{kind:?}: {:?}", trace.end) };
            assert_eq!((trace.exchanges.len(), error.cause().code()), (1, code), "{answer:?}");
            let status = matches!(&error, Error::Response(error) if error.rule == ResponseRule::Status);
            assert!(!status, "{error}");
        }
        let (trace, _) = kind.run(answers([Answer::Lost { arrived: true }]), Form::Kept);
        assert_eq!((trace.exchanges.len(), trace.end), (1, End::Lost), "{kind:?}");
    }
}
