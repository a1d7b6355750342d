//! Several nodes that share their refreshes through a store: one handle for each node, and one store.

use super::colour::*;
use oidc_drive::{
    Clock, Provider, ProviderError, blocking,
    store::{
        Found, LostLease, MemoryStore, SharedRefreshError, SharedRefreshes, Store, StoreError, StoreFuture,
    },
};
use oidc_proto::{
    Error, Moment, Remedy, Secret, Timestamp,
    flow::{PreviousLogin, SealError, SealingKeys},
    token::VerificationError,
};
use oidc_testkit::{EndpointName, SimClock, hostile};
use serde_json::json;
use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

/// The clock of the store: that of the world, to the second.
struct OfTheWorld(SimClock);

impl Clock for OfTheWorld {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn moment(&self) -> Moment {
        self.0.moment()
    }
    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.now().0.unsigned_abs())
    }
}

/// A store that can be down, and remembers what was written.
#[derive(Clone)]
pub(super) struct Spied {
    store: MemoryStore,
    pub(super) down: Arc<AtomicBool>,
    pub(super) written: Arc<Mutex<Vec<Vec<u8>>>>,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Spied {
    pub(super) fn new(world: &World) -> Self {
        let store = MemoryStore::with_clock(OfTheWorld(world.clock.clone()));
        Self { store, down: Arc::default(), written: Arc::default(), keys: Arc::default() }
    }

    fn asked<T: Send + 'static>(&self, key: &str, answer: impl FnOnce() -> StoreFuture<T>) -> StoreFuture<T> {
        lock(&self.keys).push(key.to_owned());
        if self.down.load(SeqCst) {
            return Box::pin(std::future::ready(Err(StoreError::NoAnswer("no route".to_owned()))));
        }
        answer()
    }
}

impl Store for Spied {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        self.asked(key, || self.store.get(key))
    }
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        lock(&self.written).extend(new.map(|(value, _)| value.to_vec()));
        self.asked(key, || self.store.compare_and_set(key, expected, new))
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        self.asked(key, || self.store.put(key, value, lifetime))
    }
    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        self.asked(key, || self.store.take(key))
    }
}

pub(super) fn keys() -> SealingKeys {
    SealingKeys::new(1, &[0x5A; 32])
}

/// Nobody waits for another node.
pub(super) fn shared(store: &Spied) -> SharedRefreshes {
    SharedRefreshes::new(store.clone(), keys()).patience(Duration::ZERO)
}

pub(super) fn node(world: &World, shared: SharedRefreshes) -> Provider {
    world.asynchronous().shared_refreshes(shared).build().expect("settings that fit")
}

pub(super) fn thread_node(world: &World, shared: SharedRefreshes) -> blocking::Provider {
    world.blocking().shared_refreshes(shared).build().expect("settings that fit")
}

/// A world, its store, and a user who is logged in.
pub(super) fn scene() -> (World, Spied, Secret, PreviousLogin) {
    let world = World::new();
    // Waits of less than a second end at once.
    world.timers.store(true, SeqCst);
    let handle = thread_node(&world, shared(&Spied::new(&world)));
    let (url, pending) = handle.authorize(&request()).expect("a provider that is up");
    let login = handle.callback(pending, world.visit(&url)).expect("a login");
    let store = Spied::new(&world);
    (world, store, login.tokens.refresh_token.expect("a refresh token"), (&login.id_token).into())
}

pub(super) fn why(error: ProviderError) -> SharedRefreshError {
    let code = error.code();
    match error {
        ProviderError::Shared(why) => {
            assert_eq!(why.code(), code);
            why
        }
        other => panic!("{other}"),
    }
}

#[test]
fn nodes_with_one_store_send_a_refresh_token_once_and_all_get_the_new_tokens() {
    let (world, store, token, previous) = scene();
    let before = world.count(EndpointName::Token);
    let first = world.finish(node(&world, shared(&store)).refresh(&token, Some(previous.clone())));
    let first = first.expect("new tokens");
    assert!(first.rotated);
    world.clock.advance(100);
    let blocking = thread_node(&world, shared(&store)).refresh(&token, Some(previous.clone()));
    let third = world.finish(node(&world, shared(&store)).refresh(&token, None));
    for adopted in [blocking.expect("the same tokens"), third.expect("the same tokens")] {
        assert_eq!(adopted.tokens.access_token, first.tokens.access_token);
        assert_eq!(adopted.tokens.refresh_token, first.tokens.refresh_token);
        assert_eq!(adopted.id_token, first.id_token);
        let aged = Duration::from_secs(100);
        assert_eq!(adopted.tokens.expires_in, first.tokens.expires_in.map(|span| span.saturating_sub(aged)));
        let now = world.clock.now();
        let ends = adopted.tokens.expires_in.map(|left| now.after(left));
        assert_eq!(adopted.tokens.expires_at, ends);
    }
    assert_eq!(world.count(EndpointName::Token), before + 1);
    // The chain goes on, and a node that missed one link finds the next.
    let next = first.tokens.refresh_token.clone().expect("a refresh token");
    let second = thread_node(&world, shared(&store)).refresh(&next, None).expect("new tokens");
    let found = world.finish(node(&world, shared(&store)).refresh(&next, None)).expect("the same");
    assert_eq!(found.tokens.refresh_token, second.tokens.refresh_token);
    assert_eq!(world.count(EndpointName::Token), before + 2);
    world.change(|provider| provider.assert_clean());
}

/// Each caller compares the tokens with its own login, whoever refreshed.
#[test]
fn adopted_tokens_are_checked_against_the_login_of_the_caller() {
    let (world, store, token, previous) = scene();
    thread_node(&world, shared(&store)).refresh(&token, Some(previous.clone())).expect("new tokens");
    for sub in ["bob", "mallory", "Alice"] {
        let mut other = serde_json::to_value(&previous).expect("JSON");
        other["sub"] = sub.into();
        let other = serde_json::from_value(other).expect("a saved login");
        let error = thread_node(&world, shared(&store)).refresh(&token, Some(other)).map(drop).unwrap_err();
        let ProviderError::Protocol(error) = error else { panic!("{error}") };
        assert_eq!(error.cause(), &Error::Token(VerificationError::Changed("sub")));
    }
}

#[test]
fn without_rotation_each_node_may_refresh_with_the_same_token() {
    let (world, store, token, _) = scene();
    world.change(|provider| provider.rotate_refresh_tokens(false));
    let before = world.count(EndpointName::Token);
    let tokens = [0, 1, 2].map(|_| {
        let refreshed = thread_node(&world, shared(&store)).refresh(&token, None).expect("new tokens");
        assert!(!refreshed.rotated && refreshed.tokens.refresh_token.as_ref() == Some(&token));
        refreshed.tokens.access_token.clone()
    });
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2]);
    assert_eq!(world.count(EndpointName::Token), before + 3);
}

/// A node that takes the lease and is gone, before it has sent the token or after it.
fn gone(world: &World, store: &Spied, token: &Secret, after_sending: bool) {
    let handle = node(world, shared(store));
    world.finish(handle.keys()).expect("keys");
    let before = world.count(EndpointName::Token);
    assert!(poll(pin!(handle.refresh(token, None))).is_pending());
    for _ in 0..100 {
        let sent = world.count(EndpointName::Token) > before;
        if if after_sending { sent } else { !lock(&store.written).is_empty() } {
            break;
        }
        world.step();
    }
    assert_eq!(world.count(EndpointName::Token) - before, usize::from(after_sending));
    lock(&world.background).clear();
}

#[test]
fn after_a_crash_before_sending_the_next_node_waits_for_the_lease_and_goes_on() {
    let (world, store, token, _) = scene();
    gone(&world, &store, &token, false);
    let busy = why(thread_node(&world, shared(&store)).refresh(&token, None).map(drop).unwrap_err());
    assert_eq!(busy, SharedRefreshError::Busy(Duration::from_secs(60)));
    assert_eq!(busy.remedy(), Remedy::TryLater { after: Some(Duration::from_secs(60)) });
    world.clock.advance(59);
    assert_eq!(
        why(world.finish(node(&world, shared(&store)).refresh(&token, None)).map(drop).unwrap_err()),
        SharedRefreshError::Busy(Duration::from_secs(1))
    );
    world.clock.advance(1);
    assert!(thread_node(&world, shared(&store)).refresh(&token, None).expect("new tokens").rotated);
    world.change(|provider| provider.assert_clean());
}

/// The new tokens are lost with the node. The provider says so, and the error says why it does.
#[test]
fn after_a_crash_before_storing_the_refusal_of_the_provider_is_told_apart() {
    let (world, store, token, _) = scene();
    gone(&world, &store, &token, true);
    world.clock.advance(60);
    for _ in 0..2 {
        let refused = thread_node(&world, shared(&store)).refresh(&token, None).map(drop).unwrap_err();
        assert_eq!(refused.remedy(), Remedy::LogInAgain);
        let SharedRefreshError::RefusedAfterLoss(error) = why(refused) else { panic!("it is refused") };
        assert_eq!(error.code(), "invalid_grant");
    }
    world.change(|provider| provider.clear_audit());
}

#[test]
fn with_the_other_policy_a_token_that_may_be_spent_is_not_sent_again() {
    for after_sending in [false, true] {
        let (world, store, token, _) = scene();
        gone(&world, &store, &token, after_sending);
        world.clock.advance(60);
        let before = world.count(EndpointName::Token);
        for days in [0, 1, 20] {
            world.clock.advance(days * 86_400);
            let strict = shared(&store).lost_lease(LostLease::LogInAgain);
            let error = thread_node(&world, strict).refresh(&token, None).map(drop).unwrap_err();
            assert_eq!(error.remedy(), Remedy::LogInAgain);
            assert_eq!(why(error), SharedRefreshError::MaybeSpent);
        }
        assert_eq!(world.count(EndpointName::Token), before);
        world.change(|provider| provider.assert_clean());
    }
}

/// The provider refused this token and nothing else happened, so the refusal is the usual one.
#[test]
fn a_refusal_without_a_loss_is_the_one_of_the_provider_for_each_node() {
    let (world, store, _, _) = scene();
    for made_up in ["made up", "another", "a third"] {
        for _ in 0..2 {
            let refused = thread_node(&world, shared(&store)).refresh(&made_up.into(), None).map(drop);
            let ProviderError::Protocol(Error::OAuth(error)) = refused.unwrap_err() else {
                panic!("it is refused")
            };
            assert_eq!(error.code(), "invalid_grant");
        }
    }
    assert!(store.store.is_empty(), "a token that was refused leaves nothing behind");
}

/// The provider may have spent the token before it failed. Its body looks like a refusal, and is none.
#[test]
fn a_server_that_failed_has_not_refused_the_token() {
    for (status, code) in [(500, "server_error"), (502, "invalid_grant"), (504, "temporarily_unavailable")] {
        let (world, store, token, _) = scene();
        let body = json!({ "error": code }).to_string();
        world.change(|provider| {
            provider.alter_response(EndpointName::Token, hostile::respond(status, "application/json", body));
        });
        assert!(thread_node(&world, shared(&store)).refresh(&token, None).is_err());
        let before = world.count(EndpointName::Token);
        let strict = shared(&store).lost_lease(LostLease::LogInAgain);
        let error = thread_node(&world, strict).refresh(&token, None).map(drop).unwrap_err();
        assert_eq!(why(error), SharedRefreshError::MaybeSpent, "{status}");
        assert_eq!(world.count(EndpointName::Token), before);
        world.change(|provider| provider.assert_clean());
    }
}

#[test]
fn without_an_answer_of_the_store_nothing_is_sent() {
    let (world, store, token, _) = scene();
    let handle = node(&world, shared(&store));
    store.down.store(true, SeqCst);
    let before = world.count(EndpointName::Token);
    let error = world.finish(handle.refresh(&token, None)).map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the refresh token was not sent: the shared store did not answer: no route"
    );
    assert_eq!((error.code(), error.remedy()), ("store_no_answer", Remedy::TryLater { after: None }));
    assert_eq!(world.count(EndpointName::Token), before);
    // The same handle goes on as soon as the store is back.
    store.down.store(false, SeqCst);
    assert!(world.finish(handle.refresh(&token, None)).expect("new tokens").rotated);
    world.change(|provider| provider.assert_clean());
}

/// The tokens are this caller's, whether or not other nodes get them.
#[test]
fn tokens_are_not_lost_if_the_store_fails_after_they_came() {
    let (world, store, token, _) = scene();
    let handle = node(&world, shared(&store));
    world.finish(handle.keys()).expect("keys");
    let before = world.count(EndpointName::Token);
    let mut refresh = pin!(handle.refresh(&token, None));
    assert!(poll(refresh.as_mut()).is_pending());
    while world.count(EndpointName::Token) == before {
        world.step();
    }
    store.down.store(true, SeqCst);
    assert!(world.finish(refresh).expect("new tokens").rotated);
}

#[test]
fn a_response_that_is_not_believed_gives_every_node_its_new_refresh_token() {
    for (member, value) in [("scope", json!(7)), ("expires_in", json!("soon")), ("token_type", json!([]))] {
        let (world, store, token, previous) = scene();
        world.change(|provider| {
            provider.alter_response(EndpointName::Token, hostile::set_member(member, value));
        });
        let first = thread_node(&world, shared(&store)).refresh(&token, Some(previous.clone()));
        let error = first.map(drop).unwrap_err();
        let new = error.new_refresh_token().cloned().expect("it is not lost");
        let adopted = thread_node(&world, shared(&store)).refresh(&token, Some(previous)).map(drop);
        let error = adopted.unwrap_err();
        assert_eq!(error.new_refresh_token(), Some(&new));
        assert_eq!(why(error), SharedRefreshError::NotBelieved(Some(new)), "{member}");
    }
}

#[test]
fn a_value_that_this_version_does_not_know_is_neither_read_nor_replaced() {
    for text in ["", "\u{2}", "another program"] {
        let (world, store, token, _) = scene();
        gone(&world, &store, &token, false);
        let key = lock(&store.keys).last().cloned().expect("it was asked for");
        let life = Duration::from_secs(3_600);
        world.finish(store.store.put(&key, text.as_bytes(), life)).expect("memory");
        let before = world.count(EndpointName::Token);
        let error = thread_node(&world, shared(&store)).refresh(&token, None).map(drop).unwrap_err();
        assert_eq!(error.remedy(), Remedy::FixConfiguration);
        assert_eq!(why(error), SharedRefreshError::Store(StoreError::Value));
        assert_eq!(world.count(EndpointName::Token), before);
        let there = world.finish(store.store.get(&key)).expect("memory").value;
        assert_eq!(there.as_deref(), Some(text.as_bytes()));
    }
}

#[test]
fn a_node_with_other_sealing_keys_is_told_so_and_sends_nothing() {
    let (world, store, token, _) = scene();
    thread_node(&world, shared(&store)).refresh(&token, None).expect("new tokens");
    let before = world.count(EndpointName::Token);
    for (keys, expected) in [
        (SealingKeys::new(1, &[1; 32]), SealError::Wrong),
        (SealingKeys::new(2, &[0x5A; 32]), SealError::UnknownKey),
    ] {
        let other = SharedRefreshes::new(store.clone(), keys);
        let error = thread_node(&world, other).refresh(&token, None).map(drop).unwrap_err();
        assert_eq!(error.remedy(), Remedy::FixConfiguration);
        assert_eq!(why(error), SharedRefreshError::Store(StoreError::Seal(expected)));
    }
    let rotated = SharedRefreshes::new(store, SealingKeys::new(3, &[3; 32]).previous(1, &[0x5A; 32]));
    assert!(thread_node(&world, rotated).refresh(&token, None).is_ok());
    assert_eq!(world.count(EndpointName::Token), before);
}

/// Whoever may write to the store can move the tokens of one user to the name of another. They do not open there.
#[test]
fn the_tokens_of_one_user_are_of_no_use_under_the_name_of_another() {
    let (world, store, token, _) = scene();
    thread_node(&world, shared(&store)).refresh(&token, None).expect("new tokens");
    let of_alice = lock(&store.keys).last().cloned().expect("a name");
    let value = world.finish(store.store.get(&of_alice)).expect("memory").value.expect("tokens");
    let _refused = thread_node(&world, shared(&store)).refresh(&"of mallory".into(), None);
    let of_mallory = lock(&store.keys).last().cloned().expect("a name");
    assert_ne!(of_alice, of_mallory);
    world.finish(store.store.put(&of_mallory, &value, Duration::from_secs(60))).expect("memory");
    let stolen = thread_node(&world, shared(&store)).refresh(&"of mallory".into(), None).map(drop);
    assert_eq!(why(stolen.unwrap_err()), SharedRefreshError::Store(StoreError::Seal(SealError::Wrong)));
}

#[test]
fn no_token_and_no_name_of_a_user_is_in_the_store() {
    let (world, store, token, previous) = scene();
    let refreshed = thread_node(&world, shared(&store)).refresh(&token, Some(previous)).expect("new tokens");
    let tokens = &refreshed.tokens;
    let written: Vec<u8> = lock(&store.written).concat();
    assert!(!written.is_empty());
    let keys = lock(&store.keys).concat();
    for secret in
        [Some(&token), Some(&tokens.access_token), tokens.refresh_token.as_ref(), tokens.id_token.as_ref()]
    {
        let secret = secret.expect("a token").expose();
        assert!(
            !written.windows(secret.len()).any(|text| text == secret.as_bytes()) && !keys.contains(secret)
        );
    }
    assert!(!written.windows(5).any(|text| text == b"alice") && !keys.contains("alice"));
}
