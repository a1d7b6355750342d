//! The messages of a logout at the provider (RP-Initiated Logout 1.0): the request, and the return of the user.

mod logout_request;
mod logout_response;

pub use logout_request::LogoutRequest;
pub use logout_response::LogoutResponse;
