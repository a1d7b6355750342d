//! The error response (RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1).

use super::masked::Mask;
use crate::base::{
    header::Challenge,
    json::{JsonError, Members},
    secret::Secret,
};
use std::fmt;

/// What a provider says when it says no.
///
/// The texts are the provider's: bounded to 256 characters, on one line, with what is not visible replaced
/// (control characters, marks of direction, characters without width), and without the secrets of the
/// request, which some providers repeat. A secret is found however it is encoded (percent, HTML, JSON,
/// base64, hexadecimal), in either case, with spaces and signs lost, and where it is cut off: pieces of it
/// of at least 8 letters and digits are hidden, of at least half of them if it has fewer than 16 (and at least
/// 6). A secret of 4 to 7 characters is hidden as a whole, where it stands by itself; shorter ones are not
/// looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorResponse {
    /// The code, such as `access_denied` or `invalid_grant`.
    pub error: String,
    /// Prose for developers.
    pub error_description: Option<String>,
    /// A page for developers.
    pub error_uri: Option<String>,
}

impl ErrorResponse {
    pub(crate) fn new(error: &str, description: Option<&str>, uri: Option<&str>, secrets: &[Secret]) -> Self {
        let mask = Mask::new(secrets);
        let clean = |text: &str| mask.over(text);
        Self { error: clean(error), error_description: description.map(clean), error_uri: uri.map(clean) }
    }

    /// Reads an error response; `None` in place of a body that is not one.
    pub(crate) fn from_json(body: &[u8], secrets: &[Secret]) -> Result<Option<Self>, JsonError> {
        let mut members = Members::parse(body)?;
        Ok(Self::from_members(&mut members, secrets))
    }

    pub(crate) fn from_members(members: &mut Members, secrets: &[Secret]) -> Option<Self> {
        let error = members.string("error").ok().flatten()?;
        let description = members.string("error_description").ok().flatten();
        let uri = members.string("error_uri").ok().flatten();
        Some(Self::new(&error, description.as_deref(), uri.as_deref(), secrets))
    }

    /// Reads the challenge of a protected resource.
    pub(crate) fn from_challenge(challenge: &Challenge, secrets: &[Secret]) -> Option<Self> {
        Some(Self::new(
            challenge.parameter("error")?,
            challenge.parameter("error_description"),
            challenge.parameter("error_uri"),
            secrets,
        ))
    }

    /// The same without these secrets.
    pub(crate) fn without(&self, secrets: &[Secret]) -> Self {
        Self::new(&self.error, self.error_description.as_deref(), self.error_uri.as_deref(), secrets)
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.error)?;
        self.error_description.iter().try_for_each(|text| write!(f, " ({text})"))?;
        self.error_uri.iter().try_for_each(|uri| write!(f, "; see {uri}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::masked::MAX_TEXT, *};

    #[test]
    fn the_example_of_rfc_6749_is_read() {
        let body = br#"{"error":"invalid_request","error_description":"no","error_uri":"https://e.example"}"#;
        let error = ErrorResponse::from_json(body, &[]).unwrap().unwrap();
        assert_eq!(error.to_string(), "`invalid_request` (no); see https://e.example");
    }

    #[test]
    fn prose_is_bounded_and_printable() {
        let body = format!(r#"{{"error":"a\u001b[31m\nb","error_description":"{}"}}"#, "x".repeat(5000));
        let error = ErrorResponse::from_json(body.as_bytes(), &[]).unwrap().unwrap();
        assert_eq!(error.error, "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(error.error_description.map(|text| text.len()), Some(MAX_TEXT));
    }

    #[test]
    fn a_provider_that_repeats_a_secret_is_not_repeated() {
        let secret = Secret::new("hunter2-hunter2");
        let prose = format!("{}hunter2-hunter2", "x".repeat(MAX_TEXT - 5));
        let body = format!(r#"{{"error":"hunter2-hunter2?","error_description":"{prose}"}}"#);
        let error = ErrorResponse::from_json(body.as_bytes(), &[secret, Secret::new("x")]).unwrap().unwrap();
        assert_eq!(error.error, "[secret]?");
        assert!(error.error_description.unwrap().ends_with("x[secr"), "not even the half of it");
    }

    #[test]
    fn what_is_no_error_response_is_none() {
        assert_eq!(ErrorResponse::from_json(b"{}", &[]), Ok(None));
        assert_eq!(ErrorResponse::from_json(br#"{"error":{"code":7}}"#, &[]), Ok(None));
        assert_eq!(ErrorResponse::from_json(b"<html>", &[]), Err(JsonError::NotJson));
    }
}
