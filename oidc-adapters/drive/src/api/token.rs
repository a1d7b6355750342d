//! [`ApiToken`] and [`SessionTokens`]: the tokens that a program brings along.

use oidc_proto::{Secret, Timestamp, flow::Refreshed, message::TokenResponse, renew::Freshness};
use std::time::Duration;

/// An access token from anywhere, for an [`Api`](super::Api).
///
/// ```
/// use oidc_drive::{api::ApiToken, oidc_proto::Secret};
/// use std::time::Duration;
///
/// let token = ApiToken::bearer(Secret::new("2YotnFZFEjr1zCsicMWpAA")).expires_in(Duration::from_secs(300));
/// assert_eq!(format!("{token:?}"), "ApiToken { bound: false, .. }");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    pub(super) token: Secret,
    /// Whether the token may be bound to the DPoP key of the client.
    pub(super) bound: bool,
    pub(super) freshness: Freshness,
}

impl ApiToken {
    /// Takes a bearer token: it is sent without a proof, even if the client has a DPoP key.
    #[must_use]
    pub const fn bearer(token: Secret) -> Self {
        Self { token, bound: false, freshness: Freshness::UNKNOWN }
    }

    /// Takes a token that the provider has issued to the client of this handle. If the client has a DPoP key, each
    /// request proves it.
    #[must_use]
    pub const fn of_client(token: Secret) -> Self {
        Self { token, bound: true, freshness: Freshness::UNKNOWN }
    }

    /// Sets the time until the token expires. Without it, the token counts as fresh for five minutes.
    #[must_use]
    pub const fn expires_in(mut self, time: Duration) -> Self {
        self.freshness = Freshness::lasting(time);
        self
    }
}

/// A token of the client, with its lifetime.
impl From<&TokenResponse> for ApiToken {
    fn from(tokens: &TokenResponse) -> Self {
        let freshness = tokens.expires_in.map_or(Freshness::UNKNOWN, Freshness::lasting);
        Self { freshness, ..Self::of_client(tokens.access_token.clone()) }
    }
}

impl std::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiToken").field("bound", &self.bound).finish_non_exhaustive()
    }
}

/// The tokens of a user's session: what a program stores, and stores anew after each refresh.
///
/// ```
/// use oidc_drive::{api::SessionTokens, oidc_proto::{Secret, Timestamp}};
///
/// // From a store of your own:
/// let tokens = SessionTokens::new(Secret::new("an access token"), Secret::new("a refresh token"))
///     .expires_at(Timestamp(1_800_000_300));
/// assert_eq!(tokens.refresh_token.expose(), "a refresh token");
/// ```
///
/// After a login, `SessionTokens::of(&authenticated.tokens)` has them, if the provider has issued a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionTokens {
    /// The access token.
    pub access_token: Secret,
    /// The refresh token to use next.
    pub refresh_token: Secret,
    /// When the access token expires, if the provider has said so.
    pub expires_at: Option<Timestamp>,
}

impl SessionTokens {
    /// Takes the tokens of a session.
    #[must_use]
    pub const fn new(access_token: Secret, refresh_token: Secret) -> Self {
        Self { access_token, refresh_token, expires_at: None }
    }

    /// Takes the tokens of a login. `None` without a refresh token.
    #[must_use]
    pub fn of(tokens: &TokenResponse) -> Option<Self> {
        let session = Self::new(tokens.access_token.clone(), tokens.refresh_token.clone()?);
        Some(Self { expires_at: tokens.expires_at, ..session })
    }

    /// Sets when the access token expires.
    #[must_use]
    pub const fn expires_at(mut self, time: Timestamp) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// The tokens after a refresh.
    pub(super) fn refreshed(&self, refreshed: &Refreshed) -> Self {
        let next = refreshed.tokens.refresh_token.as_ref().unwrap_or(&self.refresh_token);
        let session = Self::new(refreshed.tokens.access_token.clone(), next.clone());
        Self { expires_at: refreshed.tokens.expires_at, ..session }
    }

    /// The access token, as it is at this time.
    pub(super) fn access(&self, now: Timestamp) -> ApiToken {
        let token = ApiToken::of_client(self.access_token.clone());
        match self.expires_at {
            Some(end) => {
                token.expires_in(Duration::from_secs(end.0.saturating_sub(now.0).try_into().unwrap_or(0)))
            }
            None => token,
        }
    }
}
