//! [`Resource`]: requests to a resource that is known by its URL alone, such as a server of the Model Context Protocol.
//!
//! ```text
//! request ─▶ 401 ─▶ metadata of the resource ─▶ metadata of its server ─▶ a client there ─▶ the user agrees ─▶ request
//! request ─▶ 403, a scope is missing ─▶ the user agrees to more ─▶ request
//! request ─▶ the token has expired, or is refused ─▶ refresh ─▶ request
//! ```
//!
//! Each decision is a value of `oidc-proto`: what the server is ([`AuthorizationDiscovery`]), what the program is there
//! ([`ClientIdentities`]), what the user is asked for ([`ScopeStepUp`]), what a response says of the token
//! ([`ResourceRequest`]). This handle says in which order they come, for how many callers at once, and what is kept.
//!
//! [`AuthorizationDiscovery`]: oidc_proto::flow::AuthorizationDiscovery
//! [`ClientIdentities`]: oidc_proto::flow::ClientIdentities
//! [`ScopeStepUp`]: oidc_proto::flow::ScopeStepUp
//! [`ResourceRequest`]: oidc_proto::flow::ResourceRequest

mod builder;
mod challenge;
mod connect;
mod error;
mod grant;
mod handle;
mod inner;
mod keeper;
mod obtain;
mod state;

pub use builder::{MAX_RESOURCE_RESPONSE, PATIENCE, ResourceBuilder};
pub use challenge::Challenge;
pub use error::{AccessError, NoResponseError, ResourceError};
pub use grant::{Visit, Wanted};
pub use handle::Resource;
