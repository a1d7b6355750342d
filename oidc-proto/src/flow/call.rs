//! [`Call`], [`Pending`], [`Pause`] and [`Terms`]: what passes between a flow and its driver.

use super::{Error, Flow, Request, ResponseError, Rule, Step};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        moment::{Moment, Timestamp},
    },
    metadata::ProviderMetadata,
};
use std::{fmt, time::Duration};

/// The largest metadata document or key set that is read, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// The largest token or UserInfo response that is read, in bytes.
pub const MAX_RESPONSE: usize = 64 * 1024;

/// How long a whole exchange may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// A state that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "it has no variants by nature")]
pub enum Never {}

/// Where a request goes: for metrics, certificates and egress rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata document (OpenID Connect Discovery 1.0 section 4).
    Discovery,
    /// The JWK Set document (`jwks_uri`).
    Jwks,
    /// The token endpoint (RFC 6749 section 3.2).
    Token,
    /// The UserInfo endpoint (OpenID Connect Core 1.0 section 5.3).
    UserInfo,
    /// The introspection endpoint (RFC 7662 section 2).
    Introspection,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    DeviceAuthorization,
    /// The metadata document of a protected resource (RFC 9728 section 3); not an endpoint of the provider.
    ResourceMetadata,
    /// An endpoint of a flow that this crate does not have, by the name that its author gives it.
    Other(&'static str),
}

/// What is known of an endpoint: its name, where the metadata say that it is, and the largest body that is
/// read from it.
struct Row {
    name: &'static str,
    place: fn(&ProviderMetadata) -> Option<&EndpointUrl>,
    max_body: usize,
}

impl Endpoint {
    /// The table of endpoints. A new one is a line here and a variant above.
    const fn row(self) -> Row {
        const fn member(
            name: &'static str,
            max_body: usize,
            place: fn(&ProviderMetadata) -> Option<&EndpointUrl>,
        ) -> Row {
            Row { name, place, max_body }
        }
        const fn elsewhere(name: &'static str, max_body: usize) -> Row {
            member(name, max_body, |_| None)
        }
        match self {
            Self::Discovery => elsewhere("openid-configuration", MAX_DOCUMENT),
            Self::ResourceMetadata => elsewhere("oauth-protected-resource", MAX_DOCUMENT),
            Self::Other(name) => elsewhere(name, MAX_RESPONSE),
            Self::Jwks => member("jwks_uri", MAX_DOCUMENT, |known| known.jwks_uri.as_ref()),
            Self::Token => member("token_endpoint", MAX_RESPONSE, |known| known.token_endpoint.as_ref()),
            Self::UserInfo => {
                member("userinfo_endpoint", MAX_RESPONSE, |known| known.userinfo_endpoint.as_ref())
            }
            Self::Introspection => {
                member("introspection_endpoint", MAX_RESPONSE, |known| known.introspection_endpoint.as_ref())
            }
            Self::DeviceAuthorization => member("device_authorization_endpoint", MAX_RESPONSE, |known| {
                known.device_authorization_endpoint.as_ref()
            }),
        }
    }

    /// The name of the metadata member that says where it is.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Where it is, by the provider's metadata.
    pub(crate) fn of(self, metadata: &ProviderMetadata) -> Option<&EndpointUrl> {
        (self.row().place)(metadata)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The terms on which a request must be carried out. They travel with it.
///
/// Standing terms besides these: no redirects, no automatic retries, no cookies, no caches; a 4xx
/// or 5xx is a response; there is an error only if there was no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// Where the request goes.
    pub endpoint: Endpoint,
    /// Read at most one byte more than this of the body, counted after decompression: the flow
    /// then sees that it is too large, and says so in the same way on every stack.
    pub max_body: usize,
    /// For the whole exchange, from connecting to the last byte of the body.
    pub timeout: Duration,
    /// Whether to present the client's certificate (RFC 8705).
    pub client_certificate: bool,
}

impl Terms {
    /// The terms that are usual for an endpoint: [`TIMEOUT`] for the whole exchange, [`MAX_DOCUMENT`] for a
    /// document and [`MAX_RESPONSE`] for any other body, no client certificate. Change what must be otherwise.
    #[must_use]
    pub const fn new(endpoint: Endpoint) -> Self {
        let max_body = endpoint.row().max_body;
        Self { endpoint, max_body, timeout: TIMEOUT, client_certificate: false }
    }
}

/// A request to send, and the only thing that can take its response.
#[must_use = "a request that is not sent is a flow that does not go on"]
pub struct Call<F: Flow> {
    request: Request,
    pending: Pending<F>,
}

impl<F: Flow> Call<F> {
    /// A call: the request, its terms, and the state that awaits the response.
    pub const fn new(terms: Terms, request: Request, state: F::Awaiting) -> Self {
        Self { request, pending: Pending { state, terms } }
    }

    /// The request, the terms to carry it out on, and what takes its response.
    pub fn into_parts(self) -> (Request, Terms, Pending<F>) {
        (self.request, self.pending.terms, self.pending)
    }

    /// The request, for a look at it. It may carry secrets.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    pub(crate) fn map<G: Flow>(self, state: impl FnOnce(F::Awaiting) -> G::Awaiting) -> Call<G> {
        let Pending { state: inner, terms } = self.pending;
        Call { request: self.request, pending: Pending { state: state(inner), terms } }
    }
}

impl<F: Flow> fmt::Debug for Call<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("endpoint", &self.pending.terms.endpoint)
            .field("method", self.request.method())
            .field("host", &self.request.uri().host())
            .finish_non_exhaustive()
    }
}

/// Takes exactly one response.
#[must_use = "a response that is not handed in is a flow that does not go on"]
pub struct Pending<F: Flow> {
    state: F::Awaiting,
    terms: Terms,
}

impl<F: Flow> Pending<F> {
    /// Hands the response in. The body may be owned or borrowed; one byte more than
    /// [`Terms::max_body`] is enough to see that it is too large.
    ///
    /// # Errors
    /// The flow is over, for the reason that [`Error`] gives.
    pub fn receive(
        self,
        response: http::Response<impl AsRef<[u8]>>,
        moment: Moment,
    ) -> Result<Step<F>, Error> {
        let (parts, body) = response.into_parts();
        let body = body.as_ref();
        let Terms { endpoint, max_body, .. } = self.terms;
        let refused = if body.len() > max_body {
            Some(Rule::TooLarge { limit: max_body })
        } else {
            parts.status.is_redirection().then_some(Rule::Redirect)
        };
        if let Some(rule) = refused {
            let error = ResponseError::new(endpoint, parts.status, rule);
            return F::on_refused(self.state, error.into(), moment);
        }
        F::on_response(self.state, &http::Response::from_parts(parts, body), moment)
    }

    /// There was no response. `None` means that the flow is over, and that the reason is the one of the
    /// transport.
    ///
    /// # Errors
    /// The flow is over for a reason of its own, which [`Error`] gives: it wanted to ask again and could not.
    pub fn fail(self, moment: Moment) -> Result<Option<Step<F>>, Error> {
        F::on_failure(self.state, moment)
    }
}

impl<F: Flow> fmt::Debug for Pending<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("terms", &self.terms).finish_non_exhaustive()
    }
}

/// A flow at rest until a given time.
#[must_use = "a flow that is not woken does not go on"]
pub struct Pause<F: Flow> {
    until: Timestamp,
    state: F::Paused,
}

impl<F: Flow> Pause<F> {
    /// A pause of a flow, to be woken no earlier than `until`.
    pub const fn new(until: Timestamp, state: F::Paused) -> Self {
        Self { until, state }
    }

    /// When to wake the flow.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Goes on. Too early is harmless: the same pause comes back.
    ///
    /// # Errors
    /// The flow is over, for the reason that [`Error`] gives.
    pub fn wake(self, moment: Moment) -> Result<Step<F>, Error> {
        if moment.now() < self.until {
            return Ok(Step::Wait(self));
        }
        F::on_wake(self.state, moment)
    }

    /// Tells the flow that a message has come for it: it may go on before its time. A flow that awaits no
    /// message returns the same pause.
    ///
    /// # Errors
    /// The flow is over, for the reason that [`Error`] gives.
    pub fn notified(self, moment: Moment) -> Result<Step<F>, Error> {
        F::on_notified(self, moment)
    }

    /// Takes the state out, to save it and go on later, or on another node.
    #[must_use]
    pub fn park(self) -> F::Paused {
        self.state
    }

    pub(crate) const fn state(&self) -> &F::Paused {
        &self.state
    }

    pub(crate) fn map<G: Flow>(self, state: impl FnOnce(F::Paused) -> G::Paused) -> Pause<G> {
        Pause { until: self.until, state: state(self.state) }
    }
}

impl<F: Flow> fmt::Debug for Pause<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pause").field("until", &self.until).finish_non_exhaustive()
    }
}
