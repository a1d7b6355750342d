//! [`Event`]: what has happened.

use super::target::Target;
use http::StatusCode;
use oidc_proto::{flow::Endpoint, resource::VerdictRecord};
use std::{sync::Arc, time::Duration};

/// What has happened. All durations are by the clock of the [`Observer`](crate::Observer).
///
/// A request that was [`Sent`](Self::Sent) is followed by exactly one of [`Answered`](Self::Answered),
/// [`Lost`](Self::Lost) and [`Cancelled`](Self::Cancelled): so many are in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request is about to leave.
    #[non_exhaustive]
    Sent {
        /// Where to.
        to: Target,
    },
    /// A response has come, whatever its status.
    #[non_exhaustive]
    Answered {
        /// Where the request went.
        to: Target,
        /// The status of the response.
        status: StatusCode,
        /// How many bytes of the body were read: one more than the terms allow, if it is too large.
        bytes: usize,
        /// From the request to the last byte that was read.
        took: Duration,
    },
    /// There was no response.
    #[non_exhaustive]
    Lost {
        /// Where the request went.
        to: Target,
        /// `timeout`, `connection` or `no_response`; or the word of an HTTP stack of one's own.
        why: &'static str,
        /// From the request until that was known.
        took: Duration,
    },
    /// Nobody waits for the response any more: the future was dropped, or its thread panicked.
    #[non_exhaustive]
    Cancelled {
        /// Where the request went.
        to: Target,
        /// From the request until then.
        took: Duration,
    },
    /// A flow has waited, because a provider asked it to or did not answer.
    #[non_exhaustive]
    Waited {
        /// The name of the flow's type.
        flow: &'static str,
        /// Which endpoint it asked last, if it did so in this run.
        after: Option<Endpoint>,
        /// For how long.
        took: Duration,
    },
    /// A flow has come to its end: a login, a refresh, a retrieval.
    #[non_exhaustive]
    Ended {
        /// The name of the flow's type, such as `Login`; `Verification` for an access token that a
        /// [`Provider`](crate::Provider) has verified.
        flow: &'static str,
        /// What came of it; if nothing, [why](super::why_ended).
        outcome: Result<(), &'static str>,
        /// From its first step in this run, waits included.
        took: Duration,
    },
    /// A renewal of a shared value is over.
    #[non_exhaustive]
    Renewed {
        /// What was renewed: `keys`, `metadata`, `introspection`; by a [`Provider`](crate::Provider) also
        /// `token` (of its own) and `refresh`; or the word of one's own [`SingleFlight`].
        ///
        /// [`SingleFlight`]: crate::SingleFlight
        what: &'static str,
        /// Of which issuer, as the settings spell it.
        issuer: Arc<str>,
        /// Whether there is a new value. If not, [why](super::why_failed); `unused` if what came had expired or
        /// something newer was there already, `abandoned` if whoever renewed gave up.
        outcome: Result<(), &'static str>,
        /// From the lease to its end.
        took: Duration,
    },
    /// A request to an API was decided on.
    #[non_exhaustive]
    Verdict {
        /// The decision, with its clause.
        record: VerdictRecord,
        /// From the request, waits for keys included; nothing for what a route demands besides.
        took: Duration,
    },
}
