//! [`Event`]: the kinds of events.

use super::target::Target;
use http::StatusCode;
use oidc_proto::{flow::Endpoint, resource::VerdictRecord};
use std::{sync::Arc, time::Duration};

/// An event that an [`Observer`](crate::Observer) receives. The clock of the observer measures all durations.
///
/// Each [`Sent`](Self::Sent) is followed by exactly one [`Answered`](Self::Answered), [`Lost`](Self::Lost) or
/// [`Cancelled`](Self::Cancelled), so the difference between the counts is the number of requests in flight.
///
/// ```
/// use oidc_drive::{Event, Observer, blocking::{Io, Provider}, http, oidc_proto::flow::{Request, Terms}};
/// use std::sync::mpsc;
///
/// /// One line of a log for each event that is worth one.
/// fn line(event: &Event) -> Option<String> {
///     match event {
///         Event::Answered { to, status, took, .. } => Some(format!("{to}: {status} after {took:?}")),
///         Event::Lost { to, why, .. } => Some(format!("{to}: {why}")),
///         Event::Renewed { what, issuer, outcome: Err(why), .. } => Some(format!("{what} of {issuer}: {why}")),
///         _ => None,
///     }
/// }
///
/// let (log, lines) = mpsc::channel();
/// let observer = Observer::new(move |event| line(event).into_iter().for_each(|line| drop(log.send(line))));
/// let io = Io::new(|_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network"));
/// let provider = Provider::builder("https://op.example", io).with_observer(observer).build()?;
/// assert!(provider.metadata().is_err());
/// assert_eq!(lines.try_iter().collect::<Vec<_>>(), [
///     "openid-configuration at op.example:443: no_response",
///     "metadata of https://op.example: no_response",
/// ]);
/// # Ok::<(), oidc_drive::ProviderError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request is about to be sent.
    #[non_exhaustive]
    Sent {
        /// Where the request goes.
        to: Target,
    },
    /// A response arrived, with any status.
    #[non_exhaustive]
    Answered {
        /// Where the request went.
        to: Target,
        /// The status of the response.
        status: StatusCode,
        /// The number of bytes of the body that were read. It is one more than the terms allow if the body is too
        /// large. It is 0 for a request to an [`Api`](crate::Api) over the client of the program, which reads the body.
        bytes: usize,
        /// The time from the request to the last byte that was read.
        took: Duration,
    },
    /// There was no response.
    #[non_exhaustive]
    Lost {
        /// Where the request went.
        to: Target,
        /// The reason: `timeout`, `connection` or `no_response`, or the [label](crate::Io::with_error_labels) that your
        /// own HTTP client gives to its error.
        why: &'static str,
        /// The time from the request until the loss was known.
        took: Duration,
    },
    /// A request was cancelled: its future was dropped, or its thread panicked.
    #[non_exhaustive]
    Cancelled {
        /// Where the request went.
        to: Target,
        /// The time from the request until the cancellation.
        took: Duration,
    },
    /// A flow waited, because a provider asked it to wait or did not answer.
    #[non_exhaustive]
    Waited {
        /// The name of the flow's type.
        flow: &'static str,
        /// The endpoint of the latest request in this run; `None` if there was no request.
        after: Option<Endpoint>,
        /// How long the flow waited.
        took: Duration,
    },
    /// A flow ended: a login, a refresh, a fetch of metadata or keys.
    #[non_exhaustive]
    Ended {
        /// The name of the flow's type, such as `Login`. When a [`Provider`](crate::Provider) verifies an access
        /// token, it is `Verification`, and when an [`Api`](crate::Api) sends a request, it is `ResourceRequest`.
        flow: &'static str,
        /// Whether the flow succeeded. The error is the [code](super::why_ended) of its failure.
        outcome: Result<(), &'static str>,
        /// The time since the flow's first step in this run, waits included.
        took: Duration,
    },
    /// The renewal of a shared value ended.
    #[non_exhaustive]
    Renewed {
        /// The kind of value: `keys`, `metadata` or `introspection`. A [`Provider`](crate::Provider) also renews a
        /// `token` (a service token, or one for an [`Api`](crate::Api)) and runs a `refresh`. For your own [`SingleFlight`], it is the word that you gave
        /// it.
        ///
        /// [`SingleFlight`]: crate::SingleFlight
        what: &'static str,
        /// The issuer of the value, as the settings spell it.
        issuer: Arc<str>,
        /// Whether the renewal brought a new value. The error is the [code](super::why_failed) of the failure. It is
        /// `unused` if the new value had expired or a newer one was there already, and `abandoned` if the renewal was
        /// given up.
        outcome: Result<(), &'static str>,
        /// The time from the beginning of the renewal to its end.
        took: Duration,
    },
    /// A [`Gate`](crate::Gate) decided on a request to an API.
    #[non_exhaustive]
    Verdict {
        /// The decision, with its clause.
        record: VerdictRecord,
        /// The time since the request arrived, waits for keys included. If the requirements of a route refuse the
        /// request, it is the time of that check alone.
        took: Duration,
    },
}
