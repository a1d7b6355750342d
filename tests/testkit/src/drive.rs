//! [`drive`]: runs any flow against a [`TestProvider`] in simulated time.

use crate::{entropy::Seed, provider::TestProvider};
use http::Response;
use oidc_proto::{
    Error, Moment, Timestamp,
    flow::{Flow, Request, Step, Terms},
};

/// The time at which a [`Party`](crate::Party) begins.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

/// A flow that has not ended after this many steps counts as endless.
const MAX_STEPS: usize = 1000;

/// The time and the entropy of a test. Only the test and the waits of flows move it.
#[derive(Debug)]
pub struct Clock {
    now: Timestamp,
    seed: Seed,
}

impl Clock {
    /// A clock that shows `now`.
    #[must_use]
    pub const fn new(now: Timestamp, seed: Seed) -> Self {
        Self { now, seed }
    }

    /// The current time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Moves the clock forward by this many seconds, or back if the number is negative.
    pub fn advance(&mut self, seconds: i64) {
        self.now = self.now.plus(seconds);
    }

    /// The current time with fresh entropy.
    pub fn moment(&mut self) -> Moment {
        self.seed.moment(self.now)
    }
}

/// Runs a flow to its end. The provider answers every request, and each wait of the flow advances the
/// clock.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::Discovery};
/// use oidc_testkit::{Clock, Seed, TestProvider, Timestamp, drive};
///
/// let mut provider = TestProvider::new("https://op.example");
/// let mut clock = Clock::new(Timestamp(1_800_000_000), Seed::new(1));
/// let call = Discovery::start("https://op.example", &UrlPolicy::default())?;
/// let metadata = drive(call, &mut provider, &mut clock)?;
/// assert_eq!(metadata.issuer, "https://op.example");
/// provider.assert_clean();
/// # Ok::<(), oidc_proto::Error>(())
/// ```
///
/// # Errors
/// The error that ended the flow.
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

/// Runs a flow to its end over a network of your own. `send` returns `None` if no response came. The result
/// is `None` if the flow gave up because of that. A body is cut off one byte after [`Terms::max_body`], as
/// a driver would cut it.
///
/// # Errors
/// The error that ended the flow.
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
                assert!(pause.until() > clock.now, "a wait ends in the future");
                clock.now = pause.until();
                pause.wake(clock.moment())?
            }
            Step::Done(output) => return Ok(Some(output)),
        };
    }
    panic!("the flow has not ended after {MAX_STEPS} steps");
}
