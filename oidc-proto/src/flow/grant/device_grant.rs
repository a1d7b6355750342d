//! The device grant (RFC 8628 section 3.4): a device asks for tokens until its user has agreed or refused.
//!
//! ```text
//! Wait ──▶ Token
//! Token ──vouched for, no ID token──▶ Done(DeviceTokens)
//!       ──another key──▶ Keys ──keys──▶ Done(DeviceTokens)
//!       ──authorization_pending──▶ Wait               the same interval
//!       ──slow_down──▶ Wait                           5 s more from now on
//!       ──429, 5xx, lost──▶ Wait                      twice the interval
//! ```
//! It never waits past `expires_at`: it ends with an error then.
//!
//! The last request is sent in the last second in which it can arrive. If there is no time for another request after
//! the next one, the wait becomes longer. So a user who decides late still gets in, and no interval becomes shorter.
//!
//! At rest the flow can be saved, and another node can go on with it.

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
            Aim, Ask, Check, Checked, Checking, Demands, Learned, Post, Posting, Presented, RETRY_AFTER_CAP,
            seconds,
        },
    },
    jose::KeySet,
    message::{AuthorizationDetails, TokenResponse},
    sender::dpop_nonce,
    token::IdToken,
};
use http::StatusCode;
use std::{sync::Arc, time::Duration};

/// The longest time of a request, in seconds: the timeout of an exchange.
const LONGEST: i64 = 10;

/// The flow from a device code to tokens. It waits and asks again until the user has decided.
/// [`DeviceAuthorization::poll`] starts it.
///
/// ```
/// use oidc_proto::{Timestamp, UrlPolicy, flow::{Client, Discovery}};
/// use oidc_testkit::{Clock, DEVICE_GRANT, Registration, Seed, TestProvider, drive};
///
/// let mut provider = TestProvider::new("https://op.example"); // a provider without a network
/// provider.register(Registration::public("my-tv").grant_type(DEVICE_GRANT));
/// let mut clock = Clock::new(Timestamp(1_800_000_000), Seed::new(1));
/// let discovery = Discovery::start("https://op.example", &UrlPolicy::default())?;
/// let client = Client::builder(drive(discovery, &mut provider, &mut clock)?, "my-tv").build()?;
///
/// let codes = client.device_authorization(["openid"], clock.moment())?;
/// let device = drive(codes, &mut provider, &mut clock)?;
/// let shown = format!("Go to {} and enter {}.", device.verification_uri(), device.user_code());
/// # assert!(shown.contains("https://op.example/"));
///
/// provider.enter_user_code(device.user_code(), true); // the user agrees
/// let pause = device.poll(&client, None, clock.now())?; // waits first: there is an interval
/// let tokens = drive(pause, &mut provider, &mut clock)?;
/// assert_eq!(tokens.id_token.ok_or("no ID token")?.sub, "alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceGrant;

/// The tokens of a device. With the scope `openid`, there is an ID token, and it has been verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceTokens {
    /// The token response.
    pub tokens: TokenResponse,
    /// The verified ID token.
    pub id_token: Option<IdToken>,
    /// The keys that the flow fetched, for your cache.
    pub learned: Learned,
}

/// A request is in flight.
pub struct Polling(pub(in crate::flow) PollingState);

pub(in crate::flow) enum PollingState {
    /// The request sends the device code.
    Token { post: Posting, waiting: Box<Waiting> },
    /// The request is for keys to verify the ID token.
    Keys { check: Box<Checking<Presented>>, tokens: Box<TokenResponse> },
}

/// Nothing is in flight until the time of the next request.
pub struct Waiting {
    client: Client,
    keys: Option<Arc<KeySet>>,
    grant: Grant,
    /// The time of the last request.
    asked: Timestamp,
}

impl DeviceAuthorization {
    /// Starts to ask for the tokens, until the user has decided. `keys` are as in
    /// [`callback`](crate::flow::PendingAuthorization::callback). The times of a saved value are limited by `now`: no
    /// wait is longer than a provider may ask for, and the codes expire [`DEVICE_LIFETIME_CAP`] after `now` at the
    /// latest.
    ///
    /// [`DEVICE_LIFETIME_CAP`]: super::DEVICE_LIFETIME_CAP
    ///
    /// # Errors
    /// [`ConfigError::SavedState`] if the codes belong to another client or provider; [`ConfigError::NoEndpoint`] if
    /// the metadata has no usable `token_endpoint`; [`ConfigError::NoProof`] if the client's DPoP key is elsewhere.
    pub fn poll(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Pause<DeviceGrant>, Error> {
        // The flow wakes where nobody can sign its proof, so such a client polls by attempts.
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
    /// Asks once for the tokens of a device, now. If its user has not decided yet, the flow rests, and the next attempt
    /// takes the value that [`save`](Pause::save) returns.
    ///
    /// # Errors
    /// As [`DeviceAuthorization::poll`], and [`Error::DeviceCodeExpired`] if the codes have expired.
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
    /// Returns the grant in its present state, to save it.
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
        // The provider knows the user code, too: no error may repeat it.
        let asked = &self.grant.authorization_details;
        let aim = Aim::new(&self.grant.resources, &AuthorizationDetails::default()).or_expecting(asked);
        let ask = Ask::new(attempt, Endpoint::Token, form).aiming(aim)?;
        let call = ask.bound([Secret::new(&self.grant.user_code)]).once::<TokenResponse>(moment)?;
        Ok(call.map(|post| Polling(PollingState::Token { post, waiting: Box::new(self) })))
    }

    /// Waits for the interval, or longer if the provider asks for it, within limits. `None` means that no time is left.
    /// A clock that was set back gives no more time: no more can be left than was left at the time of this request.
    fn later(mut self, asked: Option<Duration>, now: Timestamp) -> Option<Step<DeviceGrant>> {
        self.give_no_more_time(now);
        self.ask_after(asked, now)
    }

    fn give_no_more_time(&mut self, now: Timestamp) {
        let left = self.grant.expires_at.0.saturating_sub(self.grant.next.0);
        self.grant.expires_at = self.grant.expires_at.min(now.plus(left));
    }

    /// Returns the time that the last request took to arrive, in seconds.
    fn took(&self, now: Timestamp) -> i64 {
        now.0.saturating_sub(self.asked.0).clamp(0, LONGEST)
    }

    fn ask_after(mut self, asked: Option<Duration>, now: Timestamp) -> Option<Step<DeviceGrant>> {
        let wait = self.grant.interval.max(seconds(asked).min(whole_seconds(RETRY_AFTER_CAP)));
        self.grant.ask_from(now.plus(wait), self.took(now));
        let next = self.grant.next;
        (next < self.grant.expires_at).then(|| Pause::new(next, self).into())
    }

    /// Waits twice as long from now on: after a failure, a device asks half as often (section 3.5). If the codes would
    /// have expired by then, it waits at least as long as before, and asks once more at the end.
    fn back_off(mut self, asked: Option<Duration>, now: Timestamp) -> Option<Step<DeviceGrant>> {
        self.give_no_more_time(now);
        let before = self.grant.interval;
        let left = self.grant.expires_at.plus(-1 - self.took(now)).0.saturating_sub(now.0);
        self.grant.interval = (before * 2).min(LIFETIME_CAP).min(left.max(before));
        self.ask_after(asked, now)
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
        |check, tokens| Polling(PollingState::Keys { check: Box::new(check), tokens }),
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
            Polling(PollingState::Token { post, mut waiting }) => {
                if let Some(nonce) = dpop_nonce(response.headers()) {
                    waiting.client = waiting.client.with_dpop_nonce(Endpoint::Token, nonce);
                }
                match Post::<TokenResponse>::on_response(post, response, moment) {
                    Ok(Step::Done(tokens)) => waiting.granted(tokens, now),
                    Ok(Step::Send(call)) => {
                        Ok(call.map(|post| Polling(PollingState::Token { post, waiting })).into())
                    }
                    Ok(Step::Wait(pause)) => Ok(pause.map(|never| match never {}).into()),
                    Err(Error::OAuth(refused)) => {
                        match refused.response.error.as_str() {
                            // A server that fails has not decided, whatever its body says.
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
            Polling(PollingState::Keys { check, tokens }) => {
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
            Polling(PollingState::Token { waiting, .. }) => waiting.back_off(None, moment.now()),
            Polling(PollingState::Keys { .. }) => None,
        })
    }
}
