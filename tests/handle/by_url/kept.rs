//! What a store keeps: a program that starts again asks nobody.

use super::{town::ONE, *};
use oidc_drive::store::{FileStore, Found, MemoryStore, Store, StoreError, StoreFuture};
use oidc_proto::flow::SealingKeys;
use oidc_testkit::EndpointName;
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

fn keys() -> SealingKeys {
    SealingKeys::new(1, &[42; 32])
}

/// The program starts again: another handle over the same store, of either colour.
fn restarted(town: &Town, store: &(impl Store + Clone + 'static)) -> [Caller; 2] {
    [
        Caller::Async(town.asynchronous().store(store.clone(), keys()).build().unwrap(), town.clone()),
        Caller::Threads(town.blocking().store(store.clone(), keys()).build().unwrap(), town.clone()),
    ]
}

/// M21: times are absolute, so a program knows after a restart that its token has expired.
#[test]
fn a_program_that_starts_again_goes_on() {
    let (town, store) = (Town::new(), MemoryStore::new());
    for caller in restarted(&town, &store) {
        caller.does("read");
    }
    assert_eq!(town.visits(), 1);
    for turn in 1..4 {
        town.clock.advance(86_400);
        let refused = |town: &Town| town.log().iter().filter(|seen| seen.url == RESOURCE).count();
        let before = refused(&town);
        for caller in restarted(&town, &store) {
            caller.does("read");
        }
        assert_eq!(refused(&town) - before, 2, "no expired token was sent");
        assert_eq!(
            (town.visits(), town.count(ONE, EndpointName::Token)),
            (1, 1 + turn),
            "one refresh for both"
        );
    }
    town.assert_clean();
}

/// The same over files, which another process would find.
#[test]
fn a_program_that_starts_again_finds_its_files() {
    let folder = std::env::temp_dir().join(format!("oidc-by-url-{}", std::process::id()));
    let town = Town::new();
    for turn in 0..3 {
        let store = Arc::new(FileStore::open(&folder).unwrap());
        for caller in restarted(&town, &store) {
            caller.does("read");
        }
        assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (1, 1 + turn));
        town.clock.advance(86_400);
    }
    std::fs::remove_dir_all(folder).unwrap();
    town.assert_clean();
}

/// What the user was asked for is kept, too: a refused scope is not asked for again after a restart.
#[test]
fn the_memory_of_scopes_survives_a_restart() {
    let (town, store) = (Town::new(), MemoryStore::new());
    let [first, second] = restarted(&town, &store);
    first.does("read");
    first.does("write");
    second.does("write");
    second.does("admin");
    assert_eq!(town.asked("scope").as_deref(), Some("mcp:read mcp:write mcp:admin"));
    first.does("admin");
    assert_eq!(town.visits(), 3);
}

/// An accepted request ends the count of authorizations, also for another process and after a restart: many step-ups, each of
/// which has helped, are no circle.
#[test]
fn step_ups_that_help_are_not_counted_against_each_other() {
    let (town, store) = (Town::new(), MemoryStore::new());
    let operations = ["read", "write", "admin", "delete", "move"];
    town.change(|net| {
        net.needs.insert("delete", vec!["mcp:delete"]);
        net.needs.insert("move", vec!["mcp:move"]);
    });
    for (turn, operation) in operations.into_iter().enumerate() {
        restarted(&town, &store)[turn % 2].does(operation);
        assert_eq!(town.visits(), turn + 1);
    }
    for operation in operations {
        restarted(&town, &store)[0].does(operation);
    }
    assert_eq!(town.visits(), 5);
}

/// Each user has their own tokens.
#[test]
fn two_accounts_share_nothing() {
    let (town, store) = (Town::new(), MemoryStore::new());
    for account in ["alice", "bob"] {
        let handle = town.blocking().store(store.clone(), keys()).account(account).build().unwrap();
        Caller::Threads(handle, town.clone()).does("read");
    }
    assert_eq!(town.visits(), 2);
}

/// Nothing in the store can be read, and other keys are an error and not a new login.
#[test]
fn what_is_kept_is_sealed() {
    let (town, store) = (Town::new(), MemoryStore::new());
    restarted(&town, &store)[1].does("read");
    let other = town.blocking().store(store, SealingKeys::new(2, &[7; 32])).build().unwrap();
    let error = Caller::Threads(other, town.clone()).refused("read");
    assert!(error.code().starts_with("seal_"), "{}: {error}", error.code());
    assert_eq!(town.visits(), 1);
}

/// A store whose answers can be switched off.
#[derive(Clone, Default)]
struct Flaky {
    store: MemoryStore,
    is_down: Arc<AtomicBool>,
}

impl Flaky {
    fn lost<T: Send + 'static>(&self) -> Option<StoreFuture<T>> {
        let down = self.is_down.load(SeqCst);
        down.then(|| Box::pin(ready(Err(StoreError::NoAnswer("switched off".to_owned())))) as StoreFuture<T>)
    }
}

impl Store for Flaky {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        self.lost().unwrap_or_else(|| self.store.get(key))
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        self.lost().unwrap_or_else(|| self.store.compare_and_set(key, expected, new))
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        self.lost().unwrap_or_else(|| self.store.put(key, value, lifetime))
    }

    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        self.lost().unwrap_or_else(|| self.store.take(key))
    }
}

/// M24: tokens that could not be stored are not lost. The store fails while the user is away.
#[test]
fn new_tokens_count_although_the_store_is_down() {
    let (town, store) = (Town::new(), Flaky::default());
    let switch = Arc::clone(&store.is_down);
    town.user(move |town, url| {
        let back = town.agree(url);
        switch.store(true, SeqCst);
        Ok(back)
    });
    let handle = town.blocking().store(store.clone(), keys()).build().unwrap();
    let caller = Caller::Threads(handle.clone(), town.clone());
    caller.does("read");
    assert_eq!(handle.unsaved().unwrap().code(), "store_no_answer");
    caller.does("read");
    assert_eq!(town.visits(), 1);

    // The next change is stored.
    store.is_down.store(false, SeqCst);
    town.change(|net| net.user = None);
    caller.does("write");
    assert_eq!(handle.unsaved(), None);
    restarted(&town, &store)[1].does("write");
    assert_eq!(town.visits(), 2);
}

/// A store that is down at the start may have tokens: nobody is asked to log in again.
#[test]
fn a_store_that_is_down_is_told() {
    let (town, store) = (Town::new(), Flaky::default());
    store.is_down.store(true, SeqCst);
    for caller in restarted(&town, &store) {
        assert_eq!(caller.refused("read").code(), "store_no_answer");
    }
    assert_eq!(town.visits(), 0);
}
