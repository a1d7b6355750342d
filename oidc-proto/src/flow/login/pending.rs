//! A login: the authorization request, what must be kept while the user is away, and the callback (OpenID Connect
//! Core 1.0 section 3.1.2, RFC 7636, RFC 9207).
//!
//! ```text
//! authorize ─▶ (Url, PendingAuthorization) … the user is away, maybe to return to another node …
//!              callback ─▶ Step<Login>   the only way to a token request
//! ```

use super::{
    authenticated::{Context, Login},
    authorize::{check_login, check_provider, s256},
    code_exchange::{CodeExchange, Sending},
    front::{Front, Wanted},
    sent::{Besides, OTHER_KIND, Saved, Sent, waits_for_callback},
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client},
        contract::{ConfigError, Error, Step},
        exchange::Demands,
    },
    jose::KeySet,
    message::{Answer, AuthorizationRequest, AuthorizationResponse, Bound, ResponseType},
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
    kind: ResponseType,
}

impl From<PendingAuthorization> for Saved {
    fn from(pending: PendingAuthorization) -> Self {
        let PendingAuthorization { sent, nonce, code_verifier, max_age, acr, kind } = pending;
        let (nonce, code_verifier) = (Some(nonce), Some(code_verifier));
        Self::new(sent, Besides { nonce, code_verifier, max_age, acr, kind })
    }
}

impl TryFrom<Saved> for PendingAuthorization {
    type Error = &'static str;

    fn try_from(unchecked: Saved) -> Result<Self, &'static str> {
        let (sent, besides) = unchecked.checked()?;
        let Besides { nonce: Some(nonce), code_verifier: Some(code_verifier), max_age, acr, kind } = besides
        else {
            return Err(OTHER_KIND);
        };
        Ok(Self { sent, nonce, code_verifier, max_age, acr, kind })
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
        let kind = request.response_type;
        let tokens = kind.has_id_token() || kind.has_token();
        let answer = Answer::new(kind.name(), tokens, request.response_mode).map_err(ConfigError::from)?;
        check_provider(self, answer)?;
        // Nobody can prove to hold the key of a token that comes without a proof (RFC 9449 section 5).
        if kind.has_token() && self.prover().is_some() {
            return Err(ConfigError::Parameter("response_type").into());
        }
        check_login(self, request)?;
        let (now, mut entropy) = moment.split();
        let (state, nonce, code_verifier) = (entropy.token(), entropy.token(), entropy.token());
        let bound = Bound {
            client_id: self.client_id(),
            redirect_uri,
            state: &state,
            nonce: &nonce,
            code_challenge: Some(&s256(&code_verifier)),
            answer,
        };
        let url = self.authorization_url(request.encode(&bound).map_err(ConfigError::from)?)?;
        let pending = PendingAuthorization {
            sent: Sent::new(self, state, answer, now)?,
            nonce: nonce.into(),
            code_verifier: code_verifier.into(),
            max_age: request.max_age_seconds(),
            acr: request.essential_acr.clone(),
            kind,
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
        let PendingAuthorization { sent, nonce, code_verifier, max_age, acr, kind } = pending;
        let client = self.client.clone();
        let wanted = Wanted::of_type(kind, &nonce, vec![nonce.clone(), code_verifier.clone()]);
        let (state, redirect_uri) = (sent.state.clone(), sent.redirect_uri.clone());
        let front = Front::start(client.clone(), keys.clone(), (sent, wanted), response, moment.now())?;
        let bound = vec![nonce.clone(), state.as_str().into()];
        let (first, second) = moment.halve();
        let sending = Sending { attempt: self, redirect_uri, code_verifier, bound };
        let code = CodeExchange::start(front, sending, first)?;
        let demands = Demands { nonce: Some(nonce), max_age, acr, state: Some(state), ..Demands::default() };
        Login::start(code, Context { client, keys, demands }, second)
    }
}
