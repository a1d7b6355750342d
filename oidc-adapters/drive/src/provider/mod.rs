//! [`Provider`]: one handle for everything that a program wants of a provider. It discovers, keeps
//! metadata, keys and service tokens fresh, logs users in, and verifies access tokens. It contains no
//! protocol: it only puts the flows of `oidc-proto` and the [`SingleFlight`](crate::SingleFlight)s in order.
//!
//! ```text
//! authorize ─▶ metadata ─▶ (Url, PendingAuthorization)
//! callback, refresh ─▶ metadata, keys as far as they can be had ─▶ the flow ─▶ keys it learned are kept
//! client_credentials ─▶ a token that is renewed ahead of its end, one for each scope and resource
//! verify ─▶ keys at hand ─▶ newer ones, once, if they could change the verdict
//! ```
//!
//! This one is for async stacks; [`blocking::Provider`](crate::blocking::Provider) is the same for the
//! others. Adapters make it: `Http::new().provider("https://op.example")`.

mod builder;
mod core;
mod error;
mod handle;
mod spent;

pub use builder::{MAX_SERVICE_TOKENS, ProviderBuilder};
pub use error::ProviderError;
pub use handle::Provider;
