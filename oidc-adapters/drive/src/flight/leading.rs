//! [`Leading`]: who renews a value of a [`SingleFlight`], until it is settled or given up; and what they are told
//! if nothing came of it.

use super::{error::NotAvailableError, state::SingleFlight};
use crate::event::{Started, why_failed};
use oidc_proto::renew::{Lease, Published, RenewalError, Renewed};
use std::{ops::Deref, sync::Arc};

impl<T> SingleFlight<T> {
    /// A caller leads once, and is told whether there is a value that serves meanwhile: what it brings is
    /// used, or there is a reason why not. Then the lease is given back.
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

    /// For who has led in vain.
    pub(crate) fn not_now(&self) -> NotAvailableError {
        NotAvailableError::new(self.clock.now().plus(1), self.state().failed.clone())
    }

    /// For who has waited in vain.
    pub(crate) fn not_yet(&self) -> NotAvailableError {
        NotAvailableError::new(self.clock.now().plus(1), None)
    }

    /// What came of the renewal that somebody has led or waited for, if that is all they get and it has ended
    /// since this version.
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

/// A lease in hand. Given back when it is dropped: its holder was cancelled, or broke.
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
        // Where there is no entropy, it panics: with the lease still in hand, to be given back.
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
