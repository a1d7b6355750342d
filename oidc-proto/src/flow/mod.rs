//! Room `flow`: every protocol flow is a value that builds requests and consumes responses.
//!
//! # The five laws
//!
//! 1. **One request at a time.** A flow owns its only outstanding request; ownership is correlation.
//!    Concurrency is several flows.
//! 2. **`Err` is over.** A flow that can go on (pending, busy, lost packet, new nonce) returns a
//!    [`Step`].
//! 3. **Saved only at rest.** A state is serializable exactly when nothing is in flight.
//! 4. **Nothing is read, everything is given.** Every transition consumes one [`Moment`](crate::Moment). Waking
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

mod client;
mod contract;
#[cfg(test)]
pub(crate) mod diagrams_tests;
mod discovery;
mod endpoint;
mod exchange;
mod grant;
mod login;
mod saved;

pub use crate::message::Quirks;
pub use client::{Assertion, Attempt, Client, ClientAuthentication, ClientBuilder, UserInfoMethod};
pub use contract::{
    Call, CallbackError, ConfigError, Endpoint, Error, Flow, MAX_DOCUMENT, MAX_RESPONSE, OAuthError,
    PENDING_LIFETIME, Pause, Pending, Request, Response, ResponseError, ResponseRule, Step, TIMEOUT, Terms,
    Then, Unavailable,
};
pub use discovery::{Discovery, DiscoveryOptions, ResourceDiscovery};
pub use endpoint::{MAX_INTROSPECTED, Revocation, TokenIntrospection, TokenTypeHint};
pub use exchange::{JwksRetrieval, Learned, MAX_RETRIES, RETRY_AFTER_CAP};
pub use grant::{
    ClientCredentialsGrant, ClientCredentialsRequest, DEVICE_LIFETIME_CAP, DeviceAuthorization,
    DeviceAuthorizationStart, DeviceGrant, DeviceTokens, PreviousLogin, RefreshGrant, Refreshed,
    SavedClientCredentials,
};
pub use login::{
    AccessGrant, AccessGranted, Authenticated, FrontChannel, FrontLogin, Identified, Login, MAX_OPEN_LOGINS,
    PendingAccess, PendingAuthorization, PendingAuthorizations, PendingFrontLogin, UserInfoRetrieval,
};
pub use saved::{AppState, MAX_SEALED, Seal, SealError, SealingKeys};

pub(crate) use discovery::Found;
pub(crate) use exchange::{Document, Get, get_keys, seconds, usable_keys};
