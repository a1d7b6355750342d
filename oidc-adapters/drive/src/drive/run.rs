//! [`run`] and [`run_async`], and the loop that they have in common.

use super::{
    block_on::{after, block_on},
    drive_error::DriveError,
};
use crate::event::{Clock, SystemClock};
use oidc_proto::flow::{Endpoint, Flow, Request, Step, Terms};
use std::{
    future::{Future, ready},
    time::Duration,
};

/// Runs a flow to its end on this thread. `send` carries a request out on its [`Terms`].
///
/// # Errors
/// [`DriveError::Protocol`] if the flow is over; [`DriveError::Transport`] if there was no response and the
/// flow could not go on.
pub fn run<F: Flow, B: AsRef<[u8]>, E>(
    step: impl Into<Step<F>>,
    mut send: impl FnMut(Request, Terms) -> Result<http::Response<B>, E>,
) -> Result<F::Output, DriveError<E>> {
    block_on(run_async(step, |request, terms| ready(send(request, terms)), after))
}

/// Runs a flow to its end on whatever runtime `send` and `sleep` belong to. The future is `Send` if
/// they are; dropping it drops the flow, and leaves nothing behind.
///
/// # Errors
/// As [`run`].
pub async fn run_async<F: Flow, B: AsRef<[u8]>, E, S, W>(
    step: impl Into<Step<F>>,
    send: impl FnMut(Request, Terms) -> S,
    mut sleep: impl FnMut(Duration) -> W,
) -> Result<F::Output, DriveError<E>>
where
    S: Future<Output = Result<http::Response<B>, E>>,
    W: Future<Output = ()>,
{
    drive(step.into(), &SystemClock, send, |span, _| sleep(span)).await
}

/// The loop. `sleep` is told which endpoint was asked last.
pub(crate) async fn drive<F: Flow, B: AsRef<[u8]>, E, S, W>(
    mut step: Step<F>,
    clock: &dyn Clock,
    mut send: impl FnMut(Request, Terms) -> S,
    mut sleep: impl FnMut(Duration, Option<Endpoint>) -> W,
) -> Result<F::Output, DriveError<E>>
where
    S: Future<Output = Result<http::Response<B>, E>>,
    W: Future<Output = ()>,
{
    let mut asked = None;
    loop {
        step = match step {
            Step::Send(call) => {
                let (request, terms, pending) = call.into_parts();
                asked = Some(terms.endpoint);
                match send(request, terms).await {
                    Ok(response) => pending.receive(response, clock.moment())?,
                    Err(error) => pending.fail(clock.moment())?.ok_or(DriveError::Transport(error))?,
                }
            }
            Step::Wait(pause) => {
                let until = pause.until();
                sleep(clock.now().until(until), asked).await;
                pause.wake(clock.moment().not_before(until))?
            }
            Step::Done(output) => return Ok(output),
        }
    }
}
