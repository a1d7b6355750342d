//! [`LogoutResponse`]: what the browser brings when the provider leads a user back after a logout (RP-Initiated Logout
//! 1.0 section 3).

use crate::{
    base::{
        form::{self, FormError},
        secret::Secret,
    },
    message::authorization_response::MAX_CALLBACK,
};
use std::fmt;

/// The parameters with which a user comes back from a logout, read but not yet checked. An attacker may have made them.
///
/// Use [`state`](Self::state) to find the pending logout that it answers.
/// [`PendingLogout::returned`](crate::flow::PendingLogout::returned) checks it.
///
/// ```
/// use oidc_proto::message::LogoutResponse;
///
/// let response = LogoutResponse::from_url("/logged-out?state=xyz")?;
/// assert_eq!(response.state.as_deref(), Some("xyz"));
/// assert!(LogoutResponse::from_query("state=one&state=two").is_err(), "a repeated parameter");
/// # Ok::<(), oidc_proto::base::FormError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutResponse {
    /// The state: it identifies the pending logout that this response answers.
    pub state: Option<String>,
    /// The parameters that have no field, in the order of the response. No specification gives them a meaning.
    pub extra: Vec<(String, Secret)>,
}

impl LogoutResponse {
    /// Reads a query such as `state=…`, with or without the leading `?`.
    ///
    /// # Errors
    /// [`FormError`] if any parameter is repeated, if the query is not a valid form, or if it is longer than
    /// [`MAX_CALLBACK`].
    pub fn from_query(query: &str) -> Result<Self, FormError> {
        let query = query.strip_prefix('?').unwrap_or(query);
        if query.len() > MAX_CALLBACK {
            return Err(FormError::TooLong);
        }
        let mut response = Self::default();
        for (name, value) in form::decode(query.as_bytes(), &[])? {
            match name.as_str() {
                "state" => response.state = Some(value.as_str().to_owned()),
                _ => response.extra.push((name, value.as_str().into())),
            }
        }
        Ok(response)
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

/// Shows no value.
impl fmt::Debug for LogoutResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutResponse")
            .field("state", &self.state.as_ref().map(|_| ".."))
            .field("extra", &self.extra.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}
