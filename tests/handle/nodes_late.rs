//! Nodes that stand still, or whose credentials come late, while they have the lease of a refresh token; and what is told
//! when a credential is missing.

use super::{
    colour::*,
    nodes::{Spied, keys, scene, shared, thread_node},
};
use oidc_drive::{
    source::Source,
    store::{Found, SharedRefreshes, Store, StoreFuture},
};
use oidc_proto::{Secret, flow::ClientCredentialsRequest};
use oidc_testkit::{EndpointName, SimClock};
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

/// A vault that takes so many seconds to give the secret, once it is slow.
fn slow_vault(world: &World, store: &Spied, seconds: i64) -> Source {
    let (clock, written) = (world.clock.clone(), Arc::clone(&store.written));
    Source::from_fn("the vault", move || {
        if !lock(&written).is_empty() {
            clock.advance(seconds);
        }
        ready(Ok::<Secret, String>("its secret".into()))
    })
}

#[test]
fn a_token_is_not_sent_when_the_credentials_came_too_late_for_the_lease() {
    for (seconds, is_sent) in [(0, true), (30, true), (44, true), (46, false), (61, false), (4_000, false)] {
        let (world, store, token, _) = scene();
        let before = world.count(EndpointName::Token);
        let slow = world
            .blocking()
            .secret_source(slow_vault(&world, &store, seconds))
            .shared_refreshes(shared(&store))
            .build()
            .expect("settings");
        let came = slow.refresh(&token, None).map(drop);
        assert_eq!(world.count(EndpointName::Token) - before, usize::from(is_sent), "{seconds}");
        if is_sent {
            came.expect("new tokens");
            continue;
        }
        let error = came.unwrap_err();
        assert_eq!(error.code(), "no_response");
        assert!(error.to_string().ends_with("so late that the refresh token was not sent"), "{error}");
        // Nothing was lost, so the next node goes on at once.
        assert!(thread_node(&world, shared(&store)).refresh(&token, None).expect("new tokens").rotated);
        world.change(|provider| provider.assert_clean());
    }
}

/// A store whose first change is made, and whose answer arrives after the node was suspended. The clock of the machine that
/// nobody sets stood still meanwhile.
struct Suspended {
    store: Spied,
    clock: SimClock,
    seconds: AtomicI64,
}

impl Store for Suspended {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        self.store.get(key)
    }
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        let answer = self.store.compare_and_set(key, expected, new);
        self.clock.advance(self.seconds.swap(0, SeqCst));
        answer
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        self.store.put(key, value, lifetime)
    }
    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        self.store.take(key)
    }
}

#[test]
fn a_node_that_was_suspended_takes_the_lease_anew_before_it_sends() {
    for (seconds, leases) in [(0, 1), (34, 1), (36, 2), (100, 2), (100_000, 2)] {
        let (world, store, token, _) = scene();
        let before = world.count(EndpointName::Token);
        let suspended =
            Suspended { store: store.clone(), clock: world.clock.clone(), seconds: seconds.into() };
        let shared = SharedRefreshes::new(suspended, keys());
        assert!(thread_node(&world, shared).refresh(&token, None).expect("new tokens").rotated);
        assert_eq!(lock(&store.written).len(), leases + 1, "{seconds}: the leases, and the tokens");
        assert_eq!(world.count(EndpointName::Token), before + 1);
        world.change(|provider| provider.assert_clean());
    }
}

#[test]
fn new_tokens_are_kept_for_a_minute_at_least() {
    for time in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(59)] {
        let (world, store, token, _) = scene();
        let short = || shared(&store).keep_for(time);
        let first = thread_node(&world, short()).refresh(&token, None).expect("new tokens");
        world.clock.advance(59);
        let same = thread_node(&world, short()).refresh(&token, None).expect("the same tokens");
        assert_eq!(same.tokens.access_token, first.tokens.access_token);
        world.change(|provider| provider.assert_clean());
    }
}

/// A failed renewal of a service token and a failed refresh have nothing to do with each other.
#[test]
fn the_reason_of_a_missing_credential_is_that_of_its_own_renewal() {
    for service_first in [true, false] {
        let world = World::new();
        let works = Arc::new(AtomicBool::new(true));
        let up = Arc::clone(&works);
        let source = Source::from_fn("the vault", move || {
            ready(if up.load(SeqCst) { Ok::<Secret, _>("its secret".into()) } else { Err("it is sealed") })
        });
        let handle = world.asynchronous().assertion_source(source).build().expect("settings");
        let handle = Async(handle, world.clone());
        handle.authorize().expect("a URL, and the metadata");
        let wanted = ClientCredentialsRequest::new(["api:read"]);
        let service = || handle.service(&wanted).map(drop).unwrap_err().code();
        let refresh = || handle.refresh(&"a refresh token".into(), None).map(drop).unwrap_err().code();
        world.down(true);
        // One has no credential, and the other one no response.
        let (first, second) =
            if service_first { ("source_program", "no_response") } else { ("no_response", "source_program") };
        works.store(!service_first, SeqCst);
        assert_eq!(service(), first);
        works.store(service_first, SeqCst);
        assert_eq!(refresh(), second);
        assert_eq!(service(), first, "it is not asked for again so soon");
    }
}
