//! The endpoints for a token: introspection and revocation.

#[cfg(test)]
mod diagrams_tests;
mod introspected;
mod introspection;
mod revocation;

pub use introspected::{Introspected, Introspecting, IntrospectionExchange, IntrospectionJwt, Parked, Told};
pub use introspection::{TokenIntrospection, TokenTypeHint};
pub use revocation::Revocation;
