//! Room `flow::endpoint`: endpoints that say something of a token.

mod introspection;

pub use introspection::{IntrospectionRequest, MAX_INTROSPECTED, TokenTypeHint};
