//! The registration of clients: a provider makes a client, and it is read, changed and deleted (RFC 7591, RFC 7592,
//! OpenID Connect Dynamic Client Registration 1.0).

mod answer;
mod authentication;
mod client;
mod comparison;
#[cfg(test)]
mod diagrams_tests;
mod exchange;
mod management;
#[allow(clippy::module_inception, reason = "the module has the name of the type in this file")]
mod registration;
mod saved;

pub use exchange::{Configured, Configuring, Exchange};
pub use management::{RegistrationDelete, RegistrationRead, RegistrationUpdate};
pub use registration::{Registration, RegistrationContext, RegistrationRequest};
