//! Logout that the application begins (RP-Initiated Logout 1.0).
//!
//! ```text
//! logout ─▶ PreparedLogout ─▶ (Url or LogoutForm, PendingLogout) … the user is at the provider …
//!           returned ─▶ the user is back
//! ```

mod error;
mod hint;
mod pending;
mod prepared;

pub use error::LogoutError;
pub use pending::PendingLogout;
pub use prepared::{LogoutForm, MAX_LOGOUT_URL, PreparedLogout};
