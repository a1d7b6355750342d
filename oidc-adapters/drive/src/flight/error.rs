//! [`NotAvailableError`]: why a flight has nothing to give.

use crate::{event::Target, sentence::debug_is_sentence};
use oidc_proto::{Timestamp, renew::RenewalError};
use std::{fmt, sync::Arc};

/// No value is available, or none that is newer, and waiting longer would not be worth it. The error says why,
/// and when to ask again.
///
/// [`SingleFlight`](crate::SingleFlight) returns it, and [`Gate::warm_up`](crate::Gate::warm_up).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAvailableError {
    /// When it makes sense to ask again.
    pub until: Timestamp,
    /// Why the last renewal failed. `None` if callers ask for something newer too often, or a renewal
    /// takes too long.
    pub because: Option<RenewalError>,
    /// Of which issuer it would be, as the settings spell it; `None` if a [`SingleFlight`](crate::SingleFlight) of one's own
    /// says so, which knows of no issuer.
    pub issuer: Option<Arc<str>>,
    /// Where it was asked for the last time in vain, if it was.
    pub asked: Option<Box<Target>>,
}

impl NotAvailableError {
    pub(crate) const fn new(until: Timestamp, because: Option<RenewalError>) -> Self {
        Self { until, because, issuer: None, asked: None }
    }

    /// Says of which issuer it would be, and where it was asked for.
    pub(crate) fn of(mut self, issuer: &str, asked: Option<Target>) -> Self {
        self.issuer.get_or_insert_with(|| issuer.into());
        self.asked = self.asked.or(asked.map(Box::new)).filter(|_| self.because.is_some());
        self
    }
}

impl fmt::Display for NotAvailableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.issuer.as_deref().unwrap_or("the provider");
        match (&self.because, &self.asked) {
            (Some(failure), Some(asked)) => {
                write!(f, "nothing of {of} can be used now: {failure} (asked: {asked})")
            }
            (Some(failure), None) => write!(f, "nothing of {of} can be used now: {failure}"),
            (None, _) => write!(f, "nothing newer of {of} can be had yet"),
        }
    }
}

debug_is_sentence!(NotAvailableError);

impl std::error::Error for NotAvailableError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.because.as_ref().map(|failure| failure as _)
    }
}
