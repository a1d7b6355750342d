//! [`Step`], [`Flow`], [`Call`], [`Pending`] and [`Pause`]: what passes between a flow and its driver.

use super::{
    error::{Error, ResponseError, ResponseRule},
    terms::Terms,
};
use crate::base::moment::{Moment, Timestamp};
use std::fmt;

/// A request to send: complete, with its body.
pub type Request = http::Request<Vec<u8>>;

/// A response as flows see it: complete, its body borrowed from whoever read it.
pub type Response<'a> = http::Response<&'a [u8]>;

/// What a flow needs next.
#[must_use = "a flow does nothing until its step is carried out"]
#[allow(clippy::exhaustive_enums, reason = "a driver handles these three, and there will be no fourth")]
#[allow(clippy::large_enum_variant, reason = "a step is moved once, and a box would be one more allocation")]
pub enum Step<F: Flow> {
    /// Send a request; hand the response to the flow.
    Send(Call<F>),
    /// Nothing is in flight: wake the flow at a given time.
    Wait(Pause<F>),
    /// Finished.
    Done(F::Output),
}

/// A protocol flow, seen from the inside: two kinds of state, and the transitions between them.
///
/// Implement it for a flow of your own; drive it with any driver.
pub trait Flow: Sized {
    /// The state while a request is in flight.
    type Awaiting;
    /// The state while nothing is in flight; [`Infallible`](std::convert::Infallible) for flows that never wait.
    type Paused;
    /// What the flow is for.
    type Output;

    /// A response has arrived.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_response(
        state: Self::Awaiting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error>;

    /// A wait is over.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_wake(state: Self::Paused, moment: Moment) -> Result<Step<Self>, Error>;

    /// A message has come that tells the flow to go on before its wait is over: the notification of a
    /// provider, say. By default the wait goes on.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_notified(pause: Pause<Self>, moment: Moment) -> Result<Step<Self>, Error> {
        let _ = moment;
        Ok(Step::Wait(pause))
    }

    /// There was a response that no flow may look at: a redirect, or larger than its terms allow.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason given, unless it can do without the response.
    fn on_refused(state: Self::Awaiting, error: Error, moment: Moment) -> Result<Step<Self>, Error> {
        let _ = (state, moment);
        Err(error)
    }

    /// There was no response. Whether the request arrived is unknown, so only a flow whose request
    /// may be repeated goes on; `None` gives up.
    ///
    /// # Errors
    /// The flow wanted to go on and could not, for the reason that [`Error`] gives.
    fn on_failure(state: Self::Awaiting, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        let _ = (state, moment);
        Ok(None)
    }
}

impl<F: Flow> Step<F> {
    /// Runs this flow as a part of a larger one; `carried` is what the larger one must not forget.
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
    /// The call, if this step is one: for a look at the request that a flow begins with.
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
            Some(ResponseRule::TooLarge { limit: max_body })
        } else {
            parts.status.is_redirection().then_some(ResponseRule::Redirect)
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
