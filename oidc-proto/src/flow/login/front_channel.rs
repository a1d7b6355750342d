//! Who a user is, and nothing else: an ID token that comes through the browser (OpenID Connect Core 1.0 section
//! 3.2, Form Post Response Mode 1.0). There is no code and no token request.
//!
//! ```text
//! authorize_front_login ─▶ (Url, PendingFrontLogin) … the user is away … callback ─▶ FrontLogin
//!
//! start ──ID token──▶ Done(Identified)
//!       ──ID token of another key──▶ IdToken ──keys──▶ Done(Identified)
//!       ──response of another key──▶ Response ──keys──▶ Done(Identified)
//! ```
//! With keys at hand that vouch for the ID token it is done without a request.

use super::{
    authorize::{ID_TOKEN, check_login, check_provider},
    front::{Front, Fronted, Wanted},
    sent::{Besides, OTHER_KIND, Saved, Sent, waits_for_callback},
};
use crate::{
    base::{moment::Moment, secret::Secret},
    flow::{
        client::Client,
        contract::{CallbackError, ConfigError, Error, Step, Then},
        exchange::{Demands, Learned},
        saved::seal_as_json,
    },
    jose::KeySet,
    message::{Answer, AuthorizationRequest, AuthorizationResponse, Bound, ResponseType},
    token::IdToken,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::Url;

/// Between the redirect and the callback of a login by ID token alone.
///
/// Save it as a [`PendingAuthorization`](crate::flow::PendingAuthorization) is saved, for one use. The provider's page
/// posts the answer from another site: a cookie that is to lead back to this needs `SameSite=None`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct PendingFrontLogin {
    sent: Sent,
    nonce: Secret,
    max_age: Option<u32>,
    acr: Vec<String>,
}

impl From<PendingFrontLogin> for Saved {
    fn from(pending: PendingFrontLogin) -> Self {
        let PendingFrontLogin { sent, nonce, max_age, acr } = pending;
        Self::new(
            sent,
            Besides { nonce: Some(nonce), code_verifier: None, max_age, acr, kind: ResponseType::Code },
        )
    }
}

impl TryFrom<Saved> for PendingFrontLogin {
    type Error = &'static str;

    fn try_from(unchecked: Saved) -> Result<Self, &'static str> {
        let (sent, besides) = unchecked.checked()?;
        let Besides { nonce: Some(nonce), code_verifier: None, max_age, acr, kind: ResponseType::Code } =
            besides
        else {
            return Err(OTHER_KIND);
        };
        Ok(Self { sent, nonce, max_age, acr })
    }
}

waits_for_callback!(PendingFrontLogin);

seal_as_json!(PendingFrontLogin, "front login");

/// A user who is who the issuer says. There are no tokens besides the ID token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identified {
    /// The verified ID token.
    pub id_token: IdToken,
    /// What the flow learned on its way, for your caches.
    pub learned: Learned,
}

/// The flow from an ID token that came through the browser to a verified user.
#[derive(Debug)]
#[non_exhaustive]
pub struct FrontLogin;

impl Client {
    /// Where to send a user who is to be identified by an ID token alone, and what to keep until they return.
    /// Always with `state` and `nonce`, both new, and with `response_mode=form_post` unless the request names
    /// another: read the answer with [`AuthorizationResponse::from_form`].
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be made: no redirect URI, no authorization endpoint, a parameter
    /// that is not allowed, or a provider that does not know the response type or mode.
    pub fn authorize_front_login(
        &self,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<(Url, PendingFrontLogin), Error> {
        // A request for a code asks for something else.
        if request.response_type != ResponseType::Code {
            return Err(ConfigError::Parameter("response_type").into());
        }
        let answer = Answer::new(ID_TOKEN, true, request.response_mode).map_err(ConfigError::from)?;
        check_provider(self, answer)?;
        check_login(self, request)?;
        let (now, mut entropy) = moment.split();
        let (state, nonce) = (entropy.token(), entropy.token());
        let bound = Bound {
            client_id: self.client_id(),
            redirect_uri: self.redirect_uri()?,
            state: &state,
            nonce: &nonce,
            code_challenge: None,
            answer,
        };
        let url = self.authorization_url(request.encode(&bound).map_err(ConfigError::from)?)?;
        let (max_age, acr) = (request.max_age_seconds(), request.essential_acr.clone());
        let sent = Sent::new(self, state, answer, now)?;
        Ok((url, PendingFrontLogin { sent, nonce: nonce.into(), max_age, acr }))
    }
}

impl PendingFrontLogin {
    /// Takes the callback. `keys` are the provider's as far as they are known; if they vouch for the ID token,
    /// the flow is done at once.
    ///
    /// # Errors
    /// [`Error::Callback`] if the callback does not answer this request, or says no; [`Error::Token`] if the ID
    /// token is refused; [`ConfigError::SavedState`] if this belongs to another client or provider.
    pub fn callback(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        response: AuthorizationResponse,
        moment: Moment,
    ) -> Result<Step<FrontLogin>, Error> {
        let Self { sent, nonce, max_age, acr } = self;
        let secrets = vec![nonce.clone()];
        let demands = Demands { nonce: Some(nonce), max_age, acr, front_channel: true, ..Demands::default() };
        let wanted = Wanted { code: false, token: false, id_token: Some(demands), secrets };
        let step = Front::start(client.clone(), keys, (sent, wanted), response, moment.now())?;
        step.carrying((), moment)
    }
}

impl Then for FrontLogin {
    type First = Front;
    type Carried = ();
    type Output = Identified;

    fn then(Fronted { channel, learned, .. }: Fronted, (): (), _: Moment) -> Result<Step<Self>, Error> {
        let id_token = channel.id_token.ok_or(CallbackError::MissingIdToken)?;
        Ok(Step::Done(Identified { id_token, learned }))
    }
}
