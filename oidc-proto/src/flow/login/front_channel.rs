//! A login by an ID token that comes through the browser (OpenID Connect Core 1.0 section 3.2, Form Post Response Mode
//! 1.0). It identifies the user and nothing else: there is no code, and no token request.
//!
//! ```text
//! authorize_front_login ─▶ (Url, PendingFrontLogin) … the user is away … callback ─▶ FrontLogin
//!
//! start ──ID token──▶ Done(Identified)
//!       ──ID token of another key──▶ IdToken ──keys──▶ Done(Identified)
//!       ──response of another key──▶ Response ──keys──▶ Done(Identified)
//! ```
//! If the keys at hand verify the ID token, the flow is done without a request.

use super::{
    authorize::{ID_TOKEN, check_login, check_provider},
    front::{Front, Fronted, Wanted},
    request::PreparedRequest,
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

/// A login by ID token alone, between the redirect and the callback.
///
/// Save it for one use, like a [`PendingAuthorization`](crate::flow::PendingAuthorization). The provider's page posts
/// the response from another site, so a cookie that must arrive with it needs `SameSite=None`.
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
        Self::new(sent, Besides { nonce: Some(nonce), max_age, acr, ..Besides::default() })
    }
}

impl TryFrom<Saved> for PendingFrontLogin {
    type Error = &'static str;

    fn try_from(unchecked: Saved) -> Result<Self, &'static str> {
        let (sent, besides) = unchecked.checked()?;
        let Besides {
            nonce: Some(nonce),
            code_verifier: None,
            without_pkce: false,
            max_age,
            acr,
            kind: ResponseType::Code,
        } = besides
        else {
            return Err(OTHER_KIND);
        };
        // An ID token is bound to no key.
        if sent.jkt.is_some() {
            return Err(OTHER_KIND);
        }
        Ok(Self { sent, nonce, max_age, acr })
    }
}

waits_for_callback!(PendingFrontLogin);

seal_as_json!(PendingFrontLogin, "front login");

/// A user who has logged in, by a verified ID token. There are no other tokens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identified {
    /// The verified ID token.
    pub id_token: IdToken,
    /// The keys that the flow fetched, for your cache.
    pub learned: Learned,
}

/// The flow from an ID token that came through the browser to a verified user. [`PendingFrontLogin::callback`]
/// starts it.
///
/// ```
/// use oidc_proto::{Moment, Secret, Timestamp, UrlPolicy, flow::*, jose::*, message::*, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "jwks_uri": "https://op.example/jwks",
///     "authorization_endpoint": "https://op.example/auth", "response_types_supported": ["id_token"],
///     "response_modes_supported": ["form_post"], "subject_types_supported": ["public"],
///     "id_token_signing_alg_values_supported": ["HS256"]}"#;
/// let (profile, policy) = (Profile::OpenIdProvider, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let secret = Secret::new("a secret of 32 or more characters");
/// let client = Client::builder(metadata, "my-client")
///     .authentication(ClientAuthentication::ClientSecretPost)
///     .secret(secret.clone())
///     .id_token_signed_response_alg(Algorithm::HS256) // so that this example can sign, too
///     .redirect_uri("https://app.example/callback")
///     .build()?;
///
/// let request = AuthorizationRequest::new(["email"]);
/// let (url, pending) = client.authorize_front_login(&request, Moment::new(Timestamp(100), [7; 32]))?;
///
/// // The provider signs an ID token, and its page posts it to the redirect URI.
/// let nonce = url.query_pairs().find(|(name, _)| name == "nonce").map(|(_, nonce)| nonce.into_owned());
/// let claims = serde_json::json!({"iss": "https://op.example", "aud": "my-client", "sub": "alice",
///     "nonce": nonce, "iat": 100, "exp": 400});
/// let signer = RingSigner::from_secret(Algorithm::HS256, &secret, None)?;
/// let id_token = sign_compact(&signer, Default::default(), claims.to_string().as_bytes())?;
/// let posted = format!("state={}&id_token={id_token}", pending.state());
///
/// let response = AuthorizationResponse::from_form(posted.as_bytes())?;
/// let step = pending.callback(&client, None, response, Moment::new(Timestamp(130), [8; 32]))?;
/// assert!(matches!(step, Step::Done(user) if user.id_token.sub == "alice"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct FrontLogin;

impl Client {
    /// Returns the URL to send the user to for a login by ID token alone, and the state to keep until they return.
    /// Each request has a new `state` and a new `nonce`. The response mode is `form_post` unless the request names
    /// another: read the response with [`AuthorizationResponse::from_form`].
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be made: no redirect URI, no authorization endpoint, a parameter that
    /// is not allowed, or a provider that does not support the response type or mode.
    pub fn authorize_front_login(
        &self,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<(Url, PendingFrontLogin), Error> {
        self.prepare_front_login(request, moment)?.url()
    }

    /// Returns the request of a login by ID token alone before it is sent. It then goes by URL, pushed, or in a request
    /// object.
    ///
    /// # Errors
    /// As [`authorize_front_login`](Self::authorize_front_login).
    pub fn prepare_front_login(
        &self,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<PreparedRequest<PendingFrontLogin>, Error> {
        // This request is for an ID token alone; a hybrid type asks for a code as well.
        if request.response_type != ResponseType::Code {
            return Err(ConfigError::Parameter("response_type").into());
        }
        // Without an access token there is nothing that could be for a resource.
        if !request.resources.is_empty() {
            return Err(ConfigError::Parameter("resource").into());
        }
        if !request.authorization_details.is_empty() {
            return Err(ConfigError::Parameter("authorization_details").into());
        }
        let answer = Answer::new(ID_TOKEN, true, request.response_mode).map_err(ConfigError::from)?;
        check_provider(self, answer)?;
        let (max_age, acr) = check_login(self, request)?;
        let (now, mut entropy) = moment.split();
        let (state, nonce) = (entropy.token(), entropy.token());
        let bound = Bound {
            client_id: self.client_id(),
            redirect_uri: self.redirect_uri()?,
            state: &state,
            nonce: &nonce,
            code_challenge: None,
            dpop_jkt: None,
            answer,
        };
        let pairs = request.encode(&bound).map_err(ConfigError::from)?;
        let sent = Sent::new(self, state, answer, now)?;
        let pending = PendingFrontLogin { sent, nonce: nonce.into(), max_age, acr };
        Ok(PreparedRequest::new(self, pairs, pending, (now, entropy.token())))
    }
}

impl PendingFrontLogin {
    /// Checks the callback. `keys` are the provider's keys, if you have them; if they verify the ID token, the flow is
    /// done at once.
    ///
    /// # Errors
    /// [`Error::Callback`] if the callback does not belong to this request, or is a refusal; [`Error::Token`] if the
    /// ID token is refused; [`ConfigError::SavedState`] if this login belongs to another client or provider.
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
