//! The types that pass between a flow and its driver: [`Step`], [`Flow`], [`Call`], [`Pending`] and [`Pause`].

use super::{
    error::Error,
    response_error::{ResponseError, ResponseRule},
    terms::{Endpoint, Terms},
};
use crate::base::{
    header::media_type_is,
    moment::{Moment, Timestamp},
    visible::{shown, without_query},
};
use std::{fmt, time::Duration};

/// A request to send, with its whole body.
pub type Request = http::Request<Vec<u8>>;

/// A response as a flow sees it, with its whole body, borrowed from the driver.
pub type Response<'a> = http::Response<&'a [u8]>;

/// The next thing that a flow needs: to send a request, to wait, or nothing more.
///
/// [The loop](crate::flow#the-loop) carries out every step of every flow. By hand, one exchange is:
///
/// ```
/// use oidc_proto::{EndpointUrl, Moment, Timestamp, UrlPolicy, flow::{JwksRetrieval, Step}};
///
/// let jwks_uri = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default())?;
/// let (request, terms, pending) = JwksRetrieval::start(&jwks_uri).into_parts();
/// assert_eq!(request.uri(), "https://op.example/jwks");
/// assert_eq!((terms.max_body, terms.timeout.as_secs()), (64 * 1024, 10));
///
/// // Your HTTP client sends the request on these terms, and reads this:
/// let keys = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(keys)?;
///
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// match pending.receive(response, moment)? {
///     Step::Done(keys) => assert!(keys.knows("1")),
///     Step::Send(_) | Step::Wait(_) => unreachable!("this flow has one request, and never waits"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a flow does nothing until its step is carried out"]
#[allow(clippy::exhaustive_enums, reason = "a driver handles these three, and there will be no fourth")]
#[allow(clippy::large_enum_variant, reason = "a step is moved once, and a box would be one more allocation")]
pub enum Step<F: Flow> {
    /// Send this request, and give the response to the flow.
    Send(Call<F>),
    /// Wake the flow at a given time. Nothing is in flight.
    Wait(Pause<F>),
    /// The flow is finished, with this output.
    Done(F::Output),
}

/// A protocol flow from the inside: two kinds of state, and the transitions between them.
///
/// Implement it for a flow of your own, and any driver drives it. A flow that continues another one is easier
/// to write as a [`Then`](crate::flow::Then). This flow asks whether a server is up:
///
/// ```
/// use oidc_proto::{Error, Moment, flow::*};
/// use std::convert::Infallible;
///
/// struct HealthCheck;
///
/// impl Flow for HealthCheck {
///     type Awaiting = ();
///     type Paused = Infallible; // it never waits
///     type Output = bool;
///
///     fn on_response((): (), response: &Response<'_>, _: Moment) -> Result<Step<Self>, Error> {
///         Ok(Step::Done(response.status().is_success()))
///     }
///
///     fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
///         match never {}
///     }
/// }
///
/// let request = http::Request::get("https://op.example/health").body(Vec::new())?;
/// let call = Call::<HealthCheck>::new(Terms::new(Endpoint::Other("health")), request, ());
/// assert_eq!(call.request().uri().path(), "/health");
/// # Ok::<(), http::Error>(())
/// ```
pub trait Flow: Sized {
    /// The state while a request is in flight.
    type Awaiting;
    /// The state while nothing is in flight: [`Infallible`](std::convert::Infallible) for a flow that never waits.
    type Paused;
    /// The result of the flow.
    type Output;

    /// Goes on with the response that has arrived.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_response(
        state: Self::Awaiting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error>;

    /// Goes on when a wait is over.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_wake(state: Self::Paused, moment: Moment) -> Result<Step<Self>, Error>;

    /// Goes on before the wait is over, because a message for the flow has arrived, such as a notification of the
    /// provider. By default the wait goes on.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_notified(pause: Pause<Self>, moment: Moment) -> Result<Step<Self>, Error> {
        let _ = moment;
        Ok(Step::Wait(pause))
    }

    /// Goes on after a response that no flow may look at: a redirect, or a body larger than the terms allow.
    ///
    /// # Errors
    /// The flow is over (law 2), with the error that it was given, unless it can do without the response.
    fn on_refused(state: Self::Awaiting, error: Error, moment: Moment) -> Result<Step<Self>, Error> {
        let _ = (state, moment);
        Err(error)
    }

    /// Goes on without a response; `None` means that the flow gives up, which is the default. Nobody knows whether
    /// the request arrived, so a flow goes on only if its request may be repeated.
    ///
    /// # Errors
    /// The flow could not make its next request, for the reason that [`Error`] gives.
    fn on_failure(state: Self::Awaiting, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        let _ = (state, moment);
        Ok(None)
    }
}

impl<F: Flow> Step<F> {
    /// Runs this flow as a part of a larger one. `carried` is the state that the larger one keeps meanwhile.
    pub(crate) fn within<G: Flow, C>(
        self,
        carried: C,
        awaiting: impl FnOnce(F::Awaiting, C) -> G::Awaiting,
        paused: impl FnOnce(F::Paused, C) -> G::Paused,
        done: impl FnOnce(F::Output, C) -> Result<Step<G>, Error>,
    ) -> Result<Step<G>, Error> {
        match self {
            Self::Send(call) => Ok(call.map(|state| awaiting(state, carried)).into()),
            Self::Wait(pause) => Ok(pause.map(|state| paused(state, carried)).into()),
            Self::Done(output) => done(output, carried),
        }
    }
}

impl<F: Flow> Step<F> {
    /// Returns the call, if this step is one: to look at the first request of a flow.
    #[must_use]
    pub fn into_call(self) -> Option<Call<F>> {
        match self {
            Self::Send(call) => Some(call),
            Self::Wait(_) | Self::Done(_) => None,
        }
    }
}

impl<F: Flow> From<Call<F>> for Step<F> {
    fn from(call: Call<F>) -> Self {
        Self::Send(call)
    }
}

impl<F: Flow> From<Pause<F>> for Step<F> {
    fn from(pause: Pause<F>) -> Self {
        Self::Wait(pause)
    }
}

impl<F: Flow> fmt::Debug for Step<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(call) => f.debug_tuple("Send").field(call).finish(),
            Self::Wait(pause) => f.debug_tuple("Wait").field(pause).finish(),
            Self::Done(_) => f.write_str("Done(..)"),
        }
    }
}

/// A request to send, together with the [`Pending`] flow that takes its response.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::Discovery};
///
/// let call = Discovery::start("https://op.example/tenant", &UrlPolicy::default())?;
/// assert_eq!(call.request().method(), "GET");
/// assert_eq!(call.request().uri(), "https://op.example/tenant/.well-known/openid-configuration");
///
/// // Only a request that was taken out to be sent can get a response.
/// let (request, terms, pending) = call.into_parts();
/// # let _ = (request, terms, pending);
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[must_use = "a flow does not go on until its request is sent"]
pub struct Call<F: Flow> {
    request: Request,
    pending: Pending<F>,
}

impl<F: Flow> Call<F> {
    /// Makes a call of a request, its terms, and the state that awaits the response.
    pub const fn new(terms: Terms, request: Request, state: F::Awaiting) -> Self {
        Self { request, pending: Pending { state, terms, url: String::new() } }
    }

    /// Returns the request to send, the terms to send it on, and the flow that takes the response.
    pub fn into_parts(mut self) -> (Request, Terms, Pending<F>) {
        self.pending.url = shown(&without_query(&self.request.uri().to_string()));
        (self.request, self.pending.terms, self.pending)
    }

    /// Sets the largest body, in bytes, that the flow accepts as the response to this request. Later requests of the
    /// flow have the limit of their endpoint.
    ///
    /// ```
    /// use oidc_proto::{EndpointUrl, UrlPolicy, flow::JwksRetrieval};
    ///
    /// let jwks_uri = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default())?;
    /// let (_request, terms, _pending) = JwksRetrieval::start(&jwks_uri).max_body(1 << 20).into_parts();
    /// assert_eq!(terms.max_body, 1_048_576);
    /// # Ok::<(), oidc_proto::base::UrlError>(())
    /// ```
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.pending.terms.max_body = bytes;
        self
    }

    /// Sets the longest time of the exchange, for a server that may hold the request for a while.
    pub(crate) const fn timeout(mut self, timeout: Duration) -> Self {
        self.pending.terms.timeout = timeout;
        self
    }

    /// Returns the request, to look at it. It may contain secrets.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    pub(crate) fn map<G: Flow>(self, state: impl FnOnce(F::Awaiting) -> G::Awaiting) -> Call<G> {
        let Pending { state: inner, terms, url } = self.pending;
        Call { request: self.request, pending: Pending { state: state(inner), terms, url } }
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

/// A flow that waits for one response, and takes exactly one.
///
/// ```
/// use oidc_proto::{Error, Moment, Timestamp, UrlPolicy, flow::Discovery};
///
/// let (_request, _terms, pending) = Discovery::start("https://op.example", &UrlPolicy::default())?.into_parts();
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]);
///
/// // Any status is a response. This one ends the flow.
/// let busy = http::Response::builder().status(503).header("retry-after", "30").body("")?;
/// let Err(Error::Unavailable(busy)) = pending.receive(busy, moment) else { panic!("the provider is busy") };
/// assert_eq!(busy.retry_after().map(|wait| wait.as_secs()), Some(30));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a flow does not go on until it gets its response"]
pub struct Pending<F: Flow> {
    state: F::Awaiting,
    terms: Terms,
    /// The URL of the request, without its query.
    url: String,
}

impl<F: Flow> Pending<F> {
    /// Takes the response, whatever its status, and returns the next step. The body may be owned or borrowed. Read
    /// at most one byte more of it than [`Terms::max_body`]: that byte shows that it is too large.
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
            Some(ResponseRule::TooLarge { limit: max_body })
        } else {
            parts.status.is_redirection().then_some(ResponseRule::Redirect)
        };
        if let Some(rule) = refused {
            let mut error = ResponseError::new(endpoint, parts.status, rule);
            // The path of a flow from outside of this crate may have a secret.
            if matches!(error.rule, ResponseRule::TooLarge { .. })
                && media_type_is(&parts.headers, &["text/html"])
            {
                error.media_type = Some("text/html");
            }
            if error.rule == ResponseRule::Redirect && !matches!(endpoint, Endpoint::Other(_)) {
                error.urls = vec![self.url];
            }
            return F::on_refused(self.state, error.into(), moment);
        }
        F::on_response(self.state, &http::Response::from_parts(parts, body), moment)
    }

    /// Tells the flow that there was no response. `None` means that the flow is over, and the error of the transport
    /// is the reason.
    ///
    /// # Errors
    /// The flow is over for a reason of its own, which [`Error`] gives: it could not make its next request.
    pub fn fail(self, moment: Moment) -> Result<Option<Step<F>>, Error> {
        F::on_failure(self.state, moment)
    }
}

impl<F: Flow> fmt::Debug for Pending<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("terms", &self.terms).finish_non_exhaustive()
    }
}

/// A flow at rest until a given time. Nothing is in flight.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
///     "response_types_supported": ["code"]}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-service").secret("my secret").build()?;
/// let at = |seconds| Moment::new(Timestamp(seconds), [7; 32]);
///
/// let wanted = ClientCredentialsRequest::new(["orders.read"]);
/// let (_request, _terms, pending) = client.client_credentials(&wanted, at(1_800_000_000))?.into_parts();
/// let busy = http::Response::builder().status(503).header("retry-after", "30").body("")?;
/// let Step::Wait(pause) = pending.receive(busy, at(1_800_000_000))? else { panic!("it waits") };
/// assert_eq!(pause.until(), Timestamp(1_800_000_030));
///
/// // Too early is harmless: the flow goes on waiting. Then it asks again.
/// let Step::Wait(pause) = pause.wake(at(1_800_000_029))? else { panic!("it waits") };
/// assert!(matches!(pause.wake(at(1_800_000_030))?, Step::Send(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a flow does not go on until it is woken"]
pub struct Pause<F: Flow> {
    until: Timestamp,
    state: F::Paused,
}

impl<F: Flow> Pause<F> {
    /// Makes a pause in this state, which ends at `until`.
    pub const fn new(until: Timestamp, state: F::Paused) -> Self {
        Self { until, state }
    }

    /// Returns the time at which to wake the flow.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Wakes the flow, and returns its next step. Too early is harmless: that step is the same pause.
    ///
    /// # Errors
    /// The flow is over, for the reason that [`Error`] gives.
    pub fn wake(self, moment: Moment) -> Result<Step<F>, Error> {
        if moment.now() < self.until {
            return Ok(Step::Wait(self));
        }
        F::on_wake(self.state, moment)
    }

    /// Tells the flow that a message for it has arrived, so that it may go on before its time. A flow that awaits no
    /// message returns the same pause.
    ///
    /// # Errors
    /// The flow is over, for the reason that [`Error`] gives.
    pub fn notified(self, moment: Moment) -> Result<Step<F>, Error> {
        F::on_notified(self, moment)
    }

    /// Returns the state, to keep it and go on later, or on another node.
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
