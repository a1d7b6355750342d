//! The five laws for a client that authenticates with an attestation, at a provider that demands challenges: with a
//! challenge endpoint, or without one.

use super::{
    flows::{Form, ISSUER, show_tokens},
    world::{Answer, End, NOW, RetryAfter, Script, Trace, World, answers, busy, honest, scripts},
};
use crate::{
    attestation::{attestation, attester},
    contract::{moment, read},
};
use oidc_proto::{
    Secret, UrlPolicy,
    flow::{Call, Client, ClientCredentialsRequest, Login, SealingKeys},
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::{Algorithm, Browser, ClientAuthentication, KeyRing, Registration, Seed, TestProvider};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::{collections::BTreeSet, sync::Arc};

const CALLBACK: &str = "https://app.example/callback";
const PLACE: &str = "__Host-login at app.example";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Login,
    Refresh,
    /// A request that may be repeated.
    Service,
    /// The challenge alone.
    Challenge,
}

/// Each kind, at a provider with a challenge endpoint or without one.
const EVERY: [(Kind, bool); 7] = [
    (Kind::Login, true),
    (Kind::Login, false),
    (Kind::Refresh, true),
    (Kind::Refresh, false),
    (Kind::Service, true),
    (Kind::Service, false),
    (Kind::Challenge, true),
];

fn provider(endpoint: bool) -> TestProvider {
    let mut provider = TestProvider::new(ISSUER);
    provider.access_token_alg(Algorithm::EdDSA);
    provider.demand_attestation_challenges(60);
    provider.challenge_endpoint(endpoint);
    let app = Registration::new("app", ClientAuthentication::Attested(attester().jwk()));
    let app = app.redirect_uri(CALLBACK).grant_type("client_credentials").id_token_alg(Algorithm::EdDSA);
    provider.register(app);
    provider
}

/// A node of this instance. It has read the metadata itself.
fn node(provider: &TestProvider) -> Client {
    let (document, profile) = (provider.metadata().to_string(), Profile::OpenIdProvider);
    let metadata = ProviderMetadata::parse(document.as_bytes(), ISSUER, profile, &UrlPolicy::default());
    let (key, jwk) = KeyRing::client_key(Algorithm::EdDSA);
    let client = Client::builder(metadata.unwrap(), "app").redirect_uri(CALLBACK).attestation_key(key);
    let client = client.attestation(attestation("app", &jwk));
    client.id_token_signed_response_alg(Algorithm::EdDSA).build().unwrap()
}

fn code(world: &mut World, [first, other]: [&Client; 2], keys: Arc<KeySet>, form: Form) -> Call<Login> {
    let (mut seed, sealing) = (Seed::new(1), SealingKeys::new(1, &[0x5A; 32]));
    let request = AuthorizationRequest::new(["profile", "offline_access"]);
    let (url, pending) = first.authorize(&request, seed.moment(NOW)).unwrap();
    let pending = match form {
        Form::Kept => pending,
        Form::Json => serde_json::from_str(&serde_json::to_string(&pending).unwrap()).unwrap(),
        Form::Sealed | Form::Cookie => {
            sealing.open(&sealing.seal(&pending, PLACE, moment(0, 8)).unwrap(), PLACE).unwrap()
        }
    };
    let landing = Browser::new().visit(&mut world.provider, url, NOW);
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    let step = pending.callback(other, Some(keys), response, seed.moment(NOW)).unwrap();
    step.into_call().expect("the code is sent")
}

/// A refresh token from an honest provider.
fn refresh_token(provider: &mut TestProvider, endpoint: bool, client: &Client, keys: &Arc<KeySet>) -> Secret {
    let mut world = World::new(std::mem::replace(provider, self::provider(endpoint)), honest());
    let call = code(&mut world, [client; 2], keys.clone(), Form::Kept);
    let mut found = None;
    world.play(
        call,
        |pause, _| pause,
        |user| {
            found.clone_from(&user.tokens.refresh_token);
            String::new()
        },
    );
    *provider = world.provider;
    found.expect("an honest login ends well")
}

/// Law 5: the most requests. A refused challenge costs one more, and a fetched one comes before.
const fn bound((kind, endpoint): (Kind, bool)) -> usize {
    match (kind, endpoint) {
        (Kind::Login | Kind::Refresh, true) => 4,
        (Kind::Login | Kind::Refresh, false) => 3,
        (Kind::Service, true) => 4 * 3,
        (Kind::Service, false) => 4 * 2,
        (Kind::Challenge, _) => 1,
    }
}

fn run((kind, endpoint): (Kind, bool), script: Script, form: Form) -> (Trace, TestProvider) {
    let mut provider = provider(endpoint);
    let nodes = [node(&provider), node(&self::provider(endpoint))];
    let keys = Arc::new(KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap());
    let token = (kind == Kind::Refresh).then(|| refresh_token(&mut provider, endpoint, &nodes[0], &keys));
    let mut world = World::new(provider, script);
    let trace = match kind {
        Kind::Login => {
            let call = code(&mut world, [&nodes[0], &nodes[1]], keys, form);
            world.play(call, |pause, _| pause, |user| format!("{user:?} {}", show_tokens(&user.tokens)))
        }
        Kind::Refresh => {
            let call = nodes[1].refresh(&token.unwrap(), None, Some(keys), moment(0, 9)).unwrap();
            world.play(call, |pause, _| pause, |done| format!("{done:?} {}", show_tokens(&done.tokens)))
        }
        Kind::Service => {
            let wanted = ClientCredentialsRequest::new(["reports"]);
            let call = nodes[0].client_credentials(&wanted, moment(0, 9)).unwrap();
            world.play(call, |pause, _| pause, |tokens| show_tokens(&tokens))
        }
        Kind::Challenge => {
            let call = nodes[0].attestation_challenge_retrieval().unwrap();
            world.play(call, |pause, _| pause, |challenge| challenge)
        }
    };
    (trace, world.provider)
}

fn for_random_servers(cases: u32, check: impl Fn((Kind, bool), Script) -> Result<(), TestCaseError>) {
    for kind in EVERY {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let run = TestRunner::new(config).run(&scripts(), |script| check(kind, script));
        run.unwrap_or_else(|failure| panic!("{kind:?}: {failure}"));
    }
}

/// Law 1. A code or a refresh token is sent once more only to a server that has demanded another challenge. No proof is sent
/// twice.
#[test]
fn law_1_a_code_is_repeated_only_for_a_challenge_and_a_proof_never() {
    for_random_servers(60, |kind, script| {
        let (trace, provider) = run(kind, script, Form::Kept);
        let requests = trace.requests();
        let spent = match kind.0 {
            Kind::Login => Some("code="),
            Kind::Refresh => Some("refresh_token="),
            Kind::Service | Kind::Challenge => None,
        };
        if let Some(spent) = spent {
            let at: Vec<_> = (0..requests.len()).filter(|at| requests[*at].body.contains(spent)).collect();
            prop_assert!(at.len() <= 2, "{:?}", trace);
            if let [first, _] = at[..] {
                // A server that says nothing of a challenge gets the code once.
                let answer = &trace.exchanges[first].answer;
                let silent = matches!(
                    answer,
                    Answer::Lost { .. } | Answer::Status { .. } | Answer::Bytes(_) | Answer::Redirect(_)
                );
                prop_assert!(!silent, "{:?}", trace);
            }
        }
        let mut seen = BTreeSet::new();
        for proof in requests.iter().map(|sent| sent.header("oauth-client-attestation-pop")) {
            if !proof.is_empty() {
                prop_assert!(seen.insert(read(&proof).1["jti"].to_string()), "a proof is sent twice");
            }
        }
        let found = |what: &str| provider.audit().iter().any(|finding| finding.what.contains(what));
        prop_assert!(!found("a second time"), "{:?}", provider.audit());
        // A challenge endpoint that lies gives a challenge of its own.
        prop_assert!(kind.1 || !found("another server"), "{:?}", provider.audit());
        Ok(())
    });
}

/// Law 2. A lost response ends the flow, unless its request may be repeated.
#[test]
fn law_2_a_flow_fails_only_when_nothing_more_can_be_done() {
    for_random_servers(60, |kind, script| {
        let (trace, _) = run(kind, script, Form::Kept);
        let lost = trace.exchanges.iter().position(|one| matches!(one.answer, Answer::Lost { .. }));
        match lost {
            Some(at) if kind.0 != Kind::Service => {
                prop_assert_eq!(at + 1, trace.exchanges.len(), "{:?}", trace);
                prop_assert_eq!(&trace.end, &End::Lost, "{:?}", trace);
            }
            Some(_) => prop_assert!(!trace.waits.is_empty() || trace.end == End::Lost, "{:?}", trace),
            None => {}
        }
        Ok(())
    });
}

/// Laws 3 and 4. A login that is saved in any form, and resumed by another node, is the same to the last byte; and so is the
/// same run once more.
#[test]
fn laws_3_and_4_a_saved_login_is_the_same_login() {
    for_random_servers(25, |kind, script| {
        let (whole, _) = run(kind, script.clone(), Form::Kept);
        for form in [Form::Kept, Form::Json, Form::Sealed] {
            let (resumed, _) = run(kind, script.clone(), form);
            prop_assert_eq!(whole.outcome(), resumed.outcome(), "{:?}", form);
        }
        prop_assert!(whole.waits.is_empty() || kind.0 == Kind::Service, "never at rest: {:?}", whole);
        Ok(())
    });
}

/// Law 5. Every flow ends within its number of requests.
#[test]
fn law_5_every_flow_ends_in_time() {
    let longest = std::cell::Cell::new(0);
    for_random_servers(90, |kind, script| {
        let (trace, _) = run(kind, script, Form::Kept);
        prop_assert!((1..=bound(kind)).contains(&trace.exchanges.len()), "{:?}", trace);
        longest.set(longest.get().max(trace.exchanges.len()));
        Ok(())
    });
    assert!(longest.get() >= 4, "the servers reach the long runs");
}

#[test]
fn an_honest_provider_gets_exactly_these_requests() {
    const TOKEN: &str = "POST /token";
    const CHALLENGE: &str = "POST /challenge";
    for kind in EVERY {
        let (trace, provider) = run(kind, honest(), Form::Kept);
        let requests: &[&str] = match kind {
            (Kind::Challenge, _) => &[CHALLENGE],
            (_, true) => &[CHALLENGE, TOKEN],
            (_, false) => &[TOKEN, TOKEN],
        };
        assert_eq!(trace.lines(), requests, "{kind:?}");
        assert!(matches!(trace.end, End::Done(_)), "{kind:?}: {:?}", trace.end);
        provider.assert_clean();
    }
}

/// Slow, huge, lying and malformed servers.
#[test]
fn a_bad_server_ends_each_flow_with_a_typed_error() {
    for kind in EVERY {
        for (answer, code) in [
            (busy(500, RetryAfter::Seconds(7)), "unavailable"),
            (Answer::Oversized(200), "response_too_large"),
            (Answer::Redirect(302), "response_redirect"),
            (Answer::Bytes(b"{}".to_vec()), "response_missing_member"),
            (Answer::Bytes(b"<html>".to_vec()), "response_json"),
        ] {
            let (trace, _) = run(kind, answers([answer.clone()]), Form::Kept);
            let End::Failed(error) = trace.end else { panic!("{kind:?}: {:?}", trace.end) };
            assert_eq!((trace.exchanges.len(), error.cause().code()), (1, code), "{kind:?} {answer:?}");
        }
    }
}
