//! The ways of an authorization request to the provider: by URL, signed in a request object, or pushed ahead.

#[cfg(test)]
mod diagrams_tests;
mod prepared;
mod pushed;
mod request_object;

pub use prepared::PreparedRequest;
pub use pushed::{Pushed, PushedAuthorization};
pub use request_object::{ReferencedRequest, RequestObject, RequestObjectToSign};
