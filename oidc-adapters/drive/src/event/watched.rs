//! [`Watched`]: the observer of renewals, with the words for their events.

use super::{
    kinds::Event,
    observer::{Observer, Started},
};
use std::sync::Arc;

/// The observer of the renewals of one value, with the kind and the issuer of that value.
#[derive(Clone, Default)]
pub(crate) struct Watched {
    pub(crate) observer: Observer,
    what: &'static str,
    issuer: Arc<str>,
}

impl Watched {
    pub(crate) fn new(what: &'static str, issuer: impl Into<Arc<str>>, observer: &Observer) -> Self {
        Self { observer: observer.clone(), what, issuer: issuer.into() }
    }

    pub(crate) fn renewed(&self, outcome: Result<(), &'static str>, started: Started) {
        if !self.observer.is_none() {
            let (issuer, took) = (Arc::clone(&self.issuer), self.observer.since(started));
            self.observer.tell(&Event::Renewed { what: self.what, issuer, outcome, took });
        }
    }
}
