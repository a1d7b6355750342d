//! What each thread has for itself: readers of keys, which need no lock, and memory for verifying.

use super::issuer::Issuer;
use oidc_proto::{
    Timestamp,
    jose::KeySet,
    renew::{DISORDER, Published, Reader},
    token::Scratch,
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    mem::take,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// How many readers a thread keeps before it starts anew.
const MAX_READERS: usize = 4096;

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::default();
}

#[derive(Default)]
pub(crate) struct Worker {
    pub(crate) scratch: Scratch,
    readers: BTreeMap<(u64, usize), Seen>,
}

/// What a thread has seen of the keys of one issuer: between which times they need no question, and the
/// latest time at which they have served so.
struct Seen {
    reader: Reader<Published<KeySet>>,
    times: (Timestamp, Timestamp),
    latest: Timestamp,
}

impl Seen {
    fn new(reader: Reader<Published<KeySet>>) -> Self {
        Self { reader, times: (Timestamp(0), Timestamp(0)), latest: Timestamp(0) }
    }
}

impl Worker {
    /// The keys of an issuer, if nobody need be asked for them. Costs one atomic load unless they are
    /// new.
    pub(crate) fn keys(
        &mut self,
        gate: u64,
        index: usize,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Option<Arc<KeySet>> {
        if let Some(keys) = issuer.fixed() {
            return Some(Arc::clone(keys));
        }
        let key = (gate, index);
        if self.readers.len() >= MAX_READERS && !self.readers.contains_key(&key) {
            self.readers.clear();
        }
        let seen = self.readers.entry(key).or_insert_with(|| Seen::new(issuer.reader()));
        let published = seen.reader.get()?;
        if seen.times != (published.since, published.renew_at) {
            (seen.times, seen.latest) = ((published.since, published.renew_at), now);
        } else if now.plus(DISORDER) < seen.latest {
            // The clock was set back. How old the keys are is known to their renewal, if it is told.
            issuer.served_until(published, seen.latest);
            seen.latest = now;
            return None;
        }
        seen.latest = seen.latest.max(now);
        if !published.is_fresh(now) {
            return None;
        }
        Some(Arc::clone(&published.value))
    }
}

/// A number for everything that has readers here.
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The memory of this thread for verifying: taken, to be given back.
pub(crate) fn take_scratch() -> Scratch {
    let here =
        WORKER.try_with(|worker| worker.try_borrow_mut().ok().map(|mut worker| take(&mut worker.scratch)));
    here.ok().flatten().unwrap_or_default()
}

/// Gives it back.
pub(crate) fn give_back(scratch: Scratch) {
    let _gone = WORKER.try_with(|worker| {
        if let Ok(mut worker) = worker.try_borrow_mut() {
            worker.scratch = scratch;
        }
    });
}

/// Works with what this thread has; with something new where it is in use, or gone.
pub(crate) fn with<T>(mut work: impl FnMut(&mut Worker) -> T) -> T {
    let here = WORKER.try_with(|worker| worker.try_borrow_mut().ok().map(|mut worker| work(&mut worker)));
    here.ok().flatten().unwrap_or_else(|| work(&mut Worker::default()))
}
