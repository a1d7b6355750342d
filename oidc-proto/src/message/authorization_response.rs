//! The authorization response as it comes to the redirect URI: in the query, in the fragment, or in a form that the
//! browser posts (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207, OpenID Connect Core 1.0 section 3.3.2.5, JARM).

use super::ErrorResponse;
use crate::{
    base::{
        base64url,
        form::{self, FormError},
        json::Members,
        secret::Secret,
    },
    jose::Compact,
};
use std::fmt;
use zeroize::Zeroizing;

/// The longest callback that is read, in bytes.
pub const MAX_CALLBACK: usize = 16 * 1024;

/// What came to the redirect URI: read, and not yet believed.
///
/// Only a [`PendingAuthorization`](crate::flow::PendingAuthorization) turns it into a token request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationResponse {
    /// The authorization code.
    pub code: Option<Secret>,
    /// An ID token, where one was asked for (OpenID Connect Core 1.0 section 3.2.2.5).
    pub id_token: Option<Secret>,
    /// An access token, where one was asked for (OpenID Connect Core 1.0 section 3.3.2.5).
    pub access_token: Option<Secret>,
    /// How the access token is used: `Bearer`.
    pub token_type: Option<String>,
    /// For how long the access token is good, in seconds, as the provider has written it.
    pub expires_in: Option<String>,
    /// The scopes of the access token.
    pub scope: Option<String>,
    /// The whole response as a signed JWT (JARM section 2.3), in the place of all the other parameters.
    pub response: Option<Secret>,
    /// The state: which of the pending authorizations this answers. A signed response has it inside: see
    /// [`claimed_state`](Self::claimed_state).
    pub state: Option<String>,
    /// The issuer (RFC 9207).
    pub iss: Option<String>,
    /// What the provider says if it says no.
    pub error: Option<ErrorResponse>,
    /// The state of the session at the provider (Session Management 1.0 section 2).
    pub session_state: Option<String>,
    /// The parameters that no field knows, in the order of the query.
    pub extra: Vec<(String, Secret)>,
}

impl AuthorizationResponse {
    /// Reads a query: `code=…&state=…`, with or without the question mark.
    ///
    /// # Errors
    /// [`FormError`] if a parameter stands there twice, whatever its name, or if the query is not a form.
    pub fn from_query(query: &str) -> Result<Self, FormError> {
        Self::from_form(query.strip_prefix('?').unwrap_or(query).as_bytes())
    }

    /// Reads a fragment, with or without the number sign: what a page of the application hands on.
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    pub fn from_fragment(fragment: &str) -> Result<Self, FormError> {
        Self::from_form(fragment.strip_prefix('#').unwrap_or(fragment).as_bytes())
    }

    /// Reads the body of a form that the browser posts.
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    pub fn from_form(body: &[u8]) -> Result<Self, FormError> {
        if body.len() > MAX_CALLBACK {
            return Err(FormError::TooLong);
        }
        Ok(Self::from_parameters(form::decode(body)?))
    }

    /// The state by which to find the pending authorization that this answers: [`state`](Self::state), or the one
    /// inside of a signed response. It is the word of whoever made the response, good for looking up and nothing else:
    /// the callback verifies it.
    #[must_use]
    pub fn claimed_state(&self) -> Option<String> {
        self.state.clone().or_else(|| {
            let parts = Compact::split(self.response.as_ref()?.expose()).ok()?;
            let payload = base64url::decode(parts.payload)?;
            Members::parse(&payload).ok()?.string("state").ok()?
        })
    }

    /// The response of these parameters, each of which stands there once.
    pub(crate) fn from_parameters(mut pairs: Vec<(String, Zeroizing<String>)>) -> Self {
        let mut take = |name: &str| {
            let at = pairs.iter().position(|(known, _)| known == name)?;
            Some(pairs.remove(at).1)
        };
        let secret = |value: Zeroizing<String>| Secret::new(value.as_str());
        let text = |value: Zeroizing<String>| value.as_str().to_owned();
        let (error, description, uri) = (take("error"), take("error_description"), take("error_uri"));
        Self {
            code: take("code").map(secret),
            id_token: take("id_token").map(secret),
            access_token: take("access_token").map(secret),
            token_type: take("token_type").map(text),
            expires_in: take("expires_in").map(text),
            scope: take("scope").map(text),
            response: take("response").map(secret),
            state: take("state").map(text),
            iss: take("iss").map(text),
            error: error.map(|error| {
                let (description, uri) = (description.as_deref(), uri.as_deref());
                ErrorResponse::new(&error, description.map(String::as_str), uri.map(String::as_str), &[])
            }),
            session_state: take("session_state").map(text),
            extra: pairs.into_iter().map(|(name, value)| (name, secret(value))).collect(),
        }
    }

    /// Reads the query of a URL, or of the path and query that a server sees.
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    pub fn from_url(url: &str) -> Result<Self, FormError> {
        let url = url.split('#').next().unwrap_or_default();
        Self::from_query(url.split_once('?').map_or("", |(_, query)| query))
    }
}

impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationResponse")
            .field("code", &self.code)
            .field("response", &self.response)
            .field("iss", &self.iss)
            .field("error", &self.error)
            .field("extra", &self.extra.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_6749_are_read() {
        let response = AuthorizationResponse::from_url(
            "https://client.example.com/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=xyz#f",
        )
        .unwrap();
        assert_eq!(response.code.unwrap().expose(), "SplxlOBeZQQYbYS6WxSbIA");
        assert_eq!(response.state.as_deref(), Some("xyz"));
        let denied =
            AuthorizationResponse::from_query("?error=access_denied&state=xyz&session_state=s&x=1").unwrap();
        assert_eq!(denied.error.unwrap().error, "access_denied");
        assert_eq!(denied.session_state.as_deref(), Some("s"));
        assert_eq!(denied.extra, [("x".to_owned(), Secret::new("1"))]);
    }

    #[test]
    fn hostile_queries_are_typed_errors() {
        for (query, why) in [
            ("code=good&code=evil", FormError::Duplicate),
            ("state=a&%73tate=b", FormError::Duplicate),
            ("code=%FF%FE", FormError::NotUtf8),
        ] {
            assert_eq!(AuthorizationResponse::from_query(query), Err(why), "{query}");
        }
        let long = format!("code={}", "x".repeat(MAX_CALLBACK));
        assert_eq!(AuthorizationResponse::from_query(&long), Err(FormError::TooLong));
        assert_eq!(AuthorizationResponse::from_url("/cb").unwrap().code, None);
    }
}
