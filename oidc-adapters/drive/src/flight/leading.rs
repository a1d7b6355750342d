//! [`Leading`]: the caller that renews the value of a [`SingleFlight`], until it settles or gives up; and the errors
//! of callers that get no value.

use super::{error::NotAvailableError, state::SingleFlight};
use crate::event::{Started, why_failed};
use oidc_proto::renew::{Lease, Published, RenewalError, Renewed};
use std::{ops::Deref, sync::Arc};

impl<T> SingleFlight<T> {
    /// Lets a caller lead, but only once: after that, its value is used or there is a reason against it. A second
    /// lease is given back. `serves` says whether there is an old value to use meanwhile.
    pub(crate) fn lead_once<L>(
        &self,
        lead: &mut Option<impl FnOnce(Lease, bool) -> L>,
        lease: Lease,
        serves: bool,
    ) -> Option<L> {
        match lead.take() {
            Some(lead) => Some(lead(lease, serves)),
            None => {
                self.abandon(lease);
                None
            }
        }
    }

    /// The error of a caller that has led without success.
    pub(crate) fn not_now(&self) -> NotAvailableError {
        NotAvailableError::new(self.clock.now().plus(1), self.state().failed.clone())
    }

    /// The error of a caller that has waited without success.
    pub(crate) fn not_yet(&self) -> NotAvailableError {
        NotAvailableError::new(self.clock.now().plus(1), None)
    }

    /// The outcome of the renewal that a caller has led or waited for, if it has ended since this version. `None` for
    /// a flight whose callers may lead or wait again.
    pub(crate) fn came_since(&self, version: u64) -> Option<Result<Published<T>, NotAvailableError>> {
        let now = self.clock.now();
        let state = self.state();
        if !self.once || state.waiting.version() == version {
            return None;
        }
        drop(state);
        Some(self.at_hand(now).ok_or_else(|| self.not_now()))
    }

    /// Gives a lease back.
    pub(crate) fn abandon(&self, lease: Lease) {
        let now = self.clock.now();
        self.change(|state| {
            state.renewal.abandon(lease, now);
            false
        });
    }
}

/// The lease of a leader. Dropping it gives the lease back: the leader was cancelled, or it panicked.
pub(crate) struct Leading<T, F: Deref<Target = SingleFlight<T>>> {
    flight: F,
    lease: Option<Lease>,
    started: Started,
}

impl<T, F: Deref<Target = SingleFlight<T>>> Leading<T, F> {
    pub(crate) fn new(flight: F, lease: Lease) -> Self {
        let started = flight.watched.observer.start();
        Self { flight, lease: Some(lease), started }
    }

    pub(crate) fn settle(mut self, result: Result<Renewed<T>, RenewalError>) {
        // This panics without entropy. The lease is not taken yet, so it is given back.
        let moment = self.flight.clock.moment();
        if let Some(lease) = self.lease.take() {
            let _kept = result.as_ref().ok().map(|renewed| Arc::clone(&renewed.value));
            let failure = result.as_ref().err().cloned();
            let failed = failure.as_ref().map(why_failed);
            let held = self.flight.change(|state| {
                let held = state.renewal.settle(lease, result, moment);
                state.failed = (!held).then(|| failure.unwrap_or(RenewalError::Expired));
                held
            });
            let outcome = if held { Ok(()) } else { Err(failed.unwrap_or("unused")) };
            self.flight.watched.renewed(outcome, self.started);
        }
    }
}

impl<T, F: Deref<Target = SingleFlight<T>>> Drop for Leading<T, F> {
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
