//! Tells the [events](Event) of `oidc-drive` to [`tracing`], in the names of OpenTelemetry where it has
//! some (semantic conventions for HTTP, `error.type`, `enduser`), and in names of our own, `oidc.*`,
//! where it has none.
//!
//! ```
//! let observer = oidc_tracing::observer();
//! // oidc_ureq::Http::new().with_observer(observer), GateBuilder::with_observer(observer), SingleFlight::with_observer(…)
//! # drop(observer);
//! ```
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
//! | `Verdict` | DEBUG; INFO if refused; WARN if by our own outage (5xx) | `request judged` |
//!
//! | field | in | what |
//! |---|---|---|
//! | `http.request.method`, `url.scheme` | each of a request | how; never a path or a query |
//! | `server.address`, `server.port` | each of a request; `Verdict` in an outage | where to; who was asked in vain |
//! | `http.response.status_code` | `Answered`, `Verdict` | of the response |
//! | `http.response.body.size` | `Answered` | bytes that were read |
//! | `http.client.request.duration` | `Answered`, `Lost`, `Cancelled` | in seconds |
//! | `error.type` | what went wrong, and nothing else | the status from 400 on, or a short stable word |
//! | `oidc.endpoint` | each of a request, `Waited` | the metadata member that says where it is |
//! | `oidc.flow` | `Waited`, `Ended` | the flow, such as `Login` |
//! | `oidc.issuer` | `Renewed`, `Verdict` | as the settings spell it |
//! | `oidc.renewal` | `Renewed` | what was renewed, such as `keys` |
//! | `oidc.clause` | `Verdict` | `accepted`, or what the request breaks |
//! | `oidc.error`, `oidc.scheme`, `oidc.key` | `Verdict` | of the challenge, of the credentials, the thumbprint of the issuer's key |
//! | `enduser.pseudo.id` | `Verdict` | the pseudonym of the subject, if the settings have a key for it |
//! | `oidc.duration` | `Waited`, `Ended`, `Renewed`, `Verdict` | in seconds |
//!
//! The target of all is [`TARGET`]. There are no spans: an event belongs to the span in which it happens,
//! since the observer is called right there. **No secret is in any field**: see [`oidc_drive::event`].
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// In the signatures of this crate.
pub use oidc_drive;
pub use oidc_proto;

use oidc_drive::{Event, Observer, event::Target};
use oidc_proto::{flow::Endpoint, resource::AuthenticationScheme};

/// Tells of the first level whose condition holds; if none does, of DEBUG.
macro_rules! level {
    ($($when:expr => $level:ident),+; $fields:tt, $message:literal) => {
        match () {
            $(() if $when => tracing::$level!(target: TARGET, $fields, $message),)+
            () => tracing::debug!(target: TARGET, $fields, $message),
        }
    };
}

/// The same of a request, with where it goes.
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

/// The target of every event, to be filtered by.
pub const TARGET: &str = "oidc";

/// An observer that tells whatever subscriber there is.
#[must_use]
pub fn observer() -> Observer {
    Observer::new(tell)
}

/// Tells one event: for an observer of one's own that does something else besides.
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
                http.response.status_code = record.status,
                oidc.duration = took.as_secs_f64(),
                "error.type" = record.status.map(|_| record.clause),
            }, "request judged"
        ),
        // A kind that is newer than this crate.
        _ => {}
    }
}

/// Whether an access token was refused by what is in it, and nobody but its sender is to blame.
fn is_refusal(flow: &str, outcome: Result<(), &str>) -> bool {
    let of_a_token = |why: &str| why.starts_with("jws_") || why.starts_with("token_");
    flow == "Verification" && outcome.is_err_and(of_a_token)
}

/// As the conventions want it: a method that HTTP does not know is `_OTHER`.
fn method(to: &Target) -> &str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == to.method).unwrap_or("_OTHER")
}
