//! Logins that somebody else begins (OpenID Connect Core 1.0 section 4).
//!
//! ```text
//! ThirdPartyLoginRequest ─▶ ThirdPartyLogins::accept ─▶ ThirdPartyLogin ─▶ Client::authorize, as for any login
//! ```

mod error;
mod logins;

pub use error::ThirdPartyLoginError;
pub use logins::{ThirdPartyLogin, ThirdPartyLogins};
