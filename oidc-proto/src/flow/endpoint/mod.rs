//! Room `flow::endpoint`: endpoints that say something of a token.

#[cfg(test)]
mod diagrams_tests;
mod introspection;
mod revocation;

pub use introspection::{MAX_INTROSPECTED, TokenIntrospection, TokenTypeHint};
pub use revocation::Revocation;
