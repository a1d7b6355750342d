//! The endpoints for a token: introspection and revocation.

#[cfg(test)]
mod diagrams_tests;
mod introspection;
mod revocation;

pub use introspection::{TokenIntrospection, TokenTypeHint};
pub use revocation::Revocation;
