//! Reports the [events](Event) of `oidc-drive` to [`tracing`]. The fields have the names of OpenTelemetry where it has
//! one (semantic conventions for HTTP, `error.type`, `enduser`), and names of our own, `oidc.*`, where it has none.
//!
//! ```
//! use oidc_ureq::Http;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Install a subscriber first, such as the `fmt` of `tracing-subscriber`.
//! let http = Http::new().with_observer(oidc_tracing::observer());
//! // The client, its handles and the flows that it runs report to `tracing`.
//! let provider = http.provider("https://op.example").client_id("my-client").build()?;
//! # drop(provider);
//! # Ok(()) }
//! ```
//!
//! A gate (`GateBuilder`) and a value that renews itself (`SingleFlight`) have the same method, `with_observer`.
//!
//! | event | level | `message` |
//! |---|---|---|
//! | `Sent` | TRACE | `request sent` |
//! | `Answered` | DEBUG; WARN if the status is 5xx | `response received` |
//! | `Lost` | WARN | `no response` |
//! | `Cancelled` | DEBUG | `request cancelled` |
//! | `Waited` | DEBUG | `flow waited` |
//! | `Ended` | DEBUG; WARN if it failed, but INFO if an access token was refused | `flow ended` |
//! | `Renewed` | DEBUG; WARN if it failed | `renewal ended` |
//! | `Verdict` | DEBUG; INFO if refused; WARN if our own outage is the reason (5xx) | `request judged` |
//!
//! | field | in events | value |
//! |---|---|---|
//! | `http.request.method`, `url.scheme` | the four events of a request | method and scheme; never a path or a query |
//! | `server.address`, `server.port` | the four events of a request; `Verdict` in an outage | the host and port that were asked |
//! | `http.response.status_code` | `Answered`, `Verdict` | the status of the response |
//! | `http.response.body.size` | `Answered` | the number of bytes that were read |
//! | `http.client.request.duration` | `Answered`, `Lost`, `Cancelled` | the duration in seconds |
//! | `error.type` | all that report a failure, and no others | the status from 400 on, or a short stable word |
//! | `oidc.endpoint` | the four events of a request, `Waited` | the metadata member that has the URL of the endpoint |
//! | `oidc.flow` | `Waited`, `Ended` | the flow, such as `Login` |
//! | `oidc.issuer` | `Renewed`, `Verdict` | the issuer, as the settings spell it |
//! | `oidc.renewal` | `Renewed` | the kind of value, such as `keys` |
//! | `oidc.clause` | `Verdict` | `accepted`, or the rule that the request breaks |
//! | `oidc.error` | `Verdict` | the error in the challenge |
//! | `oidc.scheme` | `Verdict` | the scheme of the credentials |
//! | `oidc.key` | `Verdict` | the thumbprint of the issuer's key |
//! | `enduser.pseudo.id` | `Verdict` | the pseudonym of the subject, if the settings have a key for it |
//! | `oidc.actor` | `Verdict` | the pseudonym of the party that acts for the subject, by the same key |
//! | `oidc.expected`, `oidc.found` | `Verdict` | the audiences or issuers of the settings, and those of a token that has others |
//! | `oidc.duration` | `Waited`, `Ended`, `Renewed`, `Verdict` | the duration in seconds |
//!
//! The target of all events is [`TARGET`]. There are no spans of our own. An event belongs to the current span,
//! because the observer is called where the event happens. **No field holds a secret**: see [`oidc_drive::event`].
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// These crates are in the signatures of this one.
pub use oidc_drive;
pub use oidc_proto;

use oidc_drive::{Event, Observer, event::Target};
use oidc_proto::{flow::Endpoint, resource::AuthenticationScheme};

/// Reports at the first level whose condition holds, or at DEBUG if no condition holds.
macro_rules! level {
    ($($when:expr => $level:ident),+; $fields:tt, $message:literal) => {
        match () {
            $(() if $when => tracing::$level!(target: TARGET, $fields, $message),)+
            () => tracing::debug!(target: TARGET, $fields, $message),
        }
    };
}

/// Reports an event of a request, with the fields of its target.
macro_rules! exchange {
    ($to:ident, $when:expr => $level:ident; { $($field:tt)* }, $message:literal) => {
        level!($when => $level; {
            oidc.endpoint = $to.endpoint.name(),
            http.request.method = method($to),
            url.scheme = $to.scheme,
            server.address = &*$to.host,
            server.port = $to.port,
            $($field)*
        }, $message)
    };
}

/// The target of every event. Filter by it: `oidc=debug` shows all events except `Sent`.
pub const TARGET: &str = "oidc";

/// Returns an observer that reports every event to the current subscriber.
///
/// ```
/// use oidc_tracing::oidc_drive::{http, run_with_observer};
/// use oidc_tracing::oidc_proto::flow::{Discovery, Request, Terms};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let observer = oidc_tracing::observer();
/// // An HTTP client of your own is a function. This one never gets a response.
/// let send = |_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network");
/// let step = Discovery::start("https://op.example", &Default::default())?;
/// let ran = run_with_observer(step, |request, terms| observer.send(request, terms, send), &observer);
/// assert!(ran.is_err()); // `request sent`, `no response` and `flow ended` were reported
/// # Ok(()) }
/// ```
#[must_use]
pub fn observer() -> Observer {
    Observer::new(tell)
}

/// Reports one event. Call it from an observer of your own that also does something else.
///
/// ```
/// use oidc_tracing::oidc_drive::{Event, Observer};
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// static LOST: AtomicUsize = AtomicUsize::new(0);
///
/// let observer = Observer::new(|event| {
///     if matches!(event, Event::Lost { .. }) {
///         LOST.fetch_add(1, Ordering::Relaxed);
///     }
///     oidc_tracing::tell(event);
/// });
/// let http = oidc_ureq::Http::new().with_observer(observer);
/// # drop(http);
/// ```
pub fn tell(event: &Event) {
    match event {
        Event::Sent { to, .. } => exchange!(to, true => trace; {}, "request sent"),
        Event::Answered { to, status, bytes, took, .. } => {
            let error = status.is_client_error() || status.is_server_error();
            exchange!(to, status.is_server_error() => warn; {
                http.response.status_code = status.as_u16(),
                http.response.body.size = *bytes,
                http.client.request.duration = took.as_secs_f64(),
                "error.type" = error.then_some(status.as_str()),
            }, "response received");
        }
        Event::Lost { to, why, took, .. } => exchange!(to, true => warn; {
            http.client.request.duration = took.as_secs_f64(),
            "error.type" = *why,
        }, "no response"),
        Event::Cancelled { to, took, .. } => exchange!(to, false => warn; {
            http.client.request.duration = took.as_secs_f64(),
            "error.type" = "cancelled",
        }, "request cancelled"),
        Event::Waited { flow, after, took, .. } => level!(false => warn; {
            oidc.flow = *flow,
            oidc.endpoint = after.map(Endpoint::name),
            oidc.duration = took.as_secs_f64(),
        }, "flow waited"),
        Event::Ended { flow, outcome, took, .. } => level!(is_refusal(flow, *outcome) => info,
            outcome.is_err() => warn; {
            oidc.flow = *flow,
            oidc.duration = took.as_secs_f64(),
            "error.type" = outcome.err(),
        }, "flow ended"),
        Event::Renewed { what, issuer, outcome, took, .. } => level!(outcome.is_err() => warn; {
            oidc.renewal = *what,
            oidc.issuer = &**issuer,
            oidc.duration = took.as_secs_f64(),
            "error.type" = outcome.err(),
        }, "renewal ended"),
        Event::Verdict { record, took, .. } => level!(
            record.status.is_some_and(|status| status >= 500) => warn,
            record.status.is_some() => info; {
                oidc.clause = record.clause,
                oidc.error = record.error,
                oidc.issuer = record.issuer.as_deref(),
                server.address = record.host.as_deref(),
                server.port = record.port,
                oidc.scheme = record.scheme.map(AuthenticationScheme::name),
                oidc.key = record.key.as_deref(),
                enduser.pseudo.id = record.subject.as_deref(),
                oidc.actor = record.actor.as_deref(),
                oidc.expected = record.expected.as_deref(),
                oidc.found = record.found.as_deref(),
                http.response.status_code = record.status,
                oidc.duration = took.as_secs_f64(),
                "error.type" = record.status.map(|_| record.clause),
            }, "request judged"
        ),
        // A kind of event that is newer than this crate.
        _ => {}
    }
}

/// Whether an access token was refused because of its content, so that only its sender is to blame.
fn is_refusal(flow: &str, outcome: Result<(), &str>) -> bool {
    let of_a_token = |why: &str| why.starts_with("jws_") || why.starts_with("token_");
    flow == "Verification" && outcome.is_err_and(of_a_token)
}

/// Returns the name of the method. The conventions demand `_OTHER` for a method that HTTP does not define.
fn method(to: &Target) -> &str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == to.method).unwrap_or("_OTHER")
}
