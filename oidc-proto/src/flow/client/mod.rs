//! A client of a provider, and the ways in which it authenticates.

mod assertion;
mod authentication;
mod builder;
mod choice;
#[allow(clippy::module_inception, reason = "the module has the name of the type in this file")]
mod client;
mod dpop;
mod introspection;
mod request_object;
mod requests;
mod settings;
mod signing;

pub use assertion::{Assertion, Attempt};
pub use builder::ClientBuilder;
pub use client::Client;
pub use dpop::DpopKey;
pub use settings::{AssertionAudience, AssertionType, UserInfoMethod};

pub(in crate::flow) use assertion::Prepared;
pub(in crate::flow) use authentication::Form;
pub(in crate::flow) use builder::check_redirect_uri;
pub(in crate::flow) use dpop::is_thumbprint;
pub(in crate::flow) use settings::Signer;
