//! The protocol flows: each one is a value that builds requests and consumes responses.
//!
//! # The five laws
//!
//! 1. **One request at a time.** A flow owns its only outstanding request, so a response cannot go to the wrong
//!    one. For concurrency, run several flows.
//! 2. **`Err` is over.** A flow that can go on returns a [`Step`]: after "pending", a busy server, a lost
//!    response, or a demand for a new nonce.
//! 3. **Saved only at rest.** A state is serializable exactly when nothing is in flight.
//! 4. **Nothing is read, everything is given.** Every transition consumes one [`Moment`](crate::Moment). To wake a
//!    flow early is harmless, and a wait always ends in the future.
//! 5. **Every flow ends.** The flow itself bounds its attempts and waits; the driver need not.
//!
//! A request that uses up a value (a code, a refresh token, an assertion, a proof) is sent once. There is one
//! exception. A server that demands another DPoP nonce has not looked at the request yet (RFC 9449 section 8). It
//! gets the same request once more, authenticated and proven anew. A server that demands another challenge for a client
//! attestation has not even authenticated the client (draft-ietf-oauth-attestation-based-client-auth-10 section 7.4), and
//! gets the request once more, too. It never gets it again for the same reason.
//!
//! # The loop
//!
//! This loop drives every flow. `oidc-drive` has it, blocking and async.
//!
//! ```
//! use oidc_proto::{Error, Moment, Timestamp, UrlPolicy, flow::*};
//!
//! fn run<F: Flow>(
//!     step: impl Into<Step<F>>,
//!     send: impl Fn(Request, &Terms) -> Option<http::Response<Vec<u8>>>,
//!     moment: impl Fn() -> Moment,
//!     sleep_until: impl Fn(Timestamp),
//! ) -> Result<Option<F::Output>, Error> {
//!     let mut step = step.into();
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
//!
//! // A provider that is not reachable. A program has its HTTP client, clock and random source here.
//! let send = |request: Request, terms: &Terms| {
//!     assert_eq!(request.uri(), "https://op.example/.well-known/openid-configuration");
//!     assert_eq!(terms.endpoint, Endpoint::Discovery);
//!     None
//! };
//! let moment = || Moment::new(Timestamp(1_800_000_000), [7; 32]);
//! let discovery = Discovery::start("https://op.example", &UrlPolicy::default())?;
//! assert_eq!(run(discovery, send, moment, |_| {})?, None);
//! # Ok::<(), Error>(())
//! ```

mod client;
mod contract;
#[cfg(test)]
pub(crate) mod diagrams_tests;
mod discovery;
mod endpoint;
mod exchange;
mod grant;
mod identity;
mod login;
mod logout;
mod previous;
mod registration;
mod saved;
pub mod states;

pub use crate::message::Quirks;
pub use crate::message::RegisteredClient;
pub use crate::metadata::{ClientAuthentication, ClientAuthenticationSet};
pub use client::{
    Assertion, AssertionAudience, AssertionType, Attempt, Client, ClientBuilder, DpopKey, UserInfoMethod,
};
pub use contract::{
    Call, CallbackError, ConfigError, Endpoint, Error, Flow, MAX_DOCUMENT, MAX_INTROSPECTED, MAX_RESPONSE,
    NewTokens, OAuthError, PENDING_LIFETIME, Pause, Pending, Request, Response, ResponseError, ResponseRule,
    Step, TIMEOUT, Terms, Then, Unavailable,
};
pub use contract::{RegisteredClientError, UnsupportedDetailsError};
pub use discovery::{
    AuthorizationDiscovery, DiscoveredAuthorization, DiscoveryRules, MAX_DISCOVERY_BYTES,
    MAX_DISCOVERY_REQUESTS, MetadataSource, ServerChoice,
};
pub use discovery::{Discovery, DiscoveryOptions, ResourceDiscovery};
pub use endpoint::{
    Introspected, MAX_AUTHORIZATIONS, NotSentAgain, PendingResource, ResourceChallenge, ResourceOrigins,
    ResourceOutcome, ResourceRenewal, ResourceRequest, ResourceRequestError, ResourceStep, Revocation,
    ScopeStepUp, ScopeStepUpError, TokenIntrospection, TokenTypeHint,
};
pub use exchange::{ChallengeRetrieval, JwksRetrieval, Learned, MAX_RETRIES, RETRY_AFTER_CAP};
pub use grant::{
    AssertionGrant, AssertionGrantRequest, BACKCHANNEL_LIFETIME_CAP, BackchannelAuthentication,
    BackchannelAuthenticationRequest, BackchannelAuthenticationStart, BackchannelGrant, BackchannelTokens,
    ClientCredentialsGrant, ClientCredentialsRequest, ClientNotification, DEVICE_LIFETIME_CAP, Delivery,
    DeliveryMode, DeviceAuthorization, DeviceAuthorizationStart, DeviceGrant, DeviceTokens, ExchangedToken,
    ExtensionGrant, GrantRequest, IdJag, IdJagGrant, IdJagRequest, JwtAssertion, NotificationError, Ping,
    PreviousLogin, Push, PushedTokens, RefreshGrant, RefreshOutcome, Refreshed, SavedClientCredentials,
    SignedAuthenticationRequest, TokenExchange, TokenExchangeRequest, TokenTypeIdentifier,
};
pub use grant::{DeviceAuthorizationRequest, RefreshRequest};
pub use identity::{
    ClientIdMetadataRetrieval, ClientIdentities, ClientIdentity, ForgottenClient, IdentityChoice,
    IdentityKind, NoClientIdentityError, PreRegisteredClient, RetrievedClient,
};
pub use login::{
    AccessGrant, AccessGranted, Authenticated, FrontChannel, FrontLogin, Identified, Login, MAX_OPEN_LOGINS,
    PendingAccess, PendingAuthorization, PendingAuthorizations, PendingFrontLogin, PreparedRequest, Pushed,
    PushedAuthorization, ReferencedRequest, RequestObject, RequestObjectToSign, UserInfoRetrieval,
};
pub use login::{ThirdPartyLogin, ThirdPartyLoginError, ThirdPartyLogins};
pub use logout::{
    BackchannelLogoutError, BackchannelLogoutRequest, FrontchannelLogoutError, FrontchannelLogoutRequest,
    LogoutError, LogoutForm, MAX_LOGOUT_REQUEST, MAX_LOGOUT_URL, PendingLogout, PreparedLogout,
};
pub use registration::{
    Registration, RegistrationDelete, RegistrationRead, RegistrationRequest, RegistrationUpdate,
};
pub use saved::{AppState, MAX_SEALED, MAX_STORED, Seal, SealError, SealingKeys};

pub(crate) use discovery::Found;
pub(crate) use exchange::{Document, Get, get_keys, seconds, usable_keys};
