//! Room `flow`: every protocol flow is a value that builds requests and consumes responses.
//!
//! # The five laws
//!
//! 1. **One request at a time.** A flow owns its only outstanding request; ownership is correlation.
//!    Concurrency is several flows.
//! 2. **`Err` is over.** A flow that can go on (pending, busy, lost packet, new nonce) returns a
//!    [`Step`].
//! 3. **Saved only at rest.** A state is serializable exactly when nothing is in flight.
//! 4. **Nothing is read, everything is given.** Every transition consumes one [`Moment`]. Waking
//!    early is harmless; a wait always lies in the future.
//! 5. **Every flow ends.** Attempts and waits are bounded by the flow, never by the driver.
//!
//! What a request spends is sent once: a code, a refresh token, an assertion, a proof. There is one exception. A
//! server that demands another DPoP nonce has not looked at the request yet (RFC 9449 section 8). It gets the same
//! request once more, authenticated and proven anew, and no third time.
//!
//! # The loop
//!
//! Whatever the flow, this is all that a driver does (`oidc-drive` has it, blocking and async):
//!
//! ```
//! # use oidc_proto::{Error, Moment, flow::{Flow, Request, Step, Terms}};
//! fn run<F: Flow>(
//!     mut step: Step<F>,
//!     send: impl Fn(Request, &Terms) -> Option<http::Response<Vec<u8>>>,
//!     moment: impl Fn() -> Moment,
//!     sleep_until: impl Fn(oidc_proto::Timestamp),
//! ) -> Result<Option<F::Output>, Error> {
//!     loop {
//!         step = match step {
//!             Step::Send(call) => {
//!                 let (request, terms, pending) = call.into_parts();
//!                 match send(request, &terms) {
//!                     Some(response) => pending.receive(response, moment())?,
//!                     None => match pending.fail(moment())? {
//!                         Some(step) => step,
//!                         None => return Ok(None), // the transport failed, and the flow gives up
//!                     },
//!                 }
//!             }
//!             Step::Wait(pause) => {
//!                 sleep_until(pause.until());
//!                 pause.wake(moment())?
//!             }
//!             Step::Done(output) => return Ok(Some(output)),
//!         }
//!     }
//! }
//! ```

mod access;
mod assertion;
mod authentication;
mod authorize;
mod call;
mod callback_error;
mod check;
mod client;
mod client_credentials;
mod code_exchange;
mod device;
mod discovery;
mod error;
mod front_channel;
mod introspection;
mod jwks;
mod login;
mod open_logins;
mod post;
mod refresh;
mod resource_discovery;
mod saved;
mod sealed;
mod sent;
mod then;
mod userinfo;

pub use access::{AccessGrant, AccessGranted, PendingAccess};
pub use assertion::{Assertion, Attempt};
pub use authentication::Authentication;
pub use call::{Call, Endpoint, MAX_DOCUMENT, MAX_RESPONSE, Never, Pause, Pending, TIMEOUT, Terms};
pub use callback_error::{CallbackError, PENDING_LIFETIME};
pub use client::{Client, ClientBuilder, Quirks};
pub use client_credentials::{ClientCredentials, ClientCredentialsGrant, SavedClientCredentials};
pub use code_exchange::{Authenticated, Learned, Login};
pub use device::{
    DEVICE_LIFETIME_CAP, DeviceAuthorization, DeviceAuthorizationRequest, DeviceGrant, DeviceTokens,
};
pub use discovery::{Discovery, DiscoveryOptions};
pub use error::{ConfigError, Error, OAuthError, ResponseError, Rule, Unavailable};
pub use front_channel::{FrontLogin, Identified, PendingFrontLogin};
pub use introspection::{IntrospectionRequest, MAX_INTROSPECTED, TokenTypeHint};
pub use jwks::JwksRetrieval;
pub use login::PendingAuthorization;
pub use open_logins::{MAX_OPEN_LOGINS, OpenLogins};
pub(crate) use post::seconds;
pub use post::{MAX_RETRIES, RETRY_AFTER_CAP};
pub use refresh::{PreviousLogin, RefreshGrant, Refreshed};
pub use resource_discovery::ResourceDiscovery;
pub use sealed::{Custom, MAX_SEALED, Seal, SealError, SealingKeys};
pub use then::Then;
pub use userinfo::{UserInfoMethod, UserInfoRequest};

use crate::base::moment::Moment;

/// A request to send: complete, with its body.
pub type Request = http::Request<Vec<u8>>;

/// A response as flows see it: complete, its body borrowed from whoever read it.
pub type Response<'a> = http::Response<&'a [u8]>;

/// What a flow needs next.
#[must_use = "a flow does nothing until its step is carried out"]
#[allow(clippy::exhaustive_enums, reason = "a driver handles these three, and there will be no fourth")]
#[allow(clippy::large_enum_variant, reason = "a step is moved once, and a box would be one more allocation")]
pub enum Step<F: Flow> {
    /// Send a request; hand the response to the flow.
    Send(Call<F>),
    /// Nothing is in flight: wake the flow at a given time.
    Wait(Pause<F>),
    /// Finished.
    Done(F::Output),
}

/// A protocol flow, seen from the inside: two kinds of state, and the transitions between them.
///
/// Implement it for a flow of your own; drive it with any driver.
pub trait Flow: Sized {
    /// The state while a request is in flight.
    type Awaiting;
    /// The state while nothing is in flight; [`Never`] for flows that never wait.
    type Paused;
    /// What the flow is for.
    type Output;

    /// A response has arrived.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_response(
        state: Self::Awaiting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error>;

    /// A wait is over.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_wake(state: Self::Paused, moment: Moment) -> Result<Step<Self>, Error>;

    /// A message has come that tells the flow to go on before its wait is over: the notification of a
    /// provider, say. By default the wait goes on.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason that [`Error`] gives.
    fn on_notified(pause: Pause<Self>, moment: Moment) -> Result<Step<Self>, Error> {
        let _ = moment;
        Ok(Step::Wait(pause))
    }

    /// There was a response that no flow may look at: a redirect, or larger than its terms allow.
    ///
    /// # Errors
    /// The flow is over (law 2), for the reason given, unless it can do without the response.
    fn on_refused(state: Self::Awaiting, error: Error, moment: Moment) -> Result<Step<Self>, Error> {
        let _ = (state, moment);
        Err(error)
    }

    /// There was no response. Whether the request arrived is unknown, so only a flow whose request
    /// may be repeated goes on; `None` gives up.
    ///
    /// # Errors
    /// The flow wanted to go on and could not, for the reason that [`Error`] gives.
    fn on_failure(state: Self::Awaiting, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        let _ = (state, moment);
        Ok(None)
    }
}

impl<F: Flow> Step<F> {
    /// Runs this flow as a part of a larger one; `carried` is what the larger one must not forget.
    pub(crate) fn within<G: Flow, C>(
        self,
        carried: C,
        awaiting: impl FnOnce(F::Awaiting, C) -> G::Awaiting,
        paused: impl FnOnce(F::Paused, C) -> G::Paused,
        done: impl FnOnce(F::Output, C) -> Result<Step<G>, Error>,
    ) -> Result<Step<G>, Error> {
        match self {
            Self::Send(call) => Ok(call.map(|state| awaiting(state, carried)).into()),
            Self::Wait(pause) => Ok(pause.map(|state| paused(state, carried)).into()),
            Self::Done(output) => done(output, carried),
        }
    }
}

impl<F: Flow> Step<F> {
    /// The call, if this step is one: for a look at the request that a flow begins with.
    #[must_use]
    pub fn into_call(self) -> Option<Call<F>> {
        match self {
            Self::Send(call) => Some(call),
            Self::Wait(_) | Self::Done(_) => None,
        }
    }
}

impl<F: Flow> From<Call<F>> for Step<F> {
    fn from(call: Call<F>) -> Self {
        Self::Send(call)
    }
}

impl<F: Flow> From<Pause<F>> for Step<F> {
    fn from(pause: Pause<F>) -> Self {
        Self::Wait(pause)
    }
}

impl<F: Flow> std::fmt::Debug for Step<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Send(call) => f.debug_tuple("Send").field(call).finish(),
            Self::Wait(pause) => f.debug_tuple("Wait").field(pause).finish(),
            Self::Done(_) => f.write_str("Done(..)"),
        }
    }
}
