//! The first half of a login: the authorization request, the state to keep while the user is away, and the callback
//! (OpenID Connect Core 1.0 section 3.1.2, RFC 7636, RFC 9207).
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
    request::PreparedRequest,
    sent::{Besides, OTHER_KIND, Saved, Sent, chooses_token, waits_for_callback},
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

/// A login between the redirect and the callback: all values that the response must match.
///
/// Save it (it is `Serialize`) where you find it again by the user's browser: in a session, or in a cookie of its own
/// named after [`state`](Self::state), so that several tabs do not disturb each other. Remove it when you use it: a
/// second callback must find nothing. It holds the PKCE verifier, so keep it from others. It holds no client secret.
///
/// ```
/// use oidc_proto::{flow::PendingAuthorization, message::{AuthorizationRequest, AuthorizationResponse}};
/// use oidc_testkit::{Browser, Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let request = AuthorizationRequest::new(["profile", "email"]);
/// let (url, pending) = party.client.authorize(&request, party.clock.moment())?;
/// let saved = serde_json::to_string(&pending)?; // into the user's session
///
/// // The user goes to `url`, and comes back to the redirect URI.
/// let landing = Browser::new().visit(&mut party.provider, &url, party.clock.now());
///
/// let pending: PendingAuthorization = serde_json::from_str(&saved)?; // out of the session, once
/// let response = AuthorizationResponse::from_url(landing.url())?;
/// let login = pending.callback(&party.client, None, response, party.clock.moment())?;
/// let user = drive(login, &mut party.provider, &mut party.clock)?;
/// assert_eq!(user.id_token.sub, "alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct PendingAuthorization {
    sent: Sent,
    nonce: Secret,
    /// `None` if the request was sent without PKCE.
    code_verifier: Option<Secret>,
    max_age: Option<u32>,
    acr: Vec<String>,
    kind: ResponseType,
}

impl From<PendingAuthorization> for Saved {
    fn from(pending: PendingAuthorization) -> Self {
        let PendingAuthorization { sent, nonce, code_verifier, max_age, acr, kind } = pending;
        let without_pkce = code_verifier.is_none();
        Self::new(sent, Besides { nonce: Some(nonce), code_verifier, without_pkce, max_age, acr, kind })
    }
}

impl TryFrom<Saved> for PendingAuthorization {
    type Error = &'static str;

    fn try_from(unchecked: Saved) -> Result<Self, &'static str> {
        let (sent, besides) = unchecked.checked()?;
        let Besides { nonce: Some(nonce), code_verifier, without_pkce, max_age, acr, kind } = besides else {
            return Err(OTHER_KIND);
        };
        // A login without a verifier must say so: a login by ID token alone has none, either.
        if without_pkce != code_verifier.is_none() {
            return Err(OTHER_KIND);
        }
        Ok(Self { sent, nonce, code_verifier, max_age, acr, kind })
    }
}

waits_for_callback!(PendingAuthorization);
chooses_token!(PendingAuthorization);

impl Client {
    /// Returns the URL to send the user to, and the state to keep until they return. Each request has a new `state`,
    /// a new `nonce` and a new PKCE challenge (`S256`), unless [`Quirks::no_pkce`](crate::flow::Quirks::no_pkce) is set.
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be made: no redirect URI, no authorization endpoint, a parameter that
    /// is not allowed, or a provider that does not support S256 or takes only pushed requests;
    /// [`Error::Sign`] if the request must be signed, and the key does not sign.
    pub fn authorize(
        &self,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<(Url, PendingAuthorization), Error> {
        self.prepare_authorization(request, moment)?.url()
    }

    /// Returns the request of a login before it is sent: to sign it with a key that is elsewhere, to host it, or to push
    /// it in an attempt. [`authorize`](Self::authorize) does the rest for a request by URL, and
    /// [`push_authorize`](Self::push_authorize) for a pushed one.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    pub fn prepare_authorization(
        &self,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<PreparedRequest<PendingAuthorization>, Error> {
        let redirect_uri = self.redirect_uri()?;
        let kind = request.response_type;
        let tokens = kind.has_id_token() || kind.has_token();
        let answer = Answer::new(kind.name(), tokens, request.response_mode).map_err(ConfigError::from)?;
        check_provider(self, answer)?;
        // An access token that comes through the browser is bound to no key (RFC 9449 section 5).
        if kind.has_token() && self.prover().is_some() {
            return Err(ConfigError::Parameter("response_type").into());
        }
        let (max_age, acr) = check_login(self, request)?;
        let (now, mut entropy) = moment.split();
        let (state, nonce, code_verifier) = (entropy.token(), entropy.token(), entropy.token());
        let code_verifier = (!self.quirks().no_pkce).then_some(code_verifier);
        let code_challenge = code_verifier.as_deref().map(s256);
        let bound = Bound {
            client_id: self.client_id(),
            redirect_uri,
            state: &state,
            nonce: &nonce,
            code_challenge: code_challenge.as_deref(),
            dpop_jkt: self.dpop_jkt(),
            answer,
        };
        let pairs = request.encode(&bound).map_err(ConfigError::from)?;
        let sent = Sent::new(self, state, answer, now)?.bound(self);
        let sent = sent.asking(self, &request.resources, &request.authorization_details)?;
        let pending = PendingAuthorization {
            sent,
            nonce: nonce.into(),
            code_verifier: code_verifier.map(Secret::from),
            max_age,
            acr,
            kind,
        };
        Ok(PreparedRequest::new(self, pairs, pending, (now, entropy.token())))
    }
}

impl PendingAuthorization {
    /// Checks the callback and starts the [`Login`], which sends the code. There is no other way to a token request.
    /// `keys` are the provider's keys, if you have them. With `None`, or if no key among them verifies the ID token,
    /// the flow fetches the keys.
    ///
    /// # Errors
    /// [`Error::Callback`] if the callback does not belong to this request, or is a refusal;
    /// [`ConfigError::SavedState`] if this login belongs to another client or provider.
    pub fn callback(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        response: AuthorizationResponse,
        moment: Moment,
    ) -> Result<Step<Login>, Error> {
        Attempt::from(client).callback(self, keys, response, moment)
    }

    /// Whether a callback at this time would be in time.
    pub(in crate::flow) fn can_end(&self, now: Timestamp) -> bool {
        self.sent.can_end(now)
    }
}

impl Attempt {
    /// Checks the callback, and starts the [`Login`] that sends its code.
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
        let wanted = Wanted::of_type(
            kind,
            &nonce,
            [Some(nonce.clone()), code_verifier.clone()].into_iter().flatten().collect(),
        );
        let (state, redirect_uri, aim) = (sent.state.clone(), sent.redirect_uri.clone(), sent.aim());
        let front = Front::start(client.clone(), keys.clone(), (sent, wanted), response, moment.now())?;
        let bound = vec![nonce.clone(), state.as_str().into()];
        let (first, second) = moment.halve();
        let sending = Sending { attempt: self, redirect_uri, code_verifier, bound, aim };
        // This login may have begun with other settings: without a verifier, the nonce alone binds the code.
        let nonce_may_be_absent = client.quirks().no_nonce && sending.code_verifier.is_some();
        let code = CodeExchange::start(front, sending, first)?;
        let demands = Demands {
            nonce: Some(nonce),
            nonce_may_be_absent,
            max_age,
            acr,
            state: Some(state),
            ..Demands::default()
        };
        Login::start(code, Context { client, keys, demands }, second)
    }
}
