//! Access without a login: an authorization of plain OAuth (RFC 6749 section 4.1). It asks for no ID token and believes
//! none, so the client does not learn who the user is.
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
    request::PreparedRequest,
    sent::{Besides, OTHER_KIND, Saved, Sent, chooses_token, waits_for_callback},
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

/// An authorization without a login, between the redirect and the callback.
///
/// Save it for one use, like a [`PendingAuthorization`](crate::flow::PendingAuthorization).
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
                without_pkce: false,
                max_age: None,
                acr,
                kind: ResponseType::Code,
            } if acr.is_empty() => Ok(Self { sent, code_verifier }),
            _ => Err(OTHER_KIND),
        }
    }
}

waits_for_callback!(PendingAccess);
chooses_token!(PendingAccess);

seal_as_json!(PendingAccess, "access");

/// The tokens that a user has granted. They do not identify the user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessGranted {
    /// The token response, without the ID token, even if the provider has sent one.
    pub tokens: TokenResponse,
    /// The keys that the flow fetched, for your cache: only if the request asked for a signed response.
    pub learned: Learned,
}

/// The flow from a checked callback to tokens. [`PendingAccess::callback`] starts it.
///
/// ```
/// use oidc_proto::message::{AccessRequest, AuthorizationResponse};
/// use oidc_testkit::{Browser, Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let request = AccessRequest::new(["reports:read", "offline_access"]);
/// let (url, pending) = party.client.authorize_access(&request, party.clock.moment())?;
///
/// // The user goes to `url`, agrees, and comes back. Keep `pending` meanwhile.
/// let landing = Browser::new().visit(&mut party.provider, &url, party.clock.now());
///
/// let response = AuthorizationResponse::from_url(landing.url())?;
/// let grant = pending.callback(&party.client, response, party.clock.moment())?;
/// let granted = drive(grant, &mut party.provider, &mut party.clock)?;
/// assert!(granted.tokens.is_bearer());
/// assert!(granted.tokens.refresh_token.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct AccessGrant;

impl Client {
    /// Returns the URL to send the user to for a grant of access, and the state to keep until they return. Each request
    /// has a new `state` and a new PKCE challenge (`S256`). It never has `openid` or a nonce.
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be made: no redirect URI, no authorization endpoint, a parameter that is
    /// not allowed (such as the scope `openid`), or a server that does not support S256.
    pub fn authorize_access(
        &self,
        request: &AccessRequest,
        moment: Moment,
    ) -> Result<(Url, PendingAccess), Error> {
        self.prepare_access(request, moment)?.url()
    }

    /// Returns the request for access before it is sent. It then goes by URL, pushed, or in a request object.
    ///
    /// # Errors
    /// As [`authorize_access`](Self::authorize_access).
    pub fn prepare_access(
        &self,
        request: &AccessRequest,
        moment: Moment,
    ) -> Result<PreparedRequest<PendingAccess>, Error> {
        let answer = Answer::new("code", false, request.response_mode).map_err(ConfigError::from)?;
        check_provider(self, answer)?;
        // There is no ID token, so there is no nonce: only PKCE ties the code to this request.
        if self.quirks().no_pkce {
            return Err(ConfigError::Unbound.into());
        }
        let (now, mut entropy) = moment.split();
        let (state, code_verifier) = (entropy.token(), entropy.token());
        let sender = Sender {
            client_id: self.client_id(),
            redirect_uri: self.redirect_uri()?,
            state: &state,
            code_challenge: &s256(&code_verifier),
            dpop_jkt: self.dpop_jkt(),
            answer,
        };
        let pairs = request.encode(&sender).map_err(ConfigError::from)?;
        let sent = Sent::new(self, state, answer, now)?.bound(self);
        let sent = sent.asking(self, &request.resources, &request.authorization_details)?;
        let pending = PendingAccess { sent, code_verifier: code_verifier.into() };
        Ok(PreparedRequest::new(self, pairs, pending, (now, entropy.token())))
    }
}

impl PendingAccess {
    /// Checks the callback and starts the [`AccessGrant`], which sends the code. There is no other way to a token
    /// request.
    ///
    /// # Errors
    /// [`Error::Callback`] if the callback does not belong to this request, or is a refusal;
    /// [`ConfigError::SavedState`] if this authorization belongs to another client or server.
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
    /// Checks the callback of an authorization without a login, and starts the [`AccessGrant`] that sends its code.
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
        let aim = sent.aim();
        let front = Front::start(self.client.clone(), None, (sent, wanted), response, moment.now())?;
        let sending = Sending { attempt: self, redirect_uri, code_verifier: Some(code_verifier), bound, aim };
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
        // The request did not ask for an ID token, and nothing here verifies one.
        tokens.id_token = None;
        Ok(Step::Done(AccessGranted { tokens, learned }))
    }
}
