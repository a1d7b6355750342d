//! The provider tells this client that a user has logged out there.
//!
//! ```text
//! the provider ─▶ POST with a logout token ─▶ BackchannelLogoutRequest ─▶ LogoutToken ─┐
//!                                                                                      ├─▶ EndedSessions
//! the browser, in a frame of the provider ─▶ GET with iss and sid ─▶ FrontchannelLogoutRequest ─┘
//! ```
//! Nothing here sends a request, and nothing is saved: both are values that come in.

mod backchannel;
mod error;
mod frontchannel;

pub use backchannel::BackchannelLogoutRequest;
pub use error::{BackchannelLogoutError, FrontchannelLogoutError, MAX_LOGOUT_REQUEST};
pub use frontchannel::FrontchannelLogoutRequest;
