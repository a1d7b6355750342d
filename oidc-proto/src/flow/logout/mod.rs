//! Logout: a user is logged out at the provider, too, or the provider tells this client that a user has logged out there.

mod received;
mod rp_initiated;

pub use received::{
    BackchannelLogoutError, BackchannelLogoutRequest, FrontchannelLogoutError, FrontchannelLogoutRequest,
    MAX_LOGOUT_REQUEST,
};
pub use rp_initiated::{LogoutError, LogoutForm, MAX_LOGOUT_URL, PendingLogout, PreparedLogout};
