//! [`NewTokens`]: the tokens of a refresh that failed after the provider had replaced the refresh token.

use crate::base::secret::Secret;

/// The tokens that came with a response to a refresh that is not believed.
///
/// The response was a success, and something in it is wrong: a member, or the ID token. The provider may have spent the
/// old refresh token by then, so the new one must not be lost. Keep
/// [`Error::new_refresh_token`](crate::flow::Error::new_refresh_token) in place of the old one, and believe nothing else.
/// If the ID token names another user, issuer or client, that method returns `None`, because the tokens may be those of
/// somebody else: end the session.
///
/// ```
/// use oidc_proto::{Error, Secret, flow::Refreshed};
///
/// /// Returns the refresh token to keep after a refresh with `old`.
/// fn keep(refreshed: Result<Refreshed, Error>, old: Secret) -> Secret {
///     match refreshed {
///         Ok(refreshed) => refreshed.tokens.refresh_token.unwrap_or(old),
///         Err(error) => error.new_refresh_token().cloned().unwrap_or(old),
///     }
/// }
/// # let _ = keep;
/// ```
///
/// [`Error::Refresh`](crate::flow::Error::Refresh) has them. `Debug` shows neither.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTokens {
    /// The new refresh token.
    pub refresh_token: Secret,
    /// The new access token, if it could be read.
    pub access_token: Option<Secret>,
}

impl NewTokens {
    pub(in crate::flow) const fn new(refresh_token: Secret, access_token: Option<Secret>) -> Self {
        Self { refresh_token, access_token }
    }
}
