//! A login: the authorization request, what must be kept while the user is away, and the callback (OpenID Connect
//! Core 1.0 section 3.1.2, RFC 7636, RFC 9207).
//!
//! ```text
//! authorize ─▶ (Url, PendingAuthorization) … the user is away, maybe to return to another node …
//!              callback ─▶ Step<Login>   the only way to a token request
//! ```

use super::{
    authorize::{check_login, check_provider, s256},
    code_exchange::{Login, Promise},
    sent::{Besides, OTHER_KIND, Saved, Sent, waits_for_callback},
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client},
        contract::{CallbackError, ConfigError, Error, Step},
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse, Bound, ResponseType},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::Url;

/// Between the redirect and the callback: everything that the answer must fit.
///
/// Save it (it is `Serialize`), where the user's browser leads you back to it: in a session, or in
/// a cookie of its own named after [`state`](Self::state), so that several tabs do not disturb each
/// other. Take it out of there as you use it: a callback that comes twice must find nothing. It holds
/// the PKCE verifier, so keep it from others; it holds no client secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct PendingAuthorization {
    sent: Sent,
    nonce: Secret,
    code_verifier: Secret,
    max_age: Option<u32>,
    acr: Vec<String>,
}

impl From<PendingAuthorization> for Saved {
    fn from(pending: PendingAuthorization) -> Self {
        let PendingAuthorization { sent, nonce, code_verifier, max_age, acr } = pending;
        let (nonce, code_verifier) = (Some(nonce), Some(code_verifier));
        Self::new(sent, Besides { nonce, code_verifier, max_age, acr })
    }
}

impl TryFrom<Saved> for PendingAuthorization {
    type Error = &'static str;

    fn try_from(unchecked: Saved) -> Result<Self, &'static str> {
        let (sent, besides) = unchecked.checked()?;
        let Besides { nonce: Some(nonce), code_verifier: Some(code_verifier), max_age, acr } = besides else {
            return Err(OTHER_KIND);
        };
        Ok(Self { sent, nonce, code_verifier, max_age, acr })
    }
}

waits_for_callback!(PendingAuthorization);

impl Client {
    /// Where to send the user, and what to keep until they return. Always with `state`, `nonce` and
    /// PKCE (`S256`), all new.
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be made: no redirect URI, no authorization endpoint, a
    /// parameter that is not allowed, or a provider that does not know S256.
    pub fn authorize(
        &self,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<(Url, PendingAuthorization), Error> {
        let redirect_uri = self.redirect_uri()?;
        check_provider(self.metadata(), "code", "query")?;
        check_login(self, request)?;
        let (now, mut entropy) = moment.split();
        let (state, nonce, code_verifier) = (entropy.token(), entropy.token(), entropy.token());
        let bound = Bound {
            client_id: self.client_id(),
            redirect_uri,
            state: &state,
            nonce: &nonce,
            response: ResponseType::Code { code_challenge: &s256(&code_verifier) },
        };
        let url = self.authorization_url(request.encode(&bound).map_err(ConfigError::from)?)?;
        let pending = PendingAuthorization {
            sent: Sent::new(self, state, now)?,
            nonce: nonce.into(),
            code_verifier: code_verifier.into(),
            max_age: request.max_age,
            acr: request.essential_acr.clone(),
        };
        Ok((url, pending))
    }
}

impl PendingAuthorization {
    /// Takes the callback: the only way to a token request. `keys` are the provider's as far as they
    /// are known; with `None`, or if they do not vouch for the ID token, the flow fetches them.
    ///
    /// # Errors
    /// [`Error::Callback`] if the callback does not answer this request, or says no;
    /// [`ConfigError::SavedState`] if this belongs to another client or provider.
    pub fn callback(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        response: AuthorizationResponse,
        moment: Moment,
    ) -> Result<Step<Login>, Error> {
        Attempt::from(client).callback(self, keys, response, moment)
    }

    /// Whether a callback comes in time.
    pub(in crate::flow) fn can_end(&self, now: Timestamp) -> bool {
        self.sent.can_end(now)
    }
}

impl Attempt {
    /// Takes the callback, and sends its code.
    ///
    /// # Errors
    /// As [`PendingAuthorization::callback`].
    pub fn callback(
        self,
        pending: PendingAuthorization,
        keys: Option<Arc<KeySet>>,
        response: AuthorizationResponse,
        moment: Moment,
    ) -> Result<Step<Login>, Error> {
        let PendingAuthorization { sent, nonce, code_verifier, max_age, acr } = pending;
        let secrets = [nonce.clone(), code_verifier.clone()];
        sent.answered(&self.client, &response, &secrets, moment.now())?;
        let code = response.code.filter(|code| !code.expose().is_empty());
        let code = code.ok_or(CallbackError::MissingCode)?;
        let Sent { redirect_uri, state, .. } = sent;
        let promise = Promise { redirect_uri, state, nonce, code_verifier, max_age, acr };
        Ok(Login::start(self, keys, code, promise, moment)?.into())
    }
}
