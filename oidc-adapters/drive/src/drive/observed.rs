//! [`run_with_observer`] and [`run_async_with_observer`]: the loop, with an [`Observer`] that is told of waits and
//! of the end. Of requests tells whoever sends, since some things are sent without a loop; of renewals
//! their flight does.

use super::{
    block_on::{after, block_on},
    drive_error::DriveError,
    run::drive,
};
use crate::event::{Clock, Event, NO_RESPONSE, Observer, Started, SystemClock, name_of, why_ended};
use oidc_proto::flow::{Endpoint, Flow, Request, Step, Terms};
use std::{
    future::{Future, ready},
    time::Duration,
};

/// As [`run`](crate::run), and the observer is told of waits and of the end. For requests, let `send` be
/// [`Observer::send`] around your own.
///
/// # Errors
/// As [`run`](crate::run).
pub fn run_with_observer<F: Flow, B: AsRef<[u8]>, E>(
    step: impl Into<Step<F>>,
    mut send: impl FnMut(Request, Terms) -> Result<http::Response<B>, E>,
    observer: &Observer,
) -> Result<F::Output, DriveError<E>> {
    block_on(run_async_with_observer(step, |request, terms| ready(send(request, terms)), after, observer))
}

/// As [`run_async`](crate::run_async), and the observer is told of waits and of the end. For requests,
/// let `send` be [`Observer::send_async`] around your own.
///
/// # Errors
/// As [`run`](crate::run).
pub async fn run_async_with_observer<F: Flow, B: AsRef<[u8]>, E, S, W>(
    step: impl Into<Step<F>>,
    send: impl FnMut(Request, Terms) -> S,
    sleep: impl FnMut(Duration) -> W,
    observer: &Observer,
) -> Result<F::Output, DriveError<E>>
where
    S: Future<Output = Result<http::Response<B>, E>>,
    W: Future<Output = ()>,
{
    observed(step, &SystemClock, send, sleep, observer).await
}

/// The same by a clock of one's own.
pub(crate) async fn observed<F: Flow, B: AsRef<[u8]>, E, S, W>(
    step: impl Into<Step<F>>,
    clock: &dyn Clock,
    send: impl FnMut(Request, Terms) -> S,
    mut sleep: impl FnMut(Duration) -> W,
    observer: &Observer,
) -> Result<F::Output, DriveError<E>>
where
    S: Future<Output = Result<http::Response<B>, E>>,
    W: Future<Output = ()>,
{
    let began = observer.start();
    let sleep = |span, after| {
        // A timer may run from when it is made.
        let (started, sleeping) = (observer.start(), sleep(span));
        async move {
            sleeping.await;
            waited::<F>(observer, after, started);
        }
    };
    let result = drive(step.into(), clock, send, sleep).await;
    ended::<F, E>(observer, began, result)
}

fn waited<F>(observer: &Observer, after: Option<Endpoint>, started: Started) {
    let took = observer.since(started);
    observer.tell(&Event::Waited { flow: name_of::<F>(), after, took });
}

fn ended<F: Flow, E>(
    observer: &Observer,
    began: Started,
    result: Result<F::Output, DriveError<E>>,
) -> Result<F::Output, DriveError<E>> {
    let outcome = match &result {
        Ok(_) => Ok(()),
        Err(DriveError::Protocol(error)) => Err(why_ended(error)),
        Err(DriveError::Transport(_)) => Err(NO_RESPONSE),
    };
    observer.tell(&Event::Ended { flow: name_of::<F>(), outcome, took: observer.since(began) });
    result
}
