//! Assertions that an authorization server gets as grants (RFC 7523).

mod id_jag;

pub use id_jag::{IdJagClaims, IdJagVerifier};
