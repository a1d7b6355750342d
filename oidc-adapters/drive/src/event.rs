//! [`Event`]: what has happened, as a value, for logs, metrics and traces.
//!
//! **No secret is in an event, whatever a provider answers.** An event has numbers, words that stand in
//! the sources of this program (`&'static str`: nothing that was received can be one), the host and port
//! of a URL without its path and query, and issuers as the settings spell them. No header, no body, no
//! prose of a provider, no text of a transport's error.

use http::{Method, StatusCode, Uri};
use oidc_proto::{
    Error,
    flow::{Endpoint, Request, Terms},
    renew::Failure,
    resource::Record,
};
use std::{fmt, sync::Arc, time::Duration};

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
        /// The name of the flow's type, such as `CodeExchange`; `Verification` for an access token that a
        /// [`Provider`](crate::Provider) has verified.
        flow: &'static str,
        /// What came of it; if nothing, [why](why_ended).
        outcome: Result<(), &'static str>,
        /// From its first step in this run, waits included.
        took: Duration,
    },
    /// A renewal of a shared value is over.
    #[non_exhaustive]
    Renewed {
        /// What was renewed: `keys`, `metadata`, `introspection`; by a [`Provider`](crate::Provider) also
        /// `token` (of its own) and `refresh`; or the word of one's own [`Flight`].
        ///
        /// [`Flight`]: crate::Flight
        what: &'static str,
        /// Of which issuer, as the settings spell it.
        issuer: Arc<str>,
        /// Whether there is a new value. If not, [why](why_failed); `unused` if what came had expired or
        /// something newer was there already, `abandoned` if whoever renewed gave up.
        outcome: Result<(), &'static str>,
        /// From the lease to its end.
        took: Duration,
    },
    /// A request to an API was decided on.
    #[non_exhaustive]
    Verdict {
        /// The decision, with its clause.
        record: Record,
        /// From the request, waits for keys included; nothing for what a route demands besides.
        took: Duration,
    },
}

/// Where a request goes: nothing of its path, query, headers or body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// Which of the provider's endpoints it is.
    pub endpoint: Endpoint,
    /// The method.
    pub method: Method,
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The host, without brackets if it is an address.
    pub host: Arc<str>,
    /// The port, named or not.
    pub port: u16,
}

impl Target {
    /// Where a request goes.
    pub(crate) fn of(request: &Request, terms: Terms) -> Self {
        Self::new(terms.endpoint, request.method(), request.uri())
    }

    pub(crate) fn new(endpoint: Endpoint, method: &Method, uri: &Uri) -> Self {
        let (scheme, port) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            _ => ("https", 443),
        };
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(port);
        Self { endpoint, method: method.clone(), scheme, host: host.into(), port }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.endpoint, self.host, self.port)
    }
}

/// Why there was no response, if nobody says more.
pub(crate) const NO_RESPONSE: &str = "no_response";

/// The error codes that a provider may give, by the specifications. Any other could be anything.
const OAUTH: [&str; 22] = [
    // RFC 6749 sections 4.1.2.1 and 5.2
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "invalid_scope",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
    // RFC 6750 section 3.1, RFC 8707 section 2, RFC 9449 section 5, RFC 9470 section 3
    "invalid_token",
    "insufficient_scope",
    "invalid_target",
    "invalid_dpop_proof",
    "use_dpop_nonce",
    "insufficient_user_authentication",
    // RFC 8628 section 3.5
    "authorization_pending",
    "slow_down",
    "expired_token",
    // OpenID Connect Core 1.0 section 3.1.2.6
    "login_required",
    "interaction_required",
    "consent_required",
];

/// Why a flow is over, in one word: the [code](Error::code) of the error. Of an OAuth error it is the one
/// that the provider gave, if the specifications know it, and `oauth_error` if not: an unknown one could
/// be anything, even a secret.
#[must_use]
pub fn why_ended(error: &Error) -> &'static str {
    let given = if let Error::OAuth(given) = error { given.response.error.as_str() } else { "" };
    OAUTH.into_iter().find(|known| *known == given).unwrap_or_else(|| error.code())
}

/// Why a renewal failed, in one word: as [`why_ended`]; else `no_response` or `expired`.
#[must_use]
pub fn why_failed(failure: &Failure) -> &'static str {
    match failure {
        Failure::Flow(error) => why_ended(error),
        Failure::Expired => "expired",
        Failure::NoResponse | _ => NO_RESPONSE,
    }
}

/// The name of a type, without its path.
pub(crate) fn name_of<F>() -> &'static str {
    let name = std::any::type_name::<F>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
