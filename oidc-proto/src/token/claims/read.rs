//! Reads the claims of a JWT: plain documents in one quick pass, and all others with serde_json.

use super::{full, name::Reading, quick, registered::Claims};
use crate::{
    base::json::{Names, utf8},
    token::VerificationError,
};

impl<'a> Claims<'a> {
    /// Reads a set of claims, each in its type.
    pub(in crate::token) fn read(payload: &'a [u8], names: &mut Names) -> Result<Self, VerificationError> {
        Self::read_text(utf8(payload).map_err(VerificationError::Claims)?, names)
    }

    /// Reads a set of claims of a payload that is known to be UTF-8.
    pub(in crate::token) fn read_text(
        payload: &'a str,
        names: &mut Names,
    ) -> Result<Self, VerificationError> {
        read(payload, names, Reading::Strict)
    }

    /// Reads the claims of an ID token, or of another statement about a user. Claims that only some logins need may be
    /// of another type: they are set aside. Claims that only access tokens have are not read.
    pub(in crate::token) fn read_of_user(
        payload: &'a [u8],
        names: &mut Names,
    ) -> Result<Self, VerificationError> {
        read(utf8(payload).map_err(VerificationError::Claims)?, names, Reading::OfUser)
    }
}

fn read<'a>(payload: &'a str, names: &mut Names, reading: Reading) -> Result<Claims<'a>, VerificationError> {
    // What is not plain is read from its beginning by the reader that knows every rule.
    quick::read(payload, names, reading).map_or_else(|| full::read(payload, names, reading), Ok)
}

#[cfg(test)]
#[path = "tests/read_tests.rs"]
mod tests;
