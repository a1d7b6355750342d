//! [`run`] and [`run_async`], and the loop that they share.

use super::{
    block_on::{after, block_on},
    drive_error::DriveError,
};
use crate::event::{Clock, SystemClock};
use oidc_proto::flow::{Call, Endpoint, Flow, Pause, Request, Step, Terms};
use std::{
    future::{Future, ready},
    time::Duration,
};

/// Runs a flow to its end on this thread. `send` carries out a request on its [`Terms`], and returns an error only
/// if there was no response.
///
/// ```
/// use oidc_drive::{http, oidc_proto::{flow::{Discovery, DiscoveryOptions, Request, Terms}, metadata::Profile}, run};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Any HTTP client is a closure. This one answers by hand.
/// let send = |request: Request, _: Terms| {
///     assert_eq!(request.uri(), "https://op.example/.well-known/openid-configuration");
///     http::Response::builder()
///         .header("content-type", "application/json")
///         .body(r#"{"issuer": "https://op.example", "jwks_uri": "https://op.example/jwks"}"#)
/// };
/// let options = DiscoveryOptions::of_profile(Profile::TokenIssuer, &Default::default());
/// let metadata = run(Discovery::with("https://op.example", options)?, send)?;
/// assert_eq!(metadata.jwks_uri.as_ref().map(|url| url.as_str()), Some("https://op.example/jwks"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`DriveError::Protocol`] if the flow failed; [`DriveError::Transport`] if there was no response and the flow
/// could not go on without one.
pub fn run<F: Flow, B: AsRef<[u8]>, E>(
    step: impl Into<Step<F>>,
    mut send: impl FnMut(Request, Terms) -> Result<http::Response<B>, E>,
) -> Result<F::Output, DriveError<E>> {
    block_on(run_async(step, |request, terms| ready(send(request, terms)), after))
}

/// Runs a flow to its end on the runtime of `send` and `sleep`. The future is `Send` if the futures of both are.
/// Dropping the future drops the flow, and leaves nothing behind.
///
/// ```
/// use oidc_drive::{DriveError, http, oidc_proto::flow::{Discovery, Request, Terms}, run_async};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), oidc_drive::oidc_proto::Error> {
/// // Any async HTTP client is a closure. This one never gets a response.
/// let send = |_: Request, _: Terms| async { Err::<http::Response<Vec<u8>>, _>("no network") };
/// let discovery = Discovery::start("https://op.example", &Default::default())?;
/// let lost = run_async(discovery, send, tokio::time::sleep).await;
/// assert!(matches!(lost, Err(DriveError::Transport("no network"))));
/// # Ok(())
/// # }
/// ```
///
/// A program that meets a provider for the first time registers so, before it has a handle:
///
/// ```
/// use oidc_drive::{
///     http, now,
///     oidc_proto::{flow::*, message::ClientMetadata, metadata::{Profile, ProviderMetadata}},
///     run_async,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let document = br#"{"issuer": "https://op.example", "registration_endpoint": "https://op.example/register",
/// #     "response_types_supported": ["code"]}"#;
/// # let (profile, policy) = (Profile::AuthorizationServer, Default::default());
/// # let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// # let send = |_: Request, _: Terms| async {
/// #     http::Response::builder().status(201).body(r#"{"client_id": "client-1"}"#)
/// # };
/// // `metadata` is the output of `Discovery`, and `send` your HTTP client.
/// let wanted = ClientMetadata::native(["http://127.0.0.1/callback"]).client_name("My Agent");
/// let registration = Registration::start(&metadata, &RegistrationRequest::new(wanted))?;
/// let registered: RegisteredClient = run_async(registration, send, tokio::time::sleep).await?;
///
/// // Keep it for this issuer: it has serde, and `SealingKeys` seal it.
/// let client = registered.builder(metadata, now())?.build()?;
/// assert_eq!(client.client_id(), "client-1");
/// # Ok(())
/// # }
/// ```
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

/// Runs a flow until it rests or ends.
pub(crate) async fn drive_to_rest<F: Flow, B: AsRef<[u8]>, E, S>(
    call: Call<F>,
    clock: &dyn Clock,
    mut send: impl FnMut(Request, Terms) -> S,
) -> Result<Result<F::Output, Pause<F>>, DriveError<E>>
where
    S: Future<Output = Result<http::Response<B>, E>>,
{
    let mut step = Step::Send(call);
    loop {
        step = match step {
            Step::Send(call) => {
                let (request, terms, pending) = call.into_parts();
                match send(request, terms).await {
                    Ok(response) => pending.receive(response, clock.moment())?,
                    Err(error) => pending.fail(clock.moment())?.ok_or(DriveError::Transport(error))?,
                }
            }
            Step::Wait(pause) => return Ok(Err(pause)),
            Step::Done(output) => return Ok(Ok(output)),
        }
    }
}

/// Runs a flow to its end. `sleep` also gets the endpoint of the latest request.
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
