//! The endpoints for a token: introspection, revocation, and the API that it is for.

#[cfg(test)]
mod diagrams_tests;
mod introspected;
mod introspection;
mod resource_origins;
mod resource_outcome;
mod resource_request;
#[cfg(test)]
mod resource_request_tests;
mod revocation;
mod scope_step_up;

pub use introspected::{Introspected, Introspecting, IntrospectionExchange, IntrospectionJwt, Parked, Told};
pub use introspection::{TokenIntrospection, TokenTypeHint};
pub use resource_origins::{ResourceOrigins, ResourceRequestError};
pub use resource_outcome::{NotSentAgain, ResourceChallenge, ResourceOutcome};
pub use resource_request::{PendingResource, ResourceRenewal, ResourceRequest, ResourceStep};
pub use revocation::Revocation;
pub use scope_step_up::{MAX_AUTHORIZATIONS, ScopeStepUp, ScopeStepUpError};
