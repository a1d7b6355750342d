//! The identity of a client that no server has to know before: a document that it publishes.

#[cfg(test)]
mod diagrams_tests;
mod retrieval;

pub use retrieval::{Asked as ClientIdMetadataContext, ClientIdMetadataRetrieval, RetrievedClient};
