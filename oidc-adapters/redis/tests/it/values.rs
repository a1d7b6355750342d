//! What a store does with values: the same over Redis, async and blocking, and over files as in memory.

use crate::{files::Files, server::Server};
use oidc_redis::{
    RedisStore, blocking,
    oidc_drive::store::{MemoryStore, Store},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const LONG: Duration = Duration::from_secs(3_600);

/// Tells a story to each store, under names that no other story uses.
fn each(story: impl AsyncFn(&dyn Store)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(story(&MemoryStore::new()));
    let files = Files::new();
    runtime.block_on(story(&files.store()));
    let Some(server) = Server::start() else { return };
    runtime.block_on(story(&RedisStore::open(&server.url()).expect("a URL").with_prefix("async:")));
    runtime.block_on(story(&blocking::RedisStore::open(&server.url()).expect("a URL").with_prefix("sync:")));
}

/// Values of every kind that a record may have: empty, binary, and long.
fn values() -> [Vec<u8>; 4] {
    [Vec::new(), b"text".to_vec(), (0..=255).collect(), vec![7; 300_000]]
}

#[test]
fn a_value_is_replaced_only_if_it_is_the_expected_one() {
    each(async |store| {
        for (number, value) in values().iter().enumerate() {
            let key = &format!("key {number}");
            let set = async |expected: Option<&[u8]>, new: Option<&[u8]>| {
                let new = new.map(|value| (value, LONG));
                store.compare_and_set(key, expected, new).await.expect("an answer").map(|found| found.value)
            };
            assert_eq!(set(Some(b"other"), Some(value)).await, Some(None), "nothing is there");
            assert_eq!(set(Some(b""), Some(value)).await, Some(None), "nothing is not an empty value");
            assert_eq!(set(None, Some(value)).await, None);
            assert_eq!(set(None, Some(b"second")).await, Some(Some(value.clone())));
            assert_eq!(set(Some(b"other"), None).await, Some(Some(value.clone())));
            assert_eq!(store.get(key).await.expect("an answer").value.as_ref(), Some(value));
            assert_eq!(set(Some(value), Some(b"next")).await, None);
            assert_eq!(set(Some(value), Some(b"stale")).await, Some(Some(b"next".to_vec())));
            assert_eq!(set(Some(b"next"), None).await, None);
            assert_eq!(set(None, None).await, None, "nothing stays nothing");
            assert_eq!(store.get(key).await.expect("an answer").value, None);
        }
    });
}

#[test]
fn a_value_is_taken_once() {
    each(async |store| {
        for value in values() {
            store.put("key", b"older", LONG).await.expect("an answer");
            store.put("key", &value, LONG).await.expect("an answer");
            assert_eq!(store.take("key").await.expect("an answer"), Some(value));
            assert_eq!(store.take("key").await.expect("an answer"), None);
        }
    });
}

#[test]
fn a_value_ends_with_its_lifetime_and_the_clock_of_the_store_goes_on() {
    each(async |store| {
        let began = store.get("key").await.expect("an answer").now;
        for new in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(2)] {
            store.compare_and_set("set", None, Some((b"v", new))).await.expect("an answer");
            store.put("put", b"v", new).await.expect("an answer");
            while store.get("set").await.expect("an answer").value.is_some() {}
            while store.get("put").await.expect("an answer").value.is_some() {}
        }
        // As long as anybody may ask for.
        store.put("ever", b"v", Duration::MAX).await.expect("an answer");
        assert!(store.get("ever").await.expect("an answer").value.is_some());
        assert!(store.get("key").await.expect("an answer").now > began);
    });
}

/// Of many callers at once, one sets the value, and one takes it.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_callers_at_once_one_is_first() {
    let (files, server) = (Files::new(), Server::start());
    let mut stores: Vec<Arc<dyn Store>> = vec![Arc::new(files.store())];
    if let Some(server) = &server {
        stores.push(Arc::new(RedisStore::open(&server.url()).expect("a URL")));
        stores.push(Arc::new(blocking::RedisStore::open(&server.url()).expect("a URL")));
    }
    for (number, store) in stores.iter().enumerate() {
        let key: &'static str = ["files", "async", "sync"][number];
        let tasks: Vec<_> = (0..16_u8)
            .map(|caller| {
                let store = Arc::clone(store);
                tokio::spawn(async move {
                    store
                        .compare_and_set(key, None, Some((&[caller], LONG)))
                        .await
                        .expect("an answer")
                        .is_none()
                })
            })
            .collect();
        let mut first = 0;
        for task in tasks {
            first += usize::from(task.await.expect("no panic"));
        }
        assert_eq!(first, 1, "{key}");
        let takers: Vec<_> = (0..16)
            .map(|_| {
                let store = Arc::clone(store);
                tokio::spawn(async move { store.take(key).await.expect("an answer") })
            })
            .collect();
        let mut taken = BTreeSet::new();
        for task in takers {
            taken.extend(task.await.expect("no panic"));
        }
        assert_eq!(taken.len(), 1, "{key}");
    }
}

#[test]
fn programs_with_prefixes_of_their_own_do_not_see_each_other() {
    let Some(server) = Server::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let of = |prefix: &str| RedisStore::open(&server.url()).expect("a URL").with_prefix(prefix);
        for prefix in ["a:", "b:", ""] {
            of(prefix).put("key", prefix.as_bytes(), LONG).await.expect("an answer");
        }
        for prefix in ["a:", "b:", ""] {
            let value = of(prefix).get("key").await.expect("an answer").value;
            assert_eq!(value.as_deref(), Some(prefix.as_bytes()));
        }
        // A blocking program sees what an async one wrote.
        let other = blocking::RedisStore::open(&server.url()).expect("a URL").with_prefix("a:");
        assert_eq!(other.get("key").await.expect("an answer").value.as_deref(), Some(&b"a:"[..]));
    });
}
