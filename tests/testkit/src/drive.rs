//! [`drive`]: runs any flow against a [`TestProvider`] in simulated time.

use crate::{entropy::Seed, provider::TestProvider};
use http::Response;
use oidc_proto::{
    Error, Moment, Timestamp,
    flow::{Flow, Request, Step, Terms},
};

/// When scenarios begin, unless they say otherwise.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

/// A flow that has not ended after so many steps will not end.
const MAX_STEPS: usize = 1000;

/// The time of a test, and its entropy: a value, moved by nothing but the test and the waits of flows.
#[derive(Debug)]
pub struct Clock {
    now: Timestamp,
    seed: Seed,
}

impl Clock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn new(now: Timestamp, seed: Seed) -> Self {
        Self { now, seed }
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets seconds pass (or sets the clock back, if negative).
    pub fn advance(&mut self, seconds: i64) {
        self.now = self.now.plus(seconds);
    }

    /// This moment, with entropy that nobody has seen before.
    pub fn moment(&mut self) -> Moment {
        self.seed.moment(self.now)
    }
}

/// Runs a flow to its end; every request is answered, and waits advance the clock.
///
/// # Errors
/// What ends the flow.
///
/// # Panics
/// If the flow does not end.
pub fn drive<F: Flow>(
    step: impl Into<Step<F>>,
    provider: &mut TestProvider,
    clock: &mut Clock,
) -> Result<F::Output, Error> {
    let answered = drive_with(step, clock, |request, _, now| Some(provider.handle(request, now)))?;
    Ok(answered.expect("every request was answered"))
}

/// Runs a flow to its end over a network of your own; `None` from `send` is a response that never
/// came, `None` from here a flow that gave up over it. Of a body no more is read than
/// [`Terms::max_body`] allows a driver.
///
/// # Errors
/// What ends the flow.
///
/// # Panics
/// If the flow does not end, or waits for a time that has passed.
pub fn drive_with<F: Flow>(
    step: impl Into<Step<F>>,
    clock: &mut Clock,
    mut send: impl FnMut(&Request, &Terms, Timestamp) -> Option<Response<Vec<u8>>>,
) -> Result<Option<F::Output>, Error> {
    let mut step = step.into();
    for _ in 0..MAX_STEPS {
        step = match step {
            Step::Send(call) => {
                let (request, terms, pending) = call.into_parts();
                match send(&request, &terms, clock.now) {
                    Some(mut response) => {
                        response.body_mut().truncate(terms.max_body + 1);
                        pending.receive(response, clock.moment())?
                    }
                    None => match pending.fail(clock.moment())? {
                        Some(step) => step,
                        None => return Ok(None),
                    },
                }
            }
            Step::Wait(pause) => {
                assert!(pause.until() > clock.now, "a wait lies in the future");
                clock.now = pause.until();
                pause.wake(clock.moment())?
            }
            Step::Done(output) => return Ok(Some(output)),
        };
    }
    panic!("the flow has not ended after {MAX_STEPS} steps");
}
