//! Access without a login: an authorization of plain OAuth (RFC 6749 section 4.1). It asks for no ID token and
//! believes none, so nobody knows who the user is.
//!
//! ```text
//! authorize_access ─▶ (Url, PendingAccess) … the user is away … callback ─▶ AccessGrant
//!
//! start ──parameters──▶ Token ──granted──▶ Done(AccessGranted)
//!       ──signed response──▶ Front ──keys──▶ Token    a callback of access has no keys at hand
//! ```

use super::{
    authorize::{check_provider, s256},
    code_exchange::{CodeExchange, Exchanged, Sending},
    front::{Front, Wanted},
    sent::{Besides, OTHER_KIND, Saved, Sent, waits_for_callback},
};
use crate::{
    base::{moment::Moment, secret::Secret},
    flow::{
        client::{Attempt, Client},
        contract::{ConfigError, Error, Step, Then},
        exchange::Learned,
        saved::seal_as_json,
    },
    message::{AccessRequest, Answer, AuthorizationResponse, ResponseType, Sender, TokenResponse},
};
use serde::{Deserialize, Serialize};
use url::Url;

/// Between the redirect and the callback of an authorization that is no login.
///
/// Save it as a [`PendingAuthorization`](crate::flow::PendingAuthorization) is saved, for one use.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct PendingAccess {
    sent: Sent,
    code_verifier: Secret,
}

impl From<PendingAccess> for Saved {
    fn from(pending: PendingAccess) -> Self {
        let PendingAccess { sent, code_verifier } = pending;
        Self::new(sent, Besides { code_verifier: Some(code_verifier), ..Besides::default() })
    }
}

impl TryFrom<Saved> for PendingAccess {
    type Error = &'static str;

    fn try_from(unchecked: Saved) -> Result<Self, &'static str> {
        let (sent, besides) = unchecked.checked()?;
        match besides {
            Besides {
                nonce: None,
                code_verifier: Some(code_verifier),
                max_age: None,
                acr,
                kind: ResponseType::Code,
            } if acr.is_empty() => Ok(Self { sent, code_verifier }),
            _ => Err(OTHER_KIND),
        }
    }
}

waits_for_callback!(PendingAccess);

seal_as_json!(PendingAccess, "access");

/// Tokens that a user has granted. Who the user is they do not say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessGranted {
    /// The tokens; never an ID token, even if the provider has sent one.
    pub tokens: TokenResponse,
    /// What the flow learned on its way, for your caches: keys, if a signed answer was asked for.
    pub learned: Learned,
}

/// The flow from a checked callback to tokens.
#[derive(Debug)]
#[non_exhaustive]
pub struct AccessGrant;

impl Client {
    /// Where to send a user who grants access, and what to keep until they return. Always with `state` and
    /// PKCE (`S256`), both new; never with `openid` or a nonce.
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be made: no redirect URI, no authorization endpoint, a
    /// parameter that is not allowed (`openid` among the scopes), or a server that does not know S256.
    pub fn authorize_access(
        &self,
        request: &AccessRequest,
        moment: Moment,
    ) -> Result<(Url, PendingAccess), Error> {
        let answer = Answer::new("code", false, request.response_mode).map_err(ConfigError::from)?;
        check_provider(self, answer)?;
        let (now, mut entropy) = moment.split();
        let (state, code_verifier) = (entropy.token(), entropy.token());
        let sender = Sender {
            client_id: self.client_id(),
            redirect_uri: self.redirect_uri()?,
            state: &state,
            code_challenge: &s256(&code_verifier),
            answer,
        };
        let url = self.authorization_url(request.encode(&sender).map_err(ConfigError::from)?)?;
        let pending =
            PendingAccess { sent: Sent::new(self, state, answer, now)?, code_verifier: code_verifier.into() };
        Ok((url, pending))
    }
}

impl PendingAccess {
    /// Takes the callback: the only way to a token request.
    ///
    /// # Errors
    /// [`Error::Callback`] if the callback does not answer this request, or says no;
    /// [`ConfigError::SavedState`] if this belongs to another client or server.
    pub fn callback(
        self,
        client: &Client,
        response: AuthorizationResponse,
        moment: Moment,
    ) -> Result<Step<AccessGrant>, Error> {
        Attempt::from(client).callback_of_access(self, response, moment)
    }
}

impl Attempt {
    /// Takes the callback of an authorization that is no login, and sends its code.
    ///
    /// # Errors
    /// As [`PendingAccess::callback`].
    pub fn callback_of_access(
        self,
        pending: PendingAccess,
        response: AuthorizationResponse,
        moment: Moment,
    ) -> Result<Step<AccessGrant>, Error> {
        let PendingAccess { sent, code_verifier } = pending;
        let wanted =
            Wanted { code: true, token: false, id_token: None, secrets: vec![code_verifier.clone()] };
        let (bound, redirect_uri) = (vec![sent.state.as_str().into()], sent.redirect_uri.clone());
        let front = Front::start(self.client.clone(), None, (sent, wanted), response, moment.now())?;
        let sending = Sending { attempt: self, redirect_uri, code_verifier, bound };
        let (first, second) = moment.halve();
        CodeExchange::start(front, sending, first)?.carrying((), second)
    }
}

impl Then for AccessGrant {
    type First = CodeExchange;
    type Carried = ();
    type Output = AccessGranted;

    fn then(
        Exchanged { mut tokens, learned, .. }: Exchanged,
        (): (),
        _: Moment,
    ) -> Result<Step<Self>, Error> {
        // Nobody has asked for it, and nothing here verifies it.
        tokens.id_token = None;
        Ok(Step::Done(AccessGranted { tokens, learned }))
    }
}
