//! The other forms of an authorization request: signed in a request object (RFC 9101), and pushed ahead (RFC 9126).
//! And the request of a third party for a login, which leads to an authorization request.

mod pushed_authorization_response;
mod request_object;
mod third_party_login;

pub use pushed_authorization_response::PushedAuthorizationResponse;
pub(crate) use request_object::request_object;
pub use third_party_login::ThirdPartyLoginRequest;
