//! [`Then`]: a flow that runs another flow, and then a function.

use super::{
    error::Error,
    step::{Call, Flow, Pause, Response, Step},
};
use crate::base::moment::Moment;

/// A flow that runs another flow first, and then a function of its output.
///
/// Each `Then` is a [`Flow`]: it sends the requests of the first flow, and waits when the first flow waits. Start it
/// with [`Call::carrying`], [`Pause::carrying`] or [`Step::carrying`].
///
/// ```
/// use oidc_proto::{EndpointUrl, Error, Moment, Timestamp, UrlPolicy, flow::*, jose::KeySet};
/// use std::sync::Arc;
///
/// /// Counts the keys of a provider, under a name that the caller gives it.
/// struct KeyCount;
///
/// impl Then for KeyCount {
///     type First = JwksRetrieval;
///     type Carried = String;
///     type Output = (String, usize);
///
///     fn then(keys: Arc<KeySet>, name: String, _: Moment) -> Result<Step<Self>, Error> {
///         Ok(Step::Done((name, keys.keys().count())))
///     }
/// }
///
/// let jwks_uri = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default())?;
/// let call: Call<KeyCount> = JwksRetrieval::start(&jwks_uri).carrying("op.example".to_owned());
///
/// // The response, as your HTTP client reads it:
/// let keys = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(keys)?;
///
/// let (_request, _terms, pending) = call.into_parts();
/// let step = pending.receive(response, Moment::new(Timestamp(1_800_000_000), [7; 32]))?;
/// assert!(matches!(step, Step::Done((name, 1)) if name == "op.example"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Then: Sized {
    /// The flow that runs first.
    type First: Flow;
    /// The state to keep while the first flow runs.
    type Carried;
    /// The result of the whole flow.
    type Output;

    /// Goes on when the first flow is done: with an output, or with one more run of the first flow. `moment` has
    /// entropy that the first flow has not used.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn then(
        first: <Self::First as Flow>::Output,
        carried: Self::Carried,
        moment: Moment,
    ) -> Result<Step<Self>, Error>;
}

/// The state of a first flow, and the state that is carried along with it.
#[derive(Clone, Debug)]
pub struct Along<S, C> {
    pub(in crate::flow) state: S,
    pub(in crate::flow) carried: C,
}

impl<F: Flow> Call<F> {
    /// Makes this call the start of a larger flow, which keeps `carried`.
    pub fn carrying<T: Then<First = F>>(self, carried: T::Carried) -> Call<T> {
        self.map(|state| Along { state, carried })
    }
}

impl<F: Flow> Pause<F> {
    /// Makes this pause a pause of a larger flow, which keeps `carried`.
    pub fn carrying<T: Then<First = F>>(self, carried: T::Carried) -> Pause<T> {
        self.map(|state| Along { state, carried })
    }
}

impl<F: Flow> Step<F> {
    /// Makes this step a step of a larger flow, which keeps `carried` and may be done at once.
    ///
    /// # Errors
    /// As [`Then::then`].
    pub fn carrying<T: Then<First = F>>(self, carried: T::Carried, moment: Moment) -> Result<Step<T>, Error> {
        match self {
            Self::Send(call) => Ok(call.carrying::<T>(carried).into()),
            Self::Wait(pause) => Ok(pause.carrying::<T>(carried).into()),
            Self::Done(output) => T::then(output, carried, moment),
        }
    }
}

impl<T: Then> Flow for T {
    type Awaiting = Along<<T::First as Flow>::Awaiting, T::Carried>;
    type Paused = Along<<T::First as Flow>::Paused, T::Carried>;
    type Output = <T as Then>::Output;

    fn on_response(
        along: Self::Awaiting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        let (first, second) = moment.halve();
        T::First::on_response(along.state, response, first)?.carrying(along.carried, second)
    }

    fn on_wake(along: Self::Paused, moment: Moment) -> Result<Step<Self>, Error> {
        let (first, second) = moment.halve();
        T::First::on_wake(along.state, first)?.carrying(along.carried, second)
    }

    fn on_notified(pause: Pause<Self>, moment: Moment) -> Result<Step<Self>, Error> {
        let (first, second) = moment.halve();
        let (until, along) = (pause.until(), pause.park());
        let step = T::First::on_notified(Pause::new(until, along.state), first)?;
        step.carrying(along.carried, second)
    }

    fn on_refused(along: Self::Awaiting, error: Error, moment: Moment) -> Result<Step<Self>, Error> {
        let (first, second) = moment.halve();
        T::First::on_refused(along.state, error, first)?.carrying(along.carried, second)
    }

    fn on_failure(along: Self::Awaiting, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        let (first, second) = moment.halve();
        let step = T::First::on_failure(along.state, first)?;
        step.map(|step| step.carrying(along.carried, second)).transpose()
    }
}
