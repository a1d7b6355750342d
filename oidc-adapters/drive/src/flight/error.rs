//! [`NotAvailableError`]: why a flight has no value.

use crate::{event::Target, sentence::debug_is_sentence};
use oidc_proto::{Remedy, Timestamp, renew::RenewalError};
use std::{fmt, sync::Arc};

/// No value is available, or no newer one, and waiting longer would not help. The error says why, and when to ask
/// again.
///
/// ```
/// use oidc_drive::{Clock, SingleFlight, oidc_proto::{
///     Moment, Timestamp, renew::{Need, RenewalError, RenewalPolicy},
/// }};
/// use std::sync::Arc;
///
/// let clock: Arc<dyn Clock> = Arc::new(|| Moment::new(Timestamp(1_800_000_000), [7; 32]));
/// let keys = SingleFlight::<Vec<u8>>::with_clock(RenewalPolicy::KEYS, clock);
/// let error = keys.get(Need::Any, || Err(RenewalError::NoResponse)).unwrap_err();
/// assert_eq!(error.because, Some(RenewalError::NoResponse));
/// assert_eq!(error.to_string(), "nothing of the provider can be used now: the provider did not answer");
/// // An API would answer 503, and this many seconds as `Retry-After`.
/// assert!((1..=5).contains(&(error.until.0 - 1_800_000_000)));
/// ```
///
/// [`SingleFlight`](crate::SingleFlight) and [`Gate::warm_up`](crate::Gate::warm_up) return it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAvailableError {
    /// The time from which it makes sense to ask again.
    pub until: Timestamp,
    /// Why the last renewal failed. `None` if callers ask for a newer value too often, or a renewal takes too long.
    pub because: Option<RenewalError>,
    /// The issuer of the value, as the settings spell it. `None` if the error is from a
    /// [`SingleFlight`](crate::SingleFlight) of your own, which knows no issuer.
    pub issuer: Option<Arc<str>>,
    /// The destination of the last request of the failed renewal, if it is known. A
    /// [`SingleFlight`](crate::SingleFlight) of your own does not know it.
    pub asked: Option<Box<Target>>,
}

impl NotAvailableError {
    pub(crate) const fn new(until: Timestamp, because: Option<RenewalError>) -> Self {
        Self { until, because, issuer: None, asked: None }
    }

    /// Returns who can do what about it: that of the failed renewal, and
    /// [`TryLater`](Remedy::TryLater) if there was none. [`until`](Self::until) says when a caller may ask again.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        self.because.as_ref().map_or(Remedy::TryLater { after: None }, RenewalError::remedy)
    }

    /// Adds the issuer of the value, and the destination of the failed request.
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
