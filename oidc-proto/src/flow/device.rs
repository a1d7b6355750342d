//! The device authorization grant (RFC 8628): a device without a browser shows a code, and asks until its
//! user has entered it elsewhere.
//!
//! ```text
//! DeviceAuthorizationRequest   Posting ──2xx──▶ Done(DeviceAuthorization)
//!
//! DeviceGrant   Wait ─▶ Token ──granted──▶ Keys? ──▶ Done(DeviceTokens)
//!                ▲        ├─authorization_pending─▶ the same interval ─┐
//!                │        ├─slow_down─────────────▶ 5 s more from now on│
//!                │        ├─lost, 5xx─────────────▶ twice the interval  │
//!                └────────┴────────────────────────────────────────────┘   never past `expires_at`: then Err
//! ```
//! The last question is asked in the last second in which it can arrive: if an interval would leave no room for
//! another one, it becomes longer. A user who decides late is heard, and no interval becomes shorter.
//!
//! At rest it can be saved, and go on by another node.

use super::{
    Attempt, Call, Client, ConfigError, Endpoint, Error, Flow, Learned, Pause, Response, ResponseError, Rule,
    Seal, Step, Then,
    check::{Check, Checked, Checking, Demands},
    post::{Answer, Ask, Body, Form, Post, Posting, RETRY_AFTER_CAP, seconds},
    saved,
    sealed::private::Sealed,
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::{Secret, exposed},
    },
    jose::KeySet,
    message::{DeviceAuthorizationResponse, TokenResponse},
    sender::dpop_nonce,
    token::IdToken,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};
use url::Url;

/// How long, in seconds, a user may take at most, whatever a provider allows.
pub const DEVICE_LIFETIME_CAP: i64 = 3_600;

/// The interval, in seconds, if the provider names none (section 3.2), and what `slow_down` adds to it
/// (section 3.5).
const INTERVAL: i64 = 5;

/// The longest that a question takes, in seconds: the timeout of an exchange.
const LONGEST: i64 = 10;

/// The version of the saved form.
const VERSION: u32 = 1;

/// The flow from a client to a code for its user.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceAuthorizationRequest;

/// The flow from a device code to tokens: it waits, and asks again, until the user has decided.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceGrant;

/// What to show to the user, and what to ask for tokens with. Save it as it is, here or as it comes out of
/// a [pause](Pause::save); it holds the device code, so keep it from others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Grant")]
pub struct DeviceAuthorization(Grant);

/// It, before it has been checked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    version: u32,
    issuer: String,
    client_id: String,
    #[serde(with = "exposed")]
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verification_uri_complete: Option<String>,
    openid: bool,
    interval: i64,
    /// When to ask next.
    next: Timestamp,
    expires_at: Timestamp,
}

impl Grant {
    /// Asks at this time or later: as late as it makes sense, if there would be no other time after this
    /// one. A question takes so many seconds to be heard.
    fn ask_from(&mut self, time: Timestamp, took: i64) {
        let last = self.expires_at.plus(-1 - took);
        let is_last = time.plus(self.interval) > last;
        self.next = if is_last { time.max(last) } else { time };
    }

    /// Holds a saved grant to the clock of the node that goes on with it: it may come from a node whose
    /// clock was ahead, or from somebody else. No wait is longer than one that this flow would have asked
    /// for, and no user has more time than a provider may give.
    fn held_to(mut self, now: Timestamp) -> Self {
        let left = self.expires_at.0.saturating_sub(self.next.0);
        let wait = self.interval.saturating_add(self.interval.max(RETRY_AFTER_CAP));
        self.next = self.next.min(now.plus(wait.min(DEVICE_LIFETIME_CAP)));
        let over = self.next.max(now).plus(left).min(now.plus(DEVICE_LIFETIME_CAP));
        self.expires_at = self.expires_at.min(over);
        self
    }
}

impl TryFrom<Grant> for DeviceAuthorization {
    type Error = &'static str;

    fn try_from(grant: Grant) -> Result<Self, &'static str> {
        if grant.version != VERSION {
            return Err("the saved grant is of another version");
        }
        let texts = [&grant.issuer, &grant.client_id, &grant.user_code, &grant.verification_uri];
        let uris = [Some(grant.verification_uri.as_str()), grant.verification_uri_complete.as_deref()];
        if !saved::is_list(&texts)
            || !saved::is_text(grant.device_code.expose())
            || !uris.into_iter().flatten().all(is_shown)
        {
            return Err("the saved grant has a text that is empty, too long or not what it should be");
        }
        let life = grant.expires_at.0.saturating_sub(grant.next.0);
        if !(1..=DEVICE_LIFETIME_CAP).contains(&grant.interval) || !(0..=DEVICE_LIFETIME_CAP).contains(&life)
        {
            return Err("the saved grant has times that no grant has");
        }
        Ok(Self(grant))
    }
}

impl Seal for DeviceAuthorization {}

impl Sealed for DeviceAuthorization {
    const KIND: &'static str = "device authorization";
    fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Neither the device code nor what the user is to enter.
impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorization")
            .field("issuer", &self.0.issuer)
            .field("client_id", &self.0.client_id)
            .field("interval", &self.0.interval)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}

/// The tokens of a device. If `openid` was among the scopes, the ID token is there and has been verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceTokens {
    /// The tokens.
    pub tokens: TokenResponse,
    /// The verified ID token.
    pub id_token: Option<IdToken>,
    /// What the flow learned on its way, for your caches.
    pub learned: Learned,
}

/// A request is in flight.
pub enum Polling {
    /// The device code is on its way.
    Token { post: Posting, waiting: Box<Waiting> },
    /// The keys are on their way.
    Keys { check: Box<Checking>, tokens: Box<TokenResponse> },
}

/// Nothing is in flight, until it is time to ask.
pub struct Waiting {
    client: Client,
    keys: Option<Arc<KeySet>>,
    grant: Grant,
    /// When it has asked last.
    asked: Timestamp,
}

impl Client {
    /// Asks for a code that the user of a device can enter elsewhere (RFC 8628 section 3.1). With `openid`
    /// among the scopes, the user is logged in, and the ID token verified.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `device_authorization_endpoint`;
    /// [`ConfigError::Parameter`] if a scope is none.
    pub fn device_authorization<S: Into<String>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
        moment: Moment,
    ) -> Result<Call<DeviceAuthorizationRequest>, Error> {
        Attempt::from(self).device_authorization(scopes, moment)
    }
}

impl Attempt {
    /// Asks for a code that the user of a device can enter elsewhere.
    ///
    /// # Errors
    /// As [`Client::device_authorization`].
    pub fn device_authorization<S: Into<String>>(
        self,
        scopes: impl IntoIterator<Item = S>,
        moment: Moment,
    ) -> Result<Call<DeviceAuthorizationRequest>, Error> {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        // RFC 6749 section 3.3.
        let is_scope = |scope: &String| {
            let allowed = |byte: u8| (0x21..=0x7e).contains(&byte) && !b"\"\\".contains(&byte);
            !scope.is_empty() && scope.bytes().all(allowed)
        };
        if !scopes.iter().all(is_scope) {
            return Err(ConfigError::Parameter("scope").into());
        }
        let mut form: Form = Vec::new();
        if !scopes.is_empty() {
            form.push(("scope".into(), Secret::new(scopes.join(" "))));
        }
        let openid = scopes.iter().any(|scope| scope == "openid");
        let client = self.client.clone();
        let call = Ask::new(self, Endpoint::DeviceAuthorization, form).once(moment)?;
        Ok(call.carrying((client, openid)))
    }

    /// Asks once for the tokens of a device, now: its user may have decided. If not, the flow rests, and
    /// [`save`](Pause::save) is what the next attempt takes.
    ///
    /// # Errors
    /// As [`DeviceAuthorization::poll`], and [`Error::DeviceCodeExpired`].
    pub fn poll(
        self,
        device: DeviceAuthorization,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<DeviceGrant>, Error> {
        let Self { client, assertion } = self;
        device.waiting(&client, keys, moment.now())?.ask(Self { client, assertion }, moment)
    }
}

impl Answer for DeviceAuthorizationResponse {
    const MEMBER: Option<&'static str> = Some("device_code");

    fn read(body: Body, _: &Client, _: Timestamp) -> Result<Self, Rule> {
        Self::from_members(body.members()?)?.map_err(Rule::Missing)
    }
}

impl Then for DeviceAuthorizationRequest {
    type First = Post<DeviceAuthorizationResponse>;
    /// The client, and whether it asked for `openid`.
    type Carried = (Client, bool);
    type Output = DeviceAuthorization;

    fn then(
        response: DeviceAuthorizationResponse,
        (client, openid): (Client, bool),
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        let read = DeviceAuthorization::new(response, &client, openid, moment.now());
        let broken = |rule| ResponseError::new(Endpoint::DeviceAuthorization, StatusCode::OK, rule);
        Ok(Step::Done(read.map_err(broken)?))
    }
}

/// A URI that a user can be sent to: whole, and nothing that could run or break out of a line.
fn is_shown(uri: &str) -> bool {
    let url = Url::parse(uri);
    saved::is_text(uri) && url.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

impl DeviceAuthorization {
    /// RFC 8628 section 3.2.
    fn new(
        response: DeviceAuthorizationResponse,
        client: &Client,
        openid: bool,
        now: Timestamp,
    ) -> Result<Self, Rule> {
        let DeviceAuthorizationResponse {
            device_code,
            user_code,
            verification_uri,
            verification_uri_complete,
            expires_in,
            interval,
            extra: _,
        } = response;
        if expires_in < 1 {
            return Err(Rule::Value("expires_in"));
        }
        let expires_in = expires_in.min(DEVICE_LIFETIME_CAP);
        // Zero is what some providers say for "as often as you like".
        let interval = interval.unwrap_or(INTERVAL).clamp(1, DEVICE_LIFETIME_CAP);
        if !saved::is_text(device_code.expose()) {
            return Err(Rule::Value("device_code"));
        }
        if !saved::is_text(&user_code) {
            return Err(Rule::Value("user_code"));
        }
        if !is_shown(&verification_uri) {
            return Err(Rule::Value("verification_uri"));
        }
        let mut grant = Grant {
            version: VERSION,
            issuer: client.metadata().issuer.clone(),
            client_id: client.client_id().to_owned(),
            device_code,
            user_code,
            verification_uri,
            // A convenience: one that cannot be shown is as good as none.
            verification_uri_complete: verification_uri_complete.filter(|uri| is_shown(uri)),
            openid,
            interval,
            next: now,
            expires_at: now.plus(expires_in),
        };
        // There is time for one question, whatever the interval from one to the next.
        grant.ask_from(now.plus(interval.min(expires_in - 1).max(1)), 0);
        Ok(Self(grant))
    }

    /// What the user is to enter.
    #[must_use]
    pub fn user_code(&self) -> &str {
        &self.0.user_code
    }

    /// Where the user is to enter it.
    #[must_use]
    pub fn verification_uri(&self) -> &str {
        &self.0.verification_uri
    }

    /// Where the user need enter nothing: for a QR code. Show the code all the same, so that the user can
    /// compare it (section 3.3.1).
    #[must_use]
    pub fn verification_uri_complete(&self) -> Option<&str> {
        self.0.verification_uri_complete.as_deref()
    }

    /// Until when the user must have done it.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// Asks for the tokens until the user has decided. `keys` are as in
    /// [`callback`](super::PendingAuthorization::callback). Where this has been saved meanwhile, its times
    /// are held to `now`: no wait is longer than a provider may ask for, and the end is no further off than
    /// [`DEVICE_LIFETIME_CAP`].
    ///
    /// # Errors
    /// [`ConfigError::SavedState`] if this belongs to another client or provider.
    pub fn poll(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Pause<DeviceGrant>, Error> {
        let waiting = self.waiting(client, keys, now)?;
        Ok(Pause::new(waiting.grant.next, waiting))
    }

    fn waiting(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Waiting, ConfigError> {
        let Self(grant) = self;
        if grant.issuer != client.metadata().issuer || grant.client_id != client.client_id() {
            return Err(ConfigError::SavedState);
        }
        client.endpoint(Endpoint::Token)?;
        Ok(Waiting { client: client.clone(), keys, grant: grant.held_to(now), asked: now })
    }
}

impl Pause<DeviceGrant> {
    /// The grant as it rests, to be saved.
    #[must_use]
    pub fn save(&self) -> DeviceAuthorization {
        DeviceAuthorization(self.state().grant.clone())
    }
}

impl Waiting {
    fn ask(mut self, attempt: Attempt, moment: Moment) -> Result<Call<DeviceGrant>, Error> {
        self.asked = moment.now();
        if moment.now() >= self.grant.expires_at {
            return Err(Error::DeviceCodeExpired);
        }
        let form: Form = vec![
            ("grant_type".into(), "urn:ietf:params:oauth:grant-type:device_code".into()),
            ("device_code".into(), self.grant.device_code.clone()),
        ];
        // The provider knows the user's code, too, and must not make an error tell it.
        let ask = Ask::new(attempt, Endpoint::Token, form);
        let call = ask.bound([Secret::new(&self.grant.user_code)]).once::<TokenResponse>(moment)?;
        Ok(call.map(|post| Polling::Token { post, waiting: Box::new(self) }))
    }

    /// Waits for the interval, or for longer if the provider says so; but not for ever. A clock that was set
    /// back gives no more time: what was left when it was time to ask is the most that can be left now.
    fn later(mut self, asked: Option<Duration>, now: Timestamp) -> Option<Step<DeviceGrant>> {
        let left = self.grant.expires_at.0.saturating_sub(self.grant.next.0);
        self.grant.expires_at = self.grant.expires_at.min(now.plus(left));
        let wait = self.grant.interval.max(seconds(asked).min(RETRY_AFTER_CAP));
        let took = now.0.saturating_sub(self.asked.0).clamp(0, LONGEST);
        self.grant.ask_from(now.plus(wait), took);
        let next = self.grant.next;
        (next < self.grant.expires_at).then(|| Pause::new(next, self).into())
    }

    /// Section 3.5: who gets no answer asks half as often.
    fn back_off(mut self, asked: Option<Duration>, now: Timestamp) -> Option<Step<DeviceGrant>> {
        self.grant.interval = (self.grant.interval * 2).min(DEVICE_LIFETIME_CAP);
        self.later(asked, now)
    }

    fn granted(self, tokens: TokenResponse, now: Timestamp) -> Result<Step<DeviceGrant>, Error> {
        let Some(id_token) = tokens.id_token.clone() else {
            if self.grant.openid {
                let rule = Rule::Missing("id_token");
                return Err(ResponseError::new(Endpoint::Token, StatusCode::OK, rule).into());
            }
            let learned = Learned::default();
            return Ok(Step::Done(DeviceTokens { tokens, id_token: None, learned }));
        };
        let access_token = Some(tokens.access_token.clone());
        let Self { client, keys, .. } = self;
        let step = Check::start(client, keys.as_deref(), Demands::default(), id_token, access_token, now)?;
        checking(step, Box::new(tokens))
    }
}

fn checking(step: Step<Check>, tokens: Box<TokenResponse>) -> Result<Step<DeviceGrant>, Error> {
    step.within(
        tokens,
        |check, tokens| Polling::Keys { check: Box::new(check), tokens },
        |never, _| match never {},
        |Checked { id_token, learned }, tokens| {
            Ok(Step::Done(DeviceTokens { tokens: *tokens, id_token: Some(id_token), learned }))
        },
    )
}

impl Flow for DeviceGrant {
    type Awaiting = Polling;
    type Paused = Waiting;
    type Output = DeviceTokens;

    fn on_response(state: Polling, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let now = moment.now();
        match state {
            Polling::Token { post, mut waiting } => {
                if let Some(nonce) = dpop_nonce(response.headers()) {
                    waiting.client = waiting.client.with_dpop_nonce(nonce);
                }
                match Post::<TokenResponse>::on_response(post, response, moment) {
                    Ok(Step::Done(tokens)) => waiting.granted(tokens, now),
                    Ok(Step::Send(call)) => Ok(call.map(|post| Polling::Token { post, waiting }).into()),
                    Ok(Step::Wait(pause)) => Ok(pause.map(|never| match never {}).into()),
                    Err(Error::OAuth(refused)) => {
                        match refused.response.error.as_str() {
                            // A server that fails has not decided, whatever it writes.
                            _ if refused.status >= 500 => {
                                return waiting.back_off(None, now).ok_or(Error::OAuth(refused));
                            }
                            "authorization_pending" => {}
                            "slow_down" => {
                                waiting.grant.interval =
                                    (waiting.grant.interval + INTERVAL).min(DEVICE_LIFETIME_CAP);
                            }
                            _ => return Err(Error::OAuth(refused)),
                        }
                        waiting.later(None, now).ok_or(Error::DeviceCodeExpired)
                    }
                    Err(Error::Unavailable(busy)) => {
                        waiting.back_off(busy.retry_after(), now).ok_or(Error::Unavailable(busy))
                    }
                    Err(error) => Err(error),
                }
            }
            Polling::Keys { check, tokens } => {
                checking(Check::on_response(*check, response, moment)?, tokens)
            }
        }
    }

    fn on_wake(waiting: Waiting, moment: Moment) -> Result<Step<Self>, Error> {
        let attempt = Attempt::from(&waiting.client);
        Ok(waiting.ask(attempt, moment)?.into())
    }

    fn on_failure(state: Polling, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        Ok(match state {
            Polling::Token { waiting, .. } => waiting.back_off(None, moment.now()),
            Polling::Keys { .. } => None,
        })
    }
}
