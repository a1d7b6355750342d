//! [`BackchannelLogoutRequest`]: the request of a provider that has logged a user out (OpenID Connect Back-Channel Logout
//! 1.0 sections 2.5 to 2.8).

use super::error::{BackchannelLogoutError, MAX_LOGOUT_REQUEST, answer};
use crate::{
    base::{form, header::media_type_is, moment::Timestamp, secret::Secret},
    flow::client::Client,
    jose::KeySet,
    sender::{ReplayAnswer, ReplayKey},
    token::{EndedSessions, LogoutToken, LogoutTokenVerifier},
};
use http::{Method, StatusCode};
use std::fmt;

/// A request to the client's `backchannel_logout_uri`. Nobody has checked yet who sent it. `Debug` shows no token.
///
/// ```
/// use oidc_proto::{
///     Timestamp,
///     flow::{BackchannelLogoutError, BackchannelLogoutRequest, Client},
///     jose::KeySet,
///     sender::ReplayWindow,
///     token::EndedSessions,
/// };
///
/// /// Answers a request to the `backchannel_logout_uri`.
/// fn logged_out(
///     request: &http::Request<Vec<u8>>,
///     (client, keys): (&Client, &KeySet),
///     used: &mut ReplayWindow, // or a store that all nodes share
///     end: fn(&EndedSessions) -> bool,
///     now: Timestamp,
/// ) -> http::Response<Vec<u8>> {
///     let judged = BackchannelLogoutRequest::read(request).and_then(|request| {
///         let token = request.verify(client, keys, now)?; // if it wants newer keys: fetch them, once more
///         let sessions = token.first_use(used.first_use(token.replay_key(), now))?;
///         if end(sessions) { Ok(()) } else { Err(BackchannelLogoutError::Failed) }
///     });
///     judged.map_or_else(|error| error.response(), |()| BackchannelLogoutRequest::accepted())
/// }
///
/// // Whoever sends no logout token gets 400.
/// let forged = http::Request::post("/logout").header("content-type", "application/x-www-form-urlencoded");
/// let error = BackchannelLogoutRequest::read(&forged.body(b"token=x".to_vec())?).unwrap_err();
/// assert_eq!(error.response().status(), 400);
/// assert_eq!(error.response().headers()["cache-control"], "no-store");
/// # let _ = logged_out;
/// # Ok::<(), http::Error>(())
/// ```
pub struct BackchannelLogoutRequest {
    logout_token: Secret,
}

impl BackchannelLogoutRequest {
    /// Reads a request. It checks the form of the request, and not yet who sent it. Further parameters are ignored
    /// (section 2.5).
    ///
    /// # Errors
    /// [`BackchannelLogoutError`] says what is wrong, and what to answer.
    pub fn read<B: AsRef<[u8]>>(request: &http::Request<B>) -> Result<Self, BackchannelLogoutError> {
        if request.method() != Method::POST {
            return Err(BackchannelLogoutError::Method);
        }
        if !media_type_is(request.headers(), &["application/x-www-form-urlencoded"]) {
            return Err(BackchannelLogoutError::MediaType);
        }
        let body = request.body().as_ref();
        if body.len() > MAX_LOGOUT_REQUEST {
            return Err(BackchannelLogoutError::TooLarge);
        }
        let parameters = form::decode(body, &[]).map_err(BackchannelLogoutError::Form)?;
        let token = parameters.iter().find(|(name, value)| name == "logout_token" && !value.is_empty());
        let (_, token) = token.ok_or(BackchannelLogoutError::Missing)?;
        Ok(Self { logout_token: Secret::new(token.as_str()) })
    }

    /// Returns the logout token, for a [`LogoutTokenVerifier`] of your own. Anybody can have sent it.
    #[must_use]
    pub const fn logout_token(&self) -> &Secret {
        &self.logout_token
    }

    /// Verifies the logout token as [`Client::logout_token_verifier`] does. If ID tokens are signed with the client's
    /// secret, the secret is the key, and `keys` do not count.
    ///
    /// # Errors
    /// [`BackchannelLogoutError`] says what is wrong, and what to answer. If it
    /// [`wants_newer_keys`](BackchannelLogoutError::wants_newer_keys), fetch the keys and call this once more. Anybody can
    /// send such a request, so limit how often that happens.
    pub fn verify(
        &self,
        client: &Client,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<LogoutToken, BackchannelLogoutError> {
        let keys = client.inner().secret_key.as_deref().unwrap_or(keys);
        Ok(client.logout_token_verifier().verify(&self.logout_token, keys, now)?)
    }

    /// Returns the response to a logout that was carried out: 200, and `Cache-Control: no-store` (section 2.8).
    #[must_use]
    pub fn accepted() -> http::Response<Vec<u8>> {
        answer(StatusCode::OK, Vec::new())
    }
}

impl fmt::Debug for BackchannelLogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackchannelLogoutRequest(..)")
    }
}

impl Client {
    /// Returns the verifier of logout tokens for this client: their issuer, audience, algorithm and leeway are those of its
    /// ID tokens (Back-Channel Logout 1.0 section 2.6).
    #[must_use]
    pub fn logout_token_verifier(&self) -> LogoutTokenVerifier {
        LogoutTokenVerifier::like(self.inner().verifier.clone())
    }
}

impl LogoutToken {
    /// Returns the key under which the token is remembered, for a [`ReplayWindow`](crate::sender::ReplayWindow) or a store
    /// that all nodes share. It is that of this client: others may remember their tokens there, too.
    #[must_use]
    pub fn replay_key(&self) -> ReplayKey {
        ReplayKey::new("logout_token", self.ends.iss(), &[&self.client_id, &self.jti], self.usable_until)
    }

    /// Returns which sessions end, if the token is used for the first time: `answer` is that of the memory that was asked
    /// with [`replay_key`](Self::replay_key).
    ///
    /// # Errors
    /// [`BackchannelLogoutError::Replayed`]: the token was used before. [`BackchannelLogoutError::Failed`]: the memory does
    /// not know.
    pub const fn first_use(&self, answer: ReplayAnswer) -> Result<&EndedSessions, BackchannelLogoutError> {
        match answer {
            ReplayAnswer::First => Ok(&self.ends),
            ReplayAnswer::Replayed => Err(BackchannelLogoutError::Replayed),
            ReplayAnswer::Unknown => Err(BackchannelLogoutError::Failed),
        }
    }
}
