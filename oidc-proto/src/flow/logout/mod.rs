//! Logout: a user is logged out at the provider, too.

mod rp_initiated;

pub use rp_initiated::{LogoutError, LogoutForm, MAX_LOGOUT_URL, PendingLogout, PreparedLogout};
