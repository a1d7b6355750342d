//! The identity of a client that no server has to know before: a document that it publishes, or a choice among what it has.

mod choice;
#[cfg(test)]
mod diagrams_tests;
mod error;
mod forgotten;
mod identities;
#[allow(clippy::module_inception, reason = "the module has the name of the type in this file")]
mod identity;
mod kind;
mod retrieval;

pub use choice::IdentityChoice;
pub use error::NoClientIdentityError;
pub use forgotten::ForgottenClient;
pub use identities::ClientIdentities;
pub use identity::{ClientIdentity, PreRegisteredClient};
pub use kind::IdentityKind;
pub use retrieval::{Asked as ClientIdMetadataContext, ClientIdMetadataRetrieval, RetrievedClient};
