//! [`ThirdPartyLoginRequest`]: the request of somebody else that the application logs a user in (OpenID Connect Core 1.0
//! section 4).

use crate::{
    base::{
        form::{self, FormError},
        visible::without_query,
    },
    message::authorization_response::MAX_CALLBACK,
};
use std::fmt;

/// A request that the application logs a user in, read but not yet checked. Anybody may have made it.
///
/// It comes to the address that the client has registered as `initiate_login_uri`, by GET or by POST.
/// [`ThirdPartyLogins::accept`](crate::flow::ThirdPartyLogins::accept) checks it.
///
/// ```
/// use oidc_proto::message::ThirdPartyLoginRequest;
///
/// let request = ThirdPartyLoginRequest::from_url("/login/initiate?iss=https%3A%2F%2Fop.example&login_hint=alice")?;
/// assert_eq!(request.iss.as_deref(), Some("https://op.example"));
///
/// let posted = ThirdPartyLoginRequest::from_form(b"iss=https%3A%2F%2Fop.example&login_hint=alice")?;
/// assert_eq!(posted, request);
/// # Ok::<(), oidc_proto::base::FormError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThirdPartyLoginRequest {
    /// The issuer that is to log the user in.
    pub iss: Option<String>,
    /// A hint at the user, for the issuer.
    pub login_hint: Option<String>,
    /// Where the application is to lead the user after the login.
    pub target_link_uri: Option<String>,
    /// The parameters that have no field, in the order of the request. They are ignored (section 4), unless your program
    /// knows them.
    pub extra: Vec<(String, String)>,
}

impl ThirdPartyLoginRequest {
    /// Reads a query such as `iss=…&login_hint=…`, with or without the leading `?`. A parameter without a value counts as
    /// absent.
    ///
    /// # Errors
    /// [`FormError`] if any parameter is repeated, if the query is not a valid form, or if it is longer than
    /// [`MAX_CALLBACK`].
    pub fn from_query(query: &str) -> Result<Self, FormError> {
        Self::from_form(query.strip_prefix('?').unwrap_or(query).as_bytes())
    }

    /// Reads the body of a POST, as [`from_query`](Self::from_query) reads a query.
    ///
    /// # Errors
    /// Fails as [`from_query`](Self::from_query) does.
    pub fn from_form(body: &[u8]) -> Result<Self, FormError> {
        if body.len() > MAX_CALLBACK {
            return Err(FormError::TooLong);
        }
        let mut request = Self::default();
        for (name, value) in form::decode(body, &[])? {
            let value = value.as_str().to_owned();
            let some = (!value.is_empty()).then(|| value.clone());
            match name.as_str() {
                "iss" => request.iss = some,
                "login_hint" => request.login_hint = some,
                "target_link_uri" => request.target_link_uri = some,
                _ => request.extra.push((name, value)),
            }
        }
        Ok(request)
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

/// Shows no hint at the user, no query of the target, and only the names of further parameters.
impl fmt::Debug for ThirdPartyLoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThirdPartyLoginRequest")
            .field("iss", &self.iss.as_deref().map(without_query))
            .field("login_hint", &self.login_hint.as_ref().map(|_| ".."))
            .field("target_link_uri", &self.target_link_uri.as_deref().map(without_query))
            .field("extra", &self.extra.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}
