//! Logout tokens: what a provider sends to a client when it has logged a user out.

mod ended_sessions;
mod logout_token;
mod verifier;

pub use ended_sessions::EndedSessions;
pub use logout_token::LogoutToken;
pub use verifier::{DEFAULT_MAX_LOGOUT_TOKEN_AGE, LogoutTokenVerifier};
