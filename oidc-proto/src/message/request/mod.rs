//! The other forms of an authorization request: signed in a request object (RFC 9101), and pushed ahead (RFC 9126).

mod pushed_authorization_response;
mod request_object;

pub use pushed_authorization_response::PushedAuthorizationResponse;
pub(crate) use request_object::request_object;
