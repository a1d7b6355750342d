//! The driver loop, and waiting for shared values; each blocking and async. Nothing here knows a
//! protocol.
//!
//! ```
//! # use oidc_drive::{Failed, run};
//! # use oidc_proto::flow::{Discovery, Request, Terms};
//! // Any HTTP client is a closure. This one never gets an answer.
//! let send = |_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network");
//! let call = Discovery::start("https://op.example", &Default::default()).unwrap();
//! assert!(matches!(run(call, send), Err(Failed::Transport("no network"))));
//! ```
//!
//! Values that many callers share (keys, metadata, tokens) are renewed by a [`Flight`]: one caller
//! fetches, the others use what is there, or wait a little.
//!
//! An API is protected by a [`Gate`], which joins all of that. A [`Provider`] is the handle for programs
//! that log users in, verify tokens, or have tokens of their own; [`blocking::Provider`] is the same for
//! threads.
//!
//! An [`Observer`] is told what happens, as [`Event`]s: requests, responses, waits, renewals, verdicts,
//! with durations and without secrets.
//!
//! Where the names of hosts may lead is decided by an [`egress::Guard`], for whoever opens connections;
//! what they may bring is counted by a [`meter::Meter`].
#![forbid(unsafe_code)]

mod block_on;
pub mod blocking;
mod clock;
pub mod egress;
pub mod event;
mod flight;
mod flights;
pub mod gate;
mod leading;
pub mod meter;
mod observed;
mod observer;
pub mod provider;
mod unavailable;
mod waiting;
#[cfg(feature = "hyper")]
pub mod wire;

pub use clock::{Clock, SystemClock};
pub use event::Event;
pub use flight::{Flight, Job, Task};
pub use flights::Flights;
pub use gate::{Gate, Io};
pub use observed::{run_async_observed, run_observed};
pub use observer::{Observer, Sending, Started};
pub use provider::{Provider, ProviderBuilder, ProviderError};
pub use unavailable::Unavailable;

use block_on::{after, block_on};
use oidc_proto::{
    Error, Moment, Timestamp,
    flow::{Endpoint, Flow, Request, Step, Terms},
    renew::Failure,
};
use std::{
    fmt,
    future::{Future, ready},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Why a flow did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is the transport, and there is the protocol")]
pub enum Failed<E> {
    /// There was no response, and the flow could not go on without one.
    Transport(E),
    /// The flow is over.
    Protocol(Error),
}

impl<E> From<Error> for Failed<E> {
    fn from(error: Error) -> Self {
        Self::Protocol(error)
    }
}

impl<E> From<Failed<E>> for Failure {
    fn from(failed: Failed<E>) -> Self {
        match failed {
            Failed::Transport(_) => Self::NoResponse,
            Failed::Protocol(error) => Self::Flow(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "no response: {error}"),
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Failed<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Protocol(error) => error.source(),
        }
    }
}

/// The time of this machine's clock, and 32 bytes from its secure source of entropy.
///
/// # Panics
/// If the operating system has no entropy to give. Nothing can be done safely then.
#[must_use]
#[allow(clippy::expect_used, reason = "to go on without entropy would be worse than to stop")]
pub fn moment() -> Moment {
    let random = ring::rand::SystemRandom::new();
    let entropy: ring::rand::Random<[u8; 32]> =
        ring::rand::generate(&random).expect("the operating system has no entropy");
    Moment::new(now(), entropy.expose())
}

/// The time of this machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Runs a flow to its end on this thread. `send` carries a request out on its [`Terms`].
///
/// # Errors
/// [`Failed::Protocol`] if the flow is over; [`Failed::Transport`] if there was no response and the
/// flow could not go on.
pub fn run<F: Flow, B: AsRef<[u8]>, E>(
    step: impl Into<Step<F>>,
    mut send: impl FnMut(Request, Terms) -> Result<http::Response<B>, E>,
) -> Result<F::Output, Failed<E>> {
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
) -> Result<F::Output, Failed<E>>
where
    S: Future<Output = Result<http::Response<B>, E>>,
    W: Future<Output = ()>,
{
    drive(step.into(), &SystemClock, send, |span, _| sleep(span)).await
}

/// The loop. `sleep` is told which endpoint was asked last.
async fn drive<F: Flow, B: AsRef<[u8]>, E, S, W>(
    mut step: Step<F>,
    clock: &dyn Clock,
    mut send: impl FnMut(Request, Terms) -> S,
    mut sleep: impl FnMut(Duration, Option<Endpoint>) -> W,
) -> Result<F::Output, Failed<E>>
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
                    Err(error) => pending.fail(clock.moment())?.ok_or(Failed::Transport(error))?,
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
