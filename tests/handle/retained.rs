//! The memory of a handle: it ends with the handle, and no thread that has used the handle keeps its keys.

use super::colour::*;
use oidc_proto::jose::KeySet;
use std::{
    sync::{Arc, Barrier, Weak},
    thread,
};

fn alive(held: &[Weak<KeySet>]) -> usize {
    held.iter().filter(|keys| keys.upgrade().is_some()).count()
}

/// Handles come and go, for example one for each tenant.
#[test]
fn a_dropped_handle_frees_its_memory() {
    let world = World::new();
    let good = world.token();
    let mut held = Vec::new();
    for _ in 0..50 {
        let (blocking, asynchronous) =
            (world.blocking().build().unwrap(), world.asynchronous().build().unwrap());
        for _ in 0..2 {
            blocking.verify(&good, |_| ()).unwrap();
            world.finish(asynchronous.verify(&good, |_| ())).unwrap();
        }
        held.push(Arc::downgrade(&blocking.keys().unwrap().value));
        held.push(Arc::downgrade(&world.finish(asynchronous.keys()).unwrap().value));
        assert_eq!(alive(&held), 2, "the keys of the two remaining handles");
    }
    assert_eq!(alive(&held), 0);
}

/// Far more threads than seats. All of them outlive the handle.
#[test]
fn threads_that_outlive_a_handle_keep_none_of_its_memory() {
    const THREADS: usize = 64;
    let world = World::new();
    let good = world.token();
    let handle = world.blocking().build().unwrap();
    let held = [Arc::downgrade(&handle.keys().unwrap().value)];
    let (used, looked) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (handle, good, used, looked) = (handle.clone(), &good, &used, &looked);
            scope.spawn(move || {
                for _ in 0..20 {
                    handle.verify(good, |_| ()).expect("a good token");
                }
                drop(handle);
                used.wait();
                looked.wait();
            });
        }
        used.wait();
        assert_eq!(alive(&held), 1);
        drop(handle);
        let alive = alive(&held);
        looked.wait();
        assert_eq!(alive, 0);
    });
}
