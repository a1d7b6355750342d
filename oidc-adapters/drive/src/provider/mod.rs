//! [`Provider`]: one handle for everything that a program needs from a provider. It fetches the metadata, keeps
//! metadata, keys and service tokens fresh, logs users in, and verifies access tokens.
//!
//! `oidc-proto` builds the requests and judges the responses. The handle decides when a flow runs, and which callers
//! share its result in a [`SingleFlight`](crate::SingleFlight). It adds one rule of its own: a code or a refresh token
//! is sent once, even if several callers bring it.
//!
//! ```text
//! authorize ─▶ metadata ─▶ a pushed request, if one is demanded ─▶ (Url, PendingAuthorization)
//! callback, refresh ─▶ metadata, and keys if they are available ─▶ the flow ─▶ keys that it fetched are kept
//! client_credentials ─▶ a token for each scope and resource, renewed before it expires
//! verify ─▶ the keys in memory ─▶ newer keys, once, if they could change the verdict
//! ```
//!
//! This handle is for async programs; [`blocking::Provider`](crate::blocking::Provider) is the one for threads. The
//! adapters make either: `Http::new().provider("https://op.example")`.

mod backchannel;
mod begin;
mod builder;
mod core;
mod dpop;
mod error;
mod grants;
mod handle;
mod refresh;
mod session;
mod sourced;
mod workload;

pub use builder::{MAX_SERVICE_TOKENS, ProviderBuilder};
pub use error::ProviderError;
pub(crate) use error::reason;
pub use handle::Provider;
pub use workload::{WorkloadGrant, WorkloadTokens};
