//! Shared by several test files: the address of a provider, the time, and the requests that it got.

use oidc_proto::{
    Error, Moment, Timestamp, UrlPolicy,
    flow::{Flow, Response, Step},
};
use oidc_testkit::{Clock, EndpointName, Seed, TestProvider, drive};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(crate) const ISSUER: &str = "https://op.example/tenant";
pub(crate) const SECRET: &str = "a secret: 100% + 64 characters or more, so that HS512 can sign too..";

pub(crate) fn policy() -> UrlPolicy {
    UrlPolicy::default()
}

pub(crate) fn moment(now: Timestamp) -> Moment {
    Moment::new(now, [7; 32])
}

/// Runs a flow to its end, and leaves the time of the end in `now`.
pub(crate) fn run_at<F: Flow>(
    provider: &mut TestProvider,
    step: impl Into<Step<F>>,
    now: &mut Timestamp,
) -> Result<F::Output, Error> {
    let mut clock = Clock::new(*now, Seed::new(7));
    let output = drive(step, provider, &mut clock);
    *now = clock.now();
    output
}

pub(crate) fn run<F: Flow>(
    provider: &mut TestProvider,
    step: impl Into<Step<F>>,
) -> Result<F::Output, Error> {
    run_at(provider, step, &mut NOW.clone())
}

/// Gives a flow one response that need not come from a server.
pub(crate) fn answer<F: Flow>(
    step: impl Into<Step<F>>,
    status: u16,
    content_type: &str,
    body: impl ToString,
) -> Result<Step<F>, Error> {
    let Step::Send(call) = step.into() else { panic!("nothing is sent") };
    let (_, _, pending) = call.into_parts();
    let body = body.to_string();
    let response: Response<'_> = http::Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(body.as_bytes())
        .unwrap();
    pending.receive(response, moment(NOW))
}

/// The endpoints and paths that were requested so far.
pub(crate) fn paths(provider: &TestProvider) -> Vec<(EndpointName, String)> {
    provider.requests().iter().map(|seen| (seen.endpoint, seen.path.clone())).collect()
}
