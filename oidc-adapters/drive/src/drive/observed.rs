//! [`run_with_observer`] and [`run_async_with_observer`]: the loop, with an [`Observer`] of waits and of the end.
//!
//! The sender of a request reports that request, because some requests are sent without the loop. A flight reports
//! its own renewals.

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

/// Runs a flow as [`run`](crate::run) does, and reports its waits and its end to the observer. To report requests
/// too, wrap your `send` in [`Observer::send`].
///
/// ```
/// use oidc_drive::{Event, Observer, http, oidc_proto::flow::{Discovery, Request, Terms}, run_with_observer};
/// use std::sync::mpsc;
///
/// let (events, received) = mpsc::channel();
/// let observer = Observer::new(move |event: &Event| drop(events.send(event.clone())));
/// let send = |_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network");
/// let send = |request, terms| observer.send(request, terms, send);
/// let lost = run_with_observer(Discovery::start("https://op.example", &Default::default())?, send, &observer);
/// assert!(lost.is_err());
///
/// let events: Vec<_> = received.try_iter().collect();
/// assert!(matches!(&events[0], Event::Sent { to, .. } if &*to.host == "op.example"));
/// assert!(matches!(&events[1], Event::Lost { why: "no_response", .. }));
/// assert!(matches!(&events[2], Event::Ended { flow: "Discovery", outcome: Err("no_response"), .. }));
/// # Ok::<(), oidc_drive::oidc_proto::Error>(())
/// ```
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

/// Runs a flow as [`run_async`](crate::run_async) does, and reports its waits and its end to the observer. To report
/// requests too, wrap your `send` in [`Observer::send_async`].
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

/// [`run_async_with_observer`] with another clock.
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
        // A timer may start when it is made, so its time is taken here.
        let (started, sleeping) = (observer.start(), sleep(span));
        async move {
            sleeping.await;
            waited::<F>(observer, after, started);
        }
    };
    let result = drive(step.into(), clock, send, sleep).await;
    ended::<F, E>(observer, began, result)
}

/// Reports a wait.
pub(crate) fn waited<F>(observer: &Observer, after: Option<Endpoint>, started: Started) {
    let took = observer.since(started);
    observer.tell(&Event::Waited { flow: name_of::<F>(), after, took });
}

/// Reports the end of a flow, and returns it.
pub(crate) fn ended<F: Flow, E>(
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
