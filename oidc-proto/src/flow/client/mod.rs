//! Room `flow::client`: a client of a provider, and how it authenticates.

mod assertion;
mod authentication;
#[allow(clippy::module_inception, reason = "the room is named after the type that this file holds")]
mod client;
mod dpop;
mod settings;

pub use assertion::{Assertion, Attempt};
pub use client::{Client, ClientBuilder};
pub use settings::{ClientAuthentication, UserInfoMethod};

pub(in crate::flow) use assertion::Prepared;
pub(in crate::flow) use authentication::Form;
