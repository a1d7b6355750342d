//! [`Leading`]: who renews a value of a [`Flight`], until it is settled or given up.

use crate::{Flight, Started, event::why_failed};
use oidc_proto::renew::{Failure, Lease, Renewed};
use std::{ops::Deref, sync::Arc};

/// A lease in hand. Given back when it is dropped: its holder was cancelled, or broke.
pub(crate) struct Leading<T, F: Deref<Target = Flight<T>>> {
    flight: F,
    lease: Option<Lease>,
    started: Started,
}

impl<T, F: Deref<Target = Flight<T>>> Leading<T, F> {
    pub(crate) fn new(flight: F, lease: Lease) -> Self {
        let started = flight.watched.observer.start();
        Self { flight, lease: Some(lease), started }
    }

    pub(crate) fn settle(mut self, result: Result<Renewed<T>, Failure>) {
        if let Some(lease) = self.lease.take() {
            let moment = self.flight.clock.moment();
            let _kept = result.as_ref().ok().map(|renewed| Arc::clone(&renewed.value));
            let failure = result.as_ref().err().cloned();
            let failed = failure.as_ref().map(why_failed);
            let held = self.flight.change(|state| {
                let held = state.renewal.settle(lease, result, moment);
                state.failed = (!held).then(|| failure.unwrap_or(Failure::Expired));
                held
            });
            let outcome = if held { Ok(()) } else { Err(failed.unwrap_or("unused")) };
            self.flight.watched.renewed(outcome, self.started);
        }
    }
}

impl<T, F: Deref<Target = Flight<T>>> Drop for Leading<T, F> {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            let now = self.flight.clock.now();
            self.flight.change(|state| {
                state.renewal.abandon(lease, now);
                state.failed = None;
                false
            });
            self.flight.watched.renewed(Err("abandoned"), self.started);
        }
    }
}
