//! The device grant (RFC 8628 section 3.4): a device asks for tokens until its user has decided.
//!
//! ```text
//! Wait ──▶ Token
//! Token ──vouched for, no ID token──▶ Done(DeviceTokens)
//!       ──another key──▶ Keys ──keys──▶ Done(DeviceTokens)
//!       ──authorization_pending──▶ Wait               the same interval
//!       ──slow_down──▶ Wait                           5 s more from now on
//!       ──429, 5xx, lost──▶ Wait                      twice the interval
//! ```
//! It never waits past `expires_at`: then it ends with an error.
//!
//! The last question is asked in the last second in which it can arrive: if an interval would leave no room for
//! another one, it becomes longer. A user who decides late is heard, and no interval becomes shorter.
//!
//! At rest it can be saved, and go on by another node.

use super::device::{DeviceAuthorization, Grant, INTERVAL, LIFETIME_CAP};
use crate::{
    base::{
        moment::{Moment, Timestamp, whole_seconds},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, Form},
        contract::{
            Call, ConfigError, Endpoint, Error, Flow, Pause, Response, ResponseError, ResponseRule, Step,
        },
        exchange::{
            Ask, Check, Checked, Checking, Demands, Learned, Post, Posting, Presented, RETRY_AFTER_CAP,
            seconds,
        },
    },
    jose::KeySet,
    message::TokenResponse,
    sender::dpop_nonce,
    token::IdToken,
};
use http::StatusCode;
use std::{sync::Arc, time::Duration};

/// The longest that a question takes, in seconds: the timeout of an exchange.
const LONGEST: i64 = 10;

/// The flow from a device code to tokens: it waits, and asks again, until the user has decided.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceGrant;

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
    Keys { check: Box<Checking<Presented>>, tokens: Box<TokenResponse> },
}

/// Nothing is in flight, until it is time to ask.
pub struct Waiting {
    client: Client,
    keys: Option<Arc<KeySet>>,
    grant: Grant,
    /// When it has asked last.
    asked: Timestamp,
}

impl DeviceAuthorization {
    /// Asks for the tokens until the user has decided. `keys` are as in
    /// [`callback`](crate::flow::PendingAuthorization::callback). Where this has been saved meanwhile, its times
    /// are held to `now`: no wait is longer than a provider may ask for, and the end is no further off than
    /// [`DEVICE_LIFETIME_CAP`](super::DEVICE_LIFETIME_CAP).
    ///
    /// # Errors
    /// [`ConfigError::SavedState`] if this belongs to another client or provider.
    pub fn poll(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Pause<DeviceGrant>, Error> {
        // Nobody is there to sign when the flow wakes: such a client polls by attempts.
        if client.prover().is_some_and(|prover| prover.key().is_none()) {
            return Err(ConfigError::NoProof.into());
        }
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

impl Attempt {
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
        device.waiting(&self.client, keys, moment.now())?.ask(self, moment)
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
        let wait = self.grant.interval.max(seconds(asked).min(whole_seconds(RETRY_AFTER_CAP)));
        let took = now.0.saturating_sub(self.asked.0).clamp(0, LONGEST);
        self.grant.ask_from(now.plus(wait), took);
        let next = self.grant.next;
        (next < self.grant.expires_at).then(|| Pause::new(next, self).into())
    }

    /// Section 3.5: who gets no answer asks half as often.
    fn back_off(mut self, asked: Option<Duration>, now: Timestamp) -> Option<Step<DeviceGrant>> {
        self.grant.interval = (self.grant.interval * 2).min(LIFETIME_CAP);
        self.later(asked, now)
    }

    fn granted(self, tokens: TokenResponse, now: Timestamp) -> Result<Step<DeviceGrant>, Error> {
        let Some(id_token) = tokens.id_token.clone() else {
            if self.grant.openid {
                let rule = ResponseRule::Missing("id_token");
                return Err(ResponseError::new(Endpoint::Token, StatusCode::OK, rule).into());
            }
            let learned = Learned::default();
            return Ok(Step::Done(DeviceTokens { tokens, id_token: None, learned }));
        };
        let access_token = Some(tokens.access_token.clone());
        let Self { client, keys, .. } = self;
        let signed = Presented { id_token, access_token, demands: Demands::default() };
        let step = Check::start(signed, client, keys.as_deref(), Learned::default(), now)?;
        checking(step, Box::new(tokens))
    }
}

fn checking(step: Step<Check<Presented>>, tokens: Box<TokenResponse>) -> Result<Step<DeviceGrant>, Error> {
    step.within(
        tokens,
        |check, tokens| Polling::Keys { check: Box::new(check), tokens },
        |never, _| match never {},
        |Checked { good: id_token, learned }, tokens| {
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
                    waiting.client = waiting.client.with_dpop_nonce(Endpoint::Token, nonce);
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
                                    (waiting.grant.interval + INTERVAL).min(LIFETIME_CAP);
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
