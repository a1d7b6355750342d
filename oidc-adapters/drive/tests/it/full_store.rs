//! A store in memory that is full.

use oidc_drive::{
    Clock,
    store::{MAX_VALUES, MemoryStore, Store, StoreError},
};
use oidc_proto::{Moment, Timestamp};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Only the elapsed time counts.
struct Elapsed(Arc<AtomicU64>);

impl Clock for Elapsed {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000)
    }
    fn moment(&self) -> Moment {
        Moment::new(self.now(), [7; 32])
    }
    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(SeqCst))
    }
}

/// A store in memory has its answer at once.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_full_store_refuses_what_is_new_and_keeps_what_is_alive() {
    let time = Arc::new(AtomicU64::new(0));
    let store = MemoryStore::with_clock(Elapsed(Arc::clone(&time)));
    let (short, long) = (Duration::from_secs(60), Duration::from_secs(3_600));
    at_once(store.put("the lease", b"mine", short)).unwrap();
    for number in 1..MAX_VALUES {
        at_once(store.put(&number.to_string(), b"", long)).unwrap();
    }
    let full = StoreError::NoAnswer("the store is full".to_owned());
    let value = |key: &str| at_once(store.get(key)).unwrap().value;
    for key in ["another", "a third", "a fourth"] {
        assert_eq!(at_once(store.put(key, b"", long)), Err(full.clone()));
        assert_eq!(at_once(store.compare_and_set(key, None, Some((b"", long)))).map(drop), Err(full.clone()));
        assert_eq!(value(key), None);
    }
    assert_eq!((store.len(), value("the lease")), (MAX_VALUES, Some(b"mine".to_vec())));
    // What is there can be replaced, and removed.
    assert!(at_once(store.put("1", b"another", long)).is_ok());
    let changed = at_once(store.compare_and_set("2", Some(b""), Some((b"new", long)))).unwrap();
    assert!(changed.is_none());
    assert_eq!(at_once(store.take("3")).unwrap().as_deref(), Some(&b""[..]));
    assert!(at_once(store.put("another", b"", long)).is_ok(), "there is room for one");
    assert_eq!(at_once(store.put("a third", b"", long)), Err(full));
    // So is what has ended.
    time.store(60, SeqCst);
    assert!(at_once(store.compare_and_set("a third", None, Some((b"", long)))).unwrap().is_none());
    assert_eq!((store.len(), value("the lease")), (MAX_VALUES, None));
}
