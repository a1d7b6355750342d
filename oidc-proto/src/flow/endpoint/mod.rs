//! Room `flow::endpoint`: endpoints that say something of a token.

mod introspection;
mod revocation;

pub use introspection::{IntrospectionRequest, MAX_INTROSPECTED, TokenTypeHint};
pub use revocation::Revocation;
