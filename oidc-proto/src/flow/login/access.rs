//! Access without a login: an authorization of plain OAuth (RFC 6749 section 4.1). It asks for no ID token and
//! believes none, so nobody knows who the user is.
//!
//! ```text
//! authorize_access ─▶ (Url, PendingAccess) … the user is away …
//!                     callback ─▶ AccessGrant ──▶ Done(AccessGranted)   one request
//! ```

use super::{
    authorize::{check_provider, s256},
    sent::{Besides, OTHER_KIND, Saved, Sent},
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client},
        contract::{Call, CallbackError, ConfigError, Endpoint, Error, Step, Then},
        exchange::{Ask, Post},
        saved::{Seal, Sealed},
    },
    message::{AccessRequest, AuthorizationResponse, Sender, TokenResponse},
};
use serde::{Deserialize, Serialize};
use std::fmt;
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
            Besides { nonce: None, code_verifier: Some(code_verifier), max_age: None, acr }
                if acr.is_empty() =>
            {
                Ok(Self { sent, code_verifier })
            }
            _ => Err(OTHER_KIND),
        }
    }
}

impl fmt::Debug for PendingAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAccess")
            .field("issuer", &self.sent.issuer)
            .field("client_id", &self.sent.client_id)
            .field("created", &self.sent.created)
            .finish_non_exhaustive()
    }
}

impl Seal for PendingAccess {}

impl Sealed for PendingAccess {
    const KIND: &'static str = "access";
    fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Tokens that a user has granted. Who the user is they do not say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessGranted {
    /// The tokens; never an ID token, even if the provider has sent one.
    pub tokens: TokenResponse,
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
        check_provider(self.metadata(), "code", "query")?;
        let (now, mut entropy) = moment.split();
        let (state, code_verifier) = (entropy.token(), entropy.token());
        let sender = Sender {
            client_id: self.client_id(),
            redirect_uri: self.redirect_uri()?,
            state: &state,
            code_challenge: &s256(&code_verifier),
        };
        let url = self.authorization_url(request.encode(&sender).map_err(ConfigError::from)?)?;
        let pending =
            PendingAccess { sent: Sent::new(self, state, now)?, code_verifier: code_verifier.into() };
        Ok((url, pending))
    }
}

impl PendingAccess {
    /// The state that was sent: a name to save this under.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.sent.state
    }

    /// The issuer that was asked.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.sent.issuer
    }

    /// When the user was sent away.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.sent.created
    }

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
    ) -> Result<Call<AccessGrant>, Error> {
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
    ) -> Result<Call<AccessGrant>, Error> {
        let PendingAccess { sent, code_verifier } = pending;
        let secrets = std::slice::from_ref(&code_verifier);
        sent.answered(&self.client, &response, secrets, moment.now())?;
        let code = response.code.filter(|code| !code.expose().is_empty());
        let form = vec![
            ("grant_type".into(), "authorization_code".into()),
            ("code".into(), code.ok_or(CallbackError::MissingCode)?),
            ("redirect_uri".into(), sent.redirect_uri.into()),
            ("code_verifier".into(), code_verifier),
        ];
        let ask = Ask::new(self, Endpoint::Token, form).bound([sent.state.into()]);
        Ok(ask.once(moment)?.carrying(()))
    }
}

impl Then for AccessGrant {
    type First = Post<TokenResponse>;
    type Carried = ();
    type Output = AccessGranted;

    fn then(mut tokens: TokenResponse, (): (), _: Moment) -> Result<Step<Self>, Error> {
        // Nobody has asked for it, and nothing here verifies it.
        tokens.id_token = None;
        Ok(Step::Done(AccessGranted { tokens }))
    }
}
