//! [`Parked`]: a caller that waits for a [`SingleFlight`] to change. A cancelled caller leaves nothing behind.

use super::state::SingleFlight;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

impl<T> SingleFlight<T> {
    /// The number of changes so far.
    pub(crate) fn version(&self) -> u64 {
        self.state().waiting.version()
    }

    /// Waits until the version is no longer this one, or until this timer ends. Returns whether the version changed.
    pub(crate) async fn changed_since(&self, version: u64, timer: impl Future<Output = ()>) -> bool {
        let (mut parked, mut timer) = (Parked::new(self, version), pin!(timer));
        poll_fn(|context| {
            let changed = parked.poll(context).map(|()| true);
            if changed.is_ready() { changed } else { timer.as_mut().poll(context).map(|()| false) }
        })
        .await
    }
}

/// One task that waits until the version is no longer `version`.
pub(crate) struct Parked<'f, T> {
    flight: &'f SingleFlight<T>,
    version: u64,
    slot: Option<u64>,
}

impl<'f, T> Parked<'f, T> {
    pub(crate) const fn new(flight: &'f SingleFlight<T>, version: u64) -> Self {
        Self { flight, version, slot: None }
    }

    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        // A waker runs code of the runtime, so it is cloned and dropped without the lock.
        let waker = context.waker().clone();
        let mut state = self.flight.state();
        let waiting = &mut state.waiting;
        if waiting.version != self.version {
            return Poll::Ready(());
        }
        let slot = *self.slot.get_or_insert_with(|| {
            waiting.next += 1;
            waiting.next
        });
        let old = waiting.wakers.insert(slot, waker);
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for Parked<'_, T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let old = self.flight.state().waiting.wakers.remove(&slot);
            drop(old);
        }
    }
}
