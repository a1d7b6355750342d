//! [`ErrorResponse`]: the refusal of a provider (RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1).

mod told;

use super::masked::Mask;
use crate::base::{
    header::Challenge,
    json::{JsonError, Members},
    secret::Secret,
};
use serde_json::Value;
use std::fmt;
use told::texts_of;

pub(crate) use told::{first_texts, first_texts_of_errors, first_words_of_json};

/// The refusal of a provider: an error code, and texts for developers.
///
/// The provider wrote these texts, so they are cleaned for logs. Each is one line of at most 256 characters. Invisible
/// characters (control characters, marks of direction, characters without width) are replaced.
///
/// Some providers repeat the secrets of a request. They are replaced by `[secret]`, in any encoding (percent, HTML,
/// JSON, base64, hexadecimal), in upper or lower case, and with lost spaces and signs. Pieces of a secret are hidden,
/// too, if they have at least 8 letters and digits. For a secret with fewer than 16, half of them suffice, but no
/// fewer than 6. A secret of 4 to 7 characters is hidden only as a whole word. Shorter secrets are not hidden.
///
/// ```
/// use oidc_proto::message::AuthorizationResponse;
///
/// let query = "error=access_denied&error_description=The+user+said+no&state=xyz";
/// let error = AuthorizationResponse::from_query(query)?.error.ok_or("no error")?;
/// assert_eq!(error.error, "access_denied");
/// assert_eq!(error.to_string(), "`access_denied` (The user said no)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorResponse {
    /// The error code, such as `access_denied` or `invalid_grant`.
    pub error: String,
    /// A description for developers.
    pub error_description: Option<String>,
    /// The URL of a page for developers.
    pub error_uri: Option<String>,
}

impl ErrorResponse {
    pub(crate) fn new(error: &str, description: Option<&str>, uri: Option<&str>, secrets: &[Secret]) -> Self {
        let mask = Mask::new(secrets);
        let clean = |text: &str| mask.over(text);
        // Some providers send every member, and leave those empty that they have no text for.
        let some = |text: Option<&str>| text.filter(|text| !text.trim().is_empty()).map(clean);
        Self { error: clean(error), error_description: some(description), error_uri: some(uri) }
    }

    /// Reads the body of an error response. Returns `None` for other JSON objects. Without a text in
    /// `error_description`, the first texts of that member or of others describe the error.
    pub(crate) fn from_json(body: &[u8], secrets: &[Secret]) -> Result<Option<Self>, JsonError> {
        let mut members = Members::parse(body)?;
        Ok(Self::from_members(&mut members, secrets))
    }

    pub(crate) fn from_members(members: &mut Members, secrets: &[Secret]) -> Option<Self> {
        let error = members.string("error").ok().flatten()?;
        let uri = members.string("error_uri").ok().flatten();
        let description = match members.any("error_description") {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
            // Another type has its texts somewhere within. Without any, other members may describe the error.
            Some(other @ (Value::Array(_) | Value::Object(_))) => texts_of(&other, secrets).map(String::from),
            _ => texts_of(&Value::Object(members.all().clone()), secrets).map(String::from),
        };
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

    /// Returns a copy without these secrets.
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
    fn an_empty_text_is_none() {
        for nothing in ["", " ", "\t "] {
            let body = serde_json::json!({"error": "e", "error_description": nothing, "error_uri": nothing});
            let error = ErrorResponse::from_json(body.to_string().as_bytes(), &[]).unwrap().unwrap();
            assert_eq!(error.to_string(), "`e`");
        }
    }

    #[test]
    fn texts_are_bounded_and_printable() {
        let body = format!(r#"{{"error":"a\u001b[31m\nb","error_description":"{}"}}"#, "x".repeat(5000));
        let error = ErrorResponse::from_json(body.as_bytes(), &[]).unwrap().unwrap();
        assert_eq!(error.error, "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(error.error_description.map(|text| text.len()), Some(MAX_TEXT));
    }

    #[test]
    fn a_secret_that_the_provider_repeats_is_hidden() {
        let secret = Secret::new("hunter2-hunter2");
        let prose = format!("{}hunter2-hunter2", "x".repeat(MAX_TEXT - 5));
        let body = format!(r#"{{"error":"hunter2-hunter2?","error_description":"{prose}"}}"#);
        let error = ErrorResponse::from_json(body.as_bytes(), &[secret, Secret::new("x")]).unwrap().unwrap();
        assert_eq!(error.error, "[secret]?");
        assert!(
            error.error_description.unwrap().ends_with("x[secr"),
            "the cut does not show half of a secret"
        );
    }

    #[test]
    fn other_json_is_not_an_error_response() {
        assert_eq!(ErrorResponse::from_json(b"{}", &[]), Ok(None));
        assert_eq!(ErrorResponse::from_json(br#"{"error":{"code":7}}"#, &[]), Ok(None));
        assert_eq!(ErrorResponse::from_json(b"<html>", &[]), Err(JsonError::NotJson));
    }
}
