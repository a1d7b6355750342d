//! [`Then`]: a flow that is another flow, and then a function.

use super::{
    error::Error,
    step::{Call, Flow, Pause, Response, Step},
};
use crate::base::moment::Moment;

/// A flow that runs another flow first, and makes something of its output.
///
/// Each `Then` is a [`Flow`]: it sends what the first flow sends and waits when that waits. Start it with
/// [`Call::carrying`], [`Pause::carrying`] or [`Step::carrying`].
///
/// ```
/// use oidc_proto::{Error, Moment, flow::{JwksRetrieval, Step, Then}, jose::KeySet};
/// use std::sync::Arc;
///
/// /// How many keys a provider has, and under what name a caller wants to know it.
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
/// # use oidc_proto::{EndpointUrl, UrlPolicy, flow::Call};
/// # let jwks_uri = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default()).unwrap();
///
/// let call: Call<KeyCount> = JwksRetrieval::start(&jwks_uri).carrying("op.example".to_owned());
/// ```
pub trait Then: Sized {
    /// The flow that runs first.
    type First: Flow;
    /// What must not be forgotten while it runs.
    type Carried;
    /// What the whole flow is for.
    type Output;

    /// Goes on when the first flow is done: with an output, or with one more run of the first flow. The
    /// moment is fresh: the first flow has used another half of the moment of this transition.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn then(
        first: <Self::First as Flow>::Output,
        carried: Self::Carried,
        moment: Moment,
    ) -> Result<Step<Self>, Error>;
}

/// The state of a first flow, and what is carried along with it.
#[derive(Clone, Debug)]
pub struct Along<S, C> {
    pub(in crate::flow) state: S,
    pub(in crate::flow) carried: C,
}

impl<F: Flow> Call<F> {
    /// Makes this call the first of a larger flow.
    pub fn carrying<T: Then<First = F>>(self, carried: T::Carried) -> Call<T> {
        self.map(|state| Along { state, carried })
    }
}

impl<F: Flow> Pause<F> {
    /// Makes this pause one of a larger flow.
    pub fn carrying<T: Then<First = F>>(self, carried: T::Carried) -> Pause<T> {
        self.map(|state| Along { state, carried })
    }
}

impl<F: Flow> Step<F> {
    /// Makes this step one of a larger flow, which may be done at once.
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
