//! The refresh grant (RFC 6749 section 6, OpenID Connect Core 1.0 section 12).
//!
//! ```text
//! Token ──vouched for, no ID token──▶ Done(Refreshed)
//!       ──another key──▶ Keys ──keys──▶ Done(Refreshed)
//!                        Keys ──no document, no usable key──▶ Done(Refreshed)    the ID token is kept back, unchecked
//! Token ──another key──▶ Done(Refreshed)              the same, if there are no keys to be asked for
//!       ──any ID token──▶ Done(Refreshed)             the same, if nothing says how to check one
//! ```
//! The refresh token is sent once, whatever happens: a provider that rotates refresh tokens takes a second use for
//! theft. The new refresh token must then not be lost. So if the keys cannot be fetched, the flow still ends with the
//! new tokens. A response or an ID token that is wrong ends it with an error, and the error has the new refresh token
//! ([`NewTokens`]).

mod outcome;
mod request;

pub use outcome::RefreshOutcome;
pub use request::RefreshRequest;

use super::salvaged::Salvaged;
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, is_thumbprint},
        contract::{Call, ConfigError, Endpoint, Error, Flow, NewTokens, Response, Step},
        exchange::{Aim, Ask, Check, Checked, Checking, Demands, Learned, Post, Posting, Presented},
        saved::{seal_as_json, text},
    },
    jose::KeySet,
    message::{Quirks, TokenResponse},
    token::{IdToken, VerificationError, is_sub},
};
use serde::{Deserialize, Serialize};
use std::{convert::Infallible, sync::Arc};

/// The version of the saved form of a [`PreviousLogin`].
const VERSION: u32 = 1;

/// The flow from a refresh token to new tokens. [`Client::refresh`] starts it.
///
/// ```
/// use oidc_proto::flow::PreviousLogin;
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let user = party.login()?;
/// let refresh_token = user.tokens.refresh_token.ok_or("no refresh token")?;
/// let previous = PreviousLogin::from(&user.id_token);
///
/// let call = party.client.refresh(&refresh_token, Some(previous), None, party.clock.moment())?;
/// let refreshed = drive(call, &mut party.provider, &mut party.clock)?;
///
/// // The refresh token to keep from now on. This provider rotates: the old one is worthless.
/// let keep = refreshed.tokens.refresh_token.ok_or("no refresh token")?;
/// assert!(refreshed.rotated && keep != refresh_token);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RefreshGrant;

/// The claims of a login that a refreshed ID token must repeat (OpenID Connect Core 1.0 section 12.2). Save it with the
/// refresh token. Its only secret is the nonce.
///
/// ```
/// use oidc_proto::flow::PreviousLogin;
/// use oidc_testkit::Party;
///
/// let user = Party::new().login()?; // a whole login, without a network
/// let saved = serde_json::to_string(&PreviousLogin::from(&user.id_token))?;
///
/// let previous: PreviousLogin = serde_json::from_str(&saved)?;
/// assert_eq!(previous.sub(), "alice");
/// previous.check(&user.id_token)?; // `Client::refresh` does this
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kept")]
pub struct PreviousLogin(Kept);

/// The saved form of a [`PreviousLogin`], before it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    iss: String,
    sub: String,
    aud: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    #[serde(default, with = "text::exposed_if_any", skip_serializing_if = "Option::is_none")]
    nonce: Option<Secret>,
    /// The thumbprint of the DPoP key to which the tokens of the login are bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
}

impl TryFrom<Kept> for PreviousLogin {
    type Error = &'static str;

    /// Accepts only values that an ID token can have.
    fn try_from(kept: Kept) -> Result<Self, &'static str> {
        if kept.version != VERSION {
            return Err("the saved login is of another version");
        }
        if kept.iss.is_empty() || !is_sub(&kept.sub) || kept.aud.is_empty() {
            return Err("the saved login is of nobody, or for nobody");
        }
        if !kept.jkt.as_deref().is_none_or(is_thumbprint) {
            return Err("the saved login has no proper thumbprint of a key");
        }
        Ok(Self(kept))
    }
}

seal_as_json!(PreviousLogin, "previous login");

impl From<&IdToken> for PreviousLogin {
    fn from(id_token: &IdToken) -> Self {
        Self(Kept {
            version: VERSION,
            iss: id_token.iss.clone(),
            sub: id_token.sub.clone(),
            aud: id_token.aud.clone(),
            azp: id_token.azp.clone(),
            auth_time: id_token.auth_time,
            nonce: id_token.nonce.clone().map(Secret::new),
            jkt: None,
        })
    }
}

impl PreviousLogin {
    /// Returns the `sub` of the user who logged in.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.0.sub
    }

    pub(in crate::flow) fn bound(mut self, jkt: Option<String>) -> Self {
        self.0.jkt = jkt;
        self
    }

    /// Returns the thumbprint of the DPoP key to which the tokens of the login are bound, if it is known.
    #[must_use]
    pub fn dpop_jkt(&self) -> Option<&str> {
        self.0.jkt.as_deref()
    }

    /// Compares a refreshed ID token with this login (section 12.2), claim by claim. The token need not have a nonce,
    /// but a nonce in it must be the same. An `auth_time` that was [set aside](IdToken::set_aside) counts as another one.
    /// [`Client::refresh`] makes this check if you give it this login.
    ///
    /// # Errors
    /// [`VerificationError::Changed`] names the claim that differs.
    pub fn check(&self, now: &IdToken) -> Result<(), VerificationError> {
        self.check_with(now, Quirks::default())
    }

    /// Compares a refreshed ID token with this login, except for the claims that these quirks name.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_with(&self, now: &IdToken, quirks: Quirks) -> Result<(), VerificationError> {
        let Self(then) = self;
        let same = |name, same: bool| if same { Ok(()) } else { Err(VerificationError::Changed(name)) };
        same("iss", now.iss == then.iss)?;
        same("sub", now.sub == then.sub)?;
        same("aud", then.aud.iter().all(|audience| now.aud.contains(audience)))?;
        same("azp", now.azp == then.azp || (quirks.refreshed_without_azp && now.azp.is_none()))?;
        // A time of another type is not an absent one: it was set aside, and cannot be that of the login.
        let odd = now.set_aside.iter().any(|odd| odd.claim == "auth_time");
        let repeated = !odd && now.auth_time.is_none_or(|now| then.auth_time == Some(now));
        same("auth_time", quirks.refreshed_auth_time_differs || then.auth_time.is_none() || repeated)?;
        let nonce = now.nonce.as_deref().is_none_or(|n| then.nonce.as_ref().is_some_and(|p| p.equals(n)));
        same("nonce", nonce)
    }
}

/// The new tokens. An ID token among them has been verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refreshed {
    /// The token response. Its `refresh_token` is the one to use next: the new one, or the old one again if the
    /// provider sent no new one.
    pub tokens: TokenResponse,
    /// Whether the provider sent a new refresh token, and not the same one again. Do not use the old one again: most providers refuse it from now on,
    /// and may end the whole session. Some keep it valid, so revoke it if nobody may use it any more.
    pub rotated: bool,
    /// The verified ID token, if the provider sent one.
    pub id_token: Option<IdToken>,
    /// Whether the provider sent an ID token that could not be checked and was left out. Either its keys could not be
    /// fetched, or its metadata names no `jwks_uri` or no algorithm.
    pub id_token_unchecked: bool,
    /// The keys that the flow fetched, for your cache.
    pub learned: Learned,
}

impl Refreshed {
    /// Compares the ID token, if there is one, with a login, except for the claims that these quirks name.
    /// [`Client::refresh`] makes this check if you give it the login. Use it for tokens that somebody else refreshed.
    ///
    /// # Errors
    /// [`VerificationError::Changed`] names the claim that differs. If the refresh token was replaced, the error is an
    /// [`Error::Refresh`], which has the new one.
    pub fn check(&self, previous: &PreviousLogin, quirks: Quirks) -> Result<(), Error> {
        let Some(id_token) = &self.id_token else { return Ok(()) };
        previous.check_with(id_token, quirks).map_err(|changed| self.not_believed(changed.into()))
    }

    /// Returns the error of a response that is not believed. It keeps the new refresh token.
    fn not_believed(&self, cause: Error) -> Error {
        let new = self.tokens.refresh_token.as_ref().filter(|_| self.rotated);
        not_believed(cause, new.cloned(), Some(self.tokens.access_token.clone()))
    }
}

fn not_believed(cause: Error, new: Option<Secret>, access_token: Option<Secret>) -> Error {
    let Some(refresh_token) = new else { return cause };
    let tokens = Box::new(NewTokens::new(refresh_token, access_token));
    Error::Refresh { cause: Box::new(cause), tokens }
}

impl Error {
    /// Returns the refresh token to keep from now on, if the provider replaced the old one and the refresh failed all
    /// the same.
    ///
    /// `None` also if the ID token names another user, issuer or client than at login: the tokens may be those of
    /// somebody else, and a session that went on with them would be theirs. End the session then.
    #[must_use]
    pub fn new_refresh_token(&self) -> Option<&Secret> {
        let Self::Refresh { cause, tokens } = self else { return None };
        (!cause.is_of_somebody_else()).then_some(&tokens.refresh_token)
    }

    /// Returns the error without the tokens of a refresh, or the client of a registration: the reason why a flow ended.
    #[must_use]
    pub fn cause(&self) -> &Self {
        if let Self::Refresh { cause, .. } | Self::Registration { cause, .. } = self {
            cause.cause()
        } else {
            self
        }
    }
}

/// A request is in flight.
pub struct Refreshing(pub(in crate::flow) RefreshingState);

pub(in crate::flow) enum RefreshingState {
    /// The request sends the refresh token.
    Token { post: Posting, context: Box<Context> },
    /// The request is for keys to verify the ID token.
    Keys { check: Box<Checking<Presented>>, previous: Option<Previous>, refreshed: Box<Refreshed> },
}

/// The login to compare with, and the claims that may differ.
type Previous = (PreviousLogin, Quirks);

/// The state to keep while the refresh token is sent.
pub struct Context {
    client: Client,
    keys: Option<Arc<KeySet>>,
    previous: Option<PreviousLogin>,
    used: Secret,
}

impl Client {
    /// Exchanges a refresh token for new tokens. If an ID token is among them, it is compared with `previous`. Pass
    /// `None` only for tokens that come from no login. `keys` are as in
    /// [`callback`](crate::flow::PendingAuthorization::callback).
    ///
    /// # Errors
    /// [`Error::Config`] if the metadata has no usable `token_endpoint`, or if `previous` belongs to another issuer,
    /// client or DPoP key. The flow ends with [`Error::Refresh`] if the provider has sent a new refresh token in a response that is
    /// not believed: keep the token of the error.
    pub fn refresh(
        &self,
        refresh_token: &Secret,
        previous: Option<PreviousLogin>,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<RefreshGrant>, Error> {
        Attempt::from(self).refresh(refresh_token, previous, keys, moment)
    }

    /// Exchanges a refresh token for new tokens, for a part of what was granted: some scopes, some resources, some rights.
    /// The rest is as in [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh); [`ConfigError::Parameter`] if a scope or a resource is none;
    /// [`Error::UnsupportedDetails`] if the provider does not list a type of the details. The provider refuses what was
    /// not granted with `invalid_scope`, `invalid_target` or `invalid_authorization_details`.
    pub fn refresh_with(
        &self,
        wanted: &RefreshRequest,
        previous: Option<PreviousLogin>,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<RefreshGrant>, Error> {
        Attempt::from(self).refresh_with(wanted, previous, keys, moment)
    }

    /// Checks that a login belongs to this client and provider. The refresh token of a public client is bound to the DPoP
    /// key of its login (RFC 9449 section 5), so this client must have the same key. A client that authenticates may
    /// refresh with a new key, but not without one: the new access token would be bound to nothing.
    /// [`refresh`](Self::refresh) makes this check, too.
    ///
    /// # Errors
    /// [`ConfigError::SavedState`] if the login belongs to another client or provider; [`ConfigError::OtherDpopKey`] if it
    /// is bound to a DPoP key and this client has none, or is a public client with another one.
    pub fn check_previous(&self, previous: &PreviousLogin) -> Result<(), ConfigError> {
        let for_us = previous.0.aud.iter().any(|audience| audience == self.client_id());
        let ours = for_us && self.inner().verifier.issuer.admits(&previous.0.iss);
        if !ours {
            return Err(ConfigError::SavedState);
        }
        self.check_key_of_session(previous.dpop_jkt())
    }
}

impl Attempt {
    /// Exchanges a refresh token for new tokens.
    ///
    /// # Errors
    /// As [`Client::refresh`].
    pub fn refresh(
        self,
        refresh_token: &Secret,
        previous: Option<PreviousLogin>,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<RefreshGrant>, Error> {
        self.refresh_with(&RefreshRequest::new(refresh_token.clone()), previous, keys, moment)
    }

    /// Exchanges a refresh token for new tokens, for a part of what was granted.
    ///
    /// # Errors
    /// As [`Client::refresh_with`].
    pub fn refresh_with(
        self,
        wanted: &RefreshRequest,
        previous: Option<PreviousLogin>,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<RefreshGrant>, Error> {
        let client = self.client.clone();
        previous.iter().try_for_each(|previous| client.check_previous(previous))?;
        let aim = Aim::new(&wanted.resources, &wanted.authorization_details);
        let context = Box::new(Context { client, keys, previous, used: wanted.refresh_token.clone() });
        let ask = Ask::new(self, Endpoint::Token, wanted.form()?).aiming(aim)?;
        let call = ask.once::<TokenResponse>(moment)?;
        Ok(call.map(|post| Refreshing(RefreshingState::Token { post, context })))
    }
}

fn granted(mut tokens: TokenResponse, context: Context, now: Timestamp) -> Result<Step<RefreshGrant>, Error> {
    let Context { client, keys, previous, used } = context;
    let rotated = tokens.refresh_token.as_ref().is_some_and(|new| *new != used);
    tokens.refresh_token.get_or_insert(used);
    let (id_token, access_token) = (tokens.id_token.clone(), Some(tokens.access_token.clone()));
    let refreshed =
        Refreshed { tokens, rotated, id_token: None, id_token_unchecked: false, learned: Learned::default() };
    let Some(id_token) = id_token else { return Ok(Step::Done(refreshed)) };
    if client.inner().verifier.algorithms.set().is_empty() {
        return Ok(Step::Done(unchecked(refreshed)));
    }
    let previous = previous.map(|previous| (previous, client.quirks()));
    let signed = Presented { id_token, access_token, demands: Demands::default() };
    match Check::start(signed, client, keys.as_deref(), Learned::default(), now) {
        Err(Error::Config(_)) => Ok(Step::Done(unchecked(refreshed))),
        Err(cause) => Err(refreshed.not_believed(cause)),
        Ok(step) => checking(step, previous, Box::new(refreshed)),
    }
}

fn checking(
    step: Step<Check<Presented>>,
    previous: Option<Previous>,
    refreshed: Box<Refreshed>,
) -> Result<Step<RefreshGrant>, Error> {
    step.within(
        (previous, refreshed),
        |check, (previous, refreshed)| {
            Refreshing(RefreshingState::Keys { check: Box::new(check), previous, refreshed })
        },
        |never, _| never,
        |checked, (previous, mut refreshed)| {
            let Checked { good: id_token, learned } = checked;
            refreshed.id_token = Some(id_token);
            refreshed.learned = learned;
            previous.iter().try_for_each(|(previous, quirks)| refreshed.check(previous, *quirks))?;
            Ok(Step::Done(*refreshed))
        },
    )
}

/// Leaves out an ID token that cannot be checked. The other tokens must not be lost: the old refresh token may no
/// longer work.
fn unchecked(mut refreshed: Refreshed) -> Refreshed {
    refreshed.id_token_unchecked = true;
    refreshed.tokens.id_token = None;
    refreshed
}

impl Flow for RefreshGrant {
    type Awaiting = Refreshing;
    type Paused = Infallible;
    type Output = Refreshed;

    fn on_response(state: Refreshing, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let now = moment.now();
        match state {
            Refreshing(RefreshingState::Token { post, context }) => {
                let used = context.used.clone();
                let step = Post::on_response(post, response, moment).map_err(|cause| {
                    let granted = response.status().is_success();
                    let body: &[u8] = if granted { response.body() } else { b"" };
                    let Salvaged { refresh_token, access_token } = Salvaged::of(body);
                    not_believed(cause, refresh_token.filter(|new| *new != used), access_token)
                });
                step?.within(
                    context,
                    |post, context| Refreshing(RefreshingState::Token { post, context }),
                    |never, _| never,
                    |tokens, context| granted(tokens, *context, now),
                )
            }
            Refreshing(RefreshingState::Keys { check, previous, refreshed }) => {
                match Check::on_response(*check, response, moment) {
                    Err(Error::Token(rejected)) => Err(refreshed.not_believed(rejected.into())),
                    Err(_) => Ok(Step::Done(unchecked(*refreshed))),
                    Ok(step) => checking(step, previous, refreshed),
                }
            }
        }
    }

    fn on_refused(state: Refreshing, error: Error, _: Moment) -> Result<Step<Self>, Error> {
        match state {
            Refreshing(RefreshingState::Token { .. }) => Err(error),
            Refreshing(RefreshingState::Keys { refreshed, .. }) => Ok(Step::Done(unchecked(*refreshed))),
        }
    }

    fn on_failure(state: Refreshing, _: Moment) -> Result<Option<Step<Self>>, Error> {
        Ok(match state {
            Refreshing(RefreshingState::Token { .. }) => None,
            Refreshing(RefreshingState::Keys { refreshed, .. }) => Some(Step::Done(unchecked(*refreshed))),
        })
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
