//! [`AuthorizationResponse`]: the response that the browser brings to the redirect URI, in the query, in the
//! fragment, or in a form that it posts (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207, OpenID Connect Core 1.0
//! section 3.3.2.5, JARM).

use super::ErrorResponse;
use crate::{
    base::{
        base64url,
        form::{self, FormError},
        json::Members,
        secret::Secret,
        visible::is_name,
    },
    jose::Compact,
};
use std::fmt;
use zeroize::Zeroizing;

/// The maximum length of an authorization response, in bytes, unless
/// [`from_form_up_to`](AuthorizationResponse::from_form_up_to) sets another limit. A longer one is refused.
pub const MAX_CALLBACK: usize = 16 * 1024;

/// The authorization response at the redirect URI, parsed but not yet checked. An attacker may have made it.
///
/// [`PendingAuthorization::callback`](crate::flow::PendingAuthorization::callback) checks it and makes the token
/// request. Use [`claimed_state`](Self::claimed_state) to find the pending authorization that it answers.
///
/// ```
/// use oidc_proto::message::AuthorizationResponse;
///
/// let response = AuthorizationResponse::from_url("/callback?code=SplxlOBeZQQYbYS6WxSbIA&state=xyz")?;
/// assert_eq!(response.claimed_state().as_deref(), Some("xyz"));
/// assert_eq!(response.code.ok_or("no code")?.expose(), "SplxlOBeZQQYbYS6WxSbIA");
///
/// // A repeated parameter is an attack or a bug (RFC 6749 section 3.1).
/// assert!(AuthorizationResponse::from_query("code=one&code=two").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationResponse {
    /// The authorization code.
    pub code: Option<Secret>,
    /// The ID token, if the request asked for one (OpenID Connect Core 1.0 section 3.2.2.5).
    pub id_token: Option<Secret>,
    /// The access token, if the request asked for one (OpenID Connect Core 1.0 section 3.3.2.5).
    pub access_token: Option<Secret>,
    /// The type of the access token, such as `Bearer`.
    pub token_type: Option<String>,
    /// The lifetime of the access token in seconds, as the provider wrote it.
    pub expires_in: Option<String>,
    /// The scopes of the access token.
    pub scope: Option<String>,
    /// The whole response as a signed JWT (JARM section 2.3). It replaces all other parameters.
    pub response: Option<Secret>,
    /// The state: it identifies the pending authorization that this response answers. A signed response has the state
    /// inside its JWT: see [`claimed_state`](Self::claimed_state).
    pub state: Option<String>,
    /// The issuer of the response (RFC 9207).
    pub iss: Option<String>,
    /// The error, if the provider refuses the request.
    pub error: Option<ErrorResponse>,
    /// The state of the user's session at the provider (Session Management 1.0 section 2).
    pub session_state: Option<String>,
    /// The parameters that have no field, in the order of the response.
    pub extra: Vec<(String, Secret)>,
}

impl AuthorizationResponse {
    /// Reads a query such as `code=…&state=…`, with or without the leading `?`.
    ///
    /// # Errors
    /// [`FormError`] if any parameter is repeated, if the query is not a valid form, or if it is longer than
    /// [`MAX_CALLBACK`].
    pub fn from_query(query: &str) -> Result<Self, FormError> {
        Self::from_form(query.strip_prefix('?').unwrap_or(query).as_bytes())
    }

    /// Reads a fragment, with or without the leading `#`. Browsers do not send the fragment to the server, so a script
    /// on a page of the application must.
    ///
    /// # Errors
    /// Fails as [`from_query`](Self::from_query) does.
    pub fn from_fragment(fragment: &str) -> Result<Self, FormError> {
        Self::from_form(fragment.strip_prefix('#').unwrap_or(fragment).as_bytes())
    }

    /// Reads the body of a form that the browser posts (`response_mode=form_post`).
    ///
    /// # Errors
    /// Fails as [`from_query`](Self::from_query) does.
    pub fn from_form(body: &[u8]) -> Result<Self, FormError> {
        Self::from_form_up_to(body, MAX_CALLBACK)
    }

    /// Reads a form like [`from_form`](Self::from_form), or a query or a fragment without its `?` or `#`, of up to this
    /// length, in bytes. A provider that puts hundreds of groups into an ID token, and sends it through the browser,
    /// needs more than [`MAX_CALLBACK`]. The client must then accept such ID tokens
    /// ([`max_token`](crate::flow::ClientBuilder::max_token)).
    ///
    /// # Errors
    /// Fails as [`from_query`](Self::from_query) does.
    pub fn from_form_up_to(body: &[u8], max_bytes: usize) -> Result<Self, FormError> {
        if body.len() > max_bytes {
            return Err(FormError::TooLong);
        }
        Ok(Self::from_parameters(form::decode(body, &["error_description"])?))
    }

    /// Returns the state with which to look up the pending authorization: [`state`](Self::state), or the state inside a
    /// signed response. It is not verified, so use it only for the lookup. The callback verifies it.
    #[must_use]
    pub fn claimed_state(&self) -> Option<String> {
        self.state.clone().or_else(|| {
            let parts = Compact::split(self.response.as_ref()?.expose()).ok()?;
            let payload = base64url::decode(parts.payload)?;
            Members::parse(&payload).ok()?.string("state").ok()?
        })
    }

    /// Makes a response from these parameters. The caller has checked that no name is repeated.
    pub(crate) fn from_parameters(mut pairs: Vec<(String, Zeroizing<String>)>) -> Self {
        let answers = ["error", "code", "id_token", "access_token", "response"];
        let says = |name: &str| pairs.iter().any(|(known, value)| known == name && !value.is_empty());
        let fails_otherwise = !answers.into_iter().any(says) && says("error_code");
        let mut take = |name: &str| {
            let at = pairs.iter().position(|(known, _)| known == name)?;
            Some(pairs.remove(at).1)
        };
        let secret = |value: Zeroizing<String>| Secret::new(value.as_str());
        let text = |value: Zeroizing<String>| value.as_str().to_owned();
        let (mut error, mut description, uri) = (take("error"), take("error_description"), take("error_uri"));
        if fails_otherwise {
            // Facebook's names for both.
            error = take("error_code");
            description = take("error_message").or(description);
        }
        // An empty error is none, as in a body.
        let error = error.filter(|error| !error.is_empty());
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

    /// Reads the query of a URL. The URL may lack its scheme and host: a server sees only the path and the query.
    ///
    /// # Errors
    /// Fails as [`from_query`](Self::from_query) does.
    pub fn from_url(url: &str) -> Result<Self, FormError> {
        let url = url.split('#').next().unwrap_or_default();
        Self::from_query(url.split_once('?').map_or("", |(_, query)| query))
    }
}

/// The name and the address of a user, as Apple's parameter `user` has them at the first login of a user, and never
/// again. Nobody has signed them: the user could have written anything. The ID token has the address that counts.
///
/// ```
/// use oidc_proto::message::AuthorizationResponse;
///
/// let posted = b"state=xyz&code=c&user=%7B%22name%22%3A%7B%22firstName%22%3A%22Ada%22%7D%7D";
/// let response = AuthorizationResponse::from_form(posted)?;
/// let user = response.claimed_user().ok_or("not the first login")?;
/// assert_eq!((user.first_name.as_deref(), user.last_name), (Some("Ada"), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimedUser {
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// The email address.
    pub email: Option<String>,
}

/// Shows nothing: these are data about a person.
impl fmt::Debug for ClaimedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedUser").finish_non_exhaustive()
    }
}

impl AuthorizationResponse {
    /// Returns the parameter `user`, which Apple posts at the first login of a user. Read it before the callback takes
    /// the response, and keep it once the login has ended well. A text is left out if it is longer than 256 characters,
    /// or has control characters or others that hide text.
    #[must_use]
    pub fn claimed_user(&self) -> Option<ClaimedUser> {
        let (_, user) = self.extra.iter().find(|(name, _)| name == "user")?;
        let mut members = Members::parse(user.expose().as_bytes()).ok()?;
        let mut name = Members::new(members.object("name").ok().flatten().unwrap_or_default());
        let shown = |text: Option<String>| text.filter(|text| is_name(text));
        Some(ClaimedUser {
            first_name: shown(name.string("firstName").ok().flatten()),
            last_name: shown(name.string("lastName").ok().flatten()),
            email: shown(members.string("email").ok().flatten()),
        })
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
