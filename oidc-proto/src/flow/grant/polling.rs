//! Polling for tokens until a user has decided elsewhere: what the device grant (RFC 8628 section 3.4) and backchannel
//! authentication (CIBA section 10.1) have in common.
//!
//! The last request is sent in the last second in which it can arrive. If there is no time for another request after
//! the next one, the wait becomes longer. So a user who decides late still gets in, and no interval becomes shorter.

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
    message::TokenResponse,
    sender::dpop_nonce,
    token::IdToken,
};
use http::StatusCode;
use std::{sync::Arc, time::Duration};

/// The interval in seconds if the provider names none, and the seconds that `slow_down` adds to it (RFC 8628 sections
/// 3.2 and 3.5, CIBA sections 7.3 and 11).
const INTERVAL: i64 = 5;

/// When to ask next, and until when.
#[derive(Clone, Copy)]
pub(in crate::flow) struct Times {
    /// The interval in seconds that the provider asks for.
    pub(super) interval: i64,
    /// The time of the next request.
    pub(super) next: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Times {
    /// Returns the times of a grant that begins now. Some providers send an interval of zero for "as often as you like".
    pub(super) fn begin(
        interval: Option<Duration>,
        expires_in: Duration,
        most: Duration,
        now: Timestamp,
    ) -> Result<Self, ResponseRule> {
        if expires_in.is_zero() {
            return Err(ResponseRule::Value("expires_in"));
        }
        let most = whole_seconds(most);
        let interval = interval.map_or(INTERVAL, whole_seconds).clamp(1, most);
        let expires_at = now.plus(whole_seconds(expires_in).min(most));
        Ok(Self { interval, next: now, expires_at })
    }

    /// Sets the time of the first request, after `step` seconds. There is time for at least one request, even if the step
    /// is longer than the lifetime.
    pub(super) fn first(mut self, step: i64) -> Self {
        let left = self.expires_at.0.saturating_sub(self.next.0);
        self.ask_from(self.next.plus(step.min(left - 1).max(1)), step, 0);
        self
    }

    /// Sets the time of the next request to this time or later. If there is no time for another request `step` seconds
    /// after it, the next one is as late as it can be. `took` is the time that a request needs to arrive, in seconds.
    fn ask_from(&mut self, time: Timestamp, step: i64, took: i64) {
        let last = self.expires_at.plus(-1 - took);
        let is_last = time.plus(step) > last;
        self.next = if is_last { time.max(last) } else { time };
    }

    /// Limits the times of a saved grant by the clock of this node: the clock of the node that saved it may have been
    /// ahead, or somebody may have changed it. No wait is longer than the longest wait of this flow, and no user has
    /// more time than a provider may give.
    fn held_to(mut self, now: Timestamp, most: Duration) -> Self {
        let most = whole_seconds(most);
        let left = self.expires_at.0.saturating_sub(self.next.0);
        let wait = self.interval.saturating_add(self.interval.max(whole_seconds(RETRY_AFTER_CAP)));
        self.next = self.next.min(now.plus(wait.min(most)));
        let over = self.next.max(now).plus(left).min(now.plus(most));
        self.expires_at = self.expires_at.min(over);
        self
    }

    /// Whether a grant can have been saved with these times.
    pub(super) fn can_be(&self, most: Duration) -> bool {
        let most = whole_seconds(most);
        let life = self.expires_at.0.saturating_sub(self.next.0);
        (1..=most).contains(&self.interval) && (0..=most).contains(&life)
    }
}

/// A grant that is polled for, in the form in which it is saved.
pub(in crate::flow) trait Polled: Clone {
    /// The flow that polls.
    type Flow: Flow<Awaiting = Polling<Self>, Paused = Waiting<Self>>;

    /// The longest time for the user to decide, whatever a provider allows.
    const MOST: Duration;
    /// The longest time of a request. A provider may hold the request until the user decides (long polling).
    const TIMEOUT: Duration;
    /// Whether the interval counts from when the request was sent, and not from its response.
    const FROM_SENDING: bool;
    /// The error when the time is over.
    const EXPIRED: Error;

    /// Returns the issuer and the client that the grant is for.
    fn party(&self) -> (&str, &str);
    /// Returns the thumbprint of the DPoP key that the client had when the grant began.
    fn jkt(&self) -> Option<&str>;
    fn times(&self) -> Times;
    fn set(&mut self, times: Times);
    /// Returns the seconds between two requests while the provider asks for this interval.
    fn step(&self, interval: i64) -> i64 {
        interval
    }
    /// Returns the parameters of the token request.
    fn form(&self) -> Form;
    /// Returns the secrets that the provider knows, although the request does not send them.
    fn bound(&self) -> Vec<Secret>;
    /// Returns what the tokens are for, if the request has named it.
    fn aim(&self) -> Option<Aim> {
        None
    }
    /// Returns the demands on the ID token that comes with these tokens.
    fn demands(&self, tokens: &TokenResponse) -> Demands;
    /// Returns the output for tokens without an ID token, or the rule that they break.
    fn without_id_token(&self, tokens: TokenResponse) -> Result<<Self::Flow as Flow>::Output, ResponseRule>;
    fn with_id_token(
        tokens: TokenResponse,
        id_token: IdToken,
        learned: Learned,
    ) -> <Self::Flow as Flow>::Output;
}

/// A request is in flight.
pub struct Polling<P>(pub(in crate::flow) PollingState<P>);

pub(in crate::flow) enum PollingState<P> {
    /// The request asks for tokens.
    Token { post: Posting, waiting: Box<Waiting<P>> },
    /// The request is for keys to verify the ID token.
    Keys { check: Box<Checking<Presented>>, tokens: Box<TokenResponse> },
}

/// Nothing is in flight until the time of the next request.
pub struct Waiting<P> {
    pub(super) client: Client,
    keys: Option<Arc<KeySet>>,
    pub(super) grant: P,
    times: Times,
    /// The time of the last request.
    asked: Timestamp,
}

#[allow(private_bounds, reason = "the grants of this folder are the only ones")]
impl<P: Polled> Waiting<P> {
    /// Takes up a grant that was saved. A client whose DPoP key is elsewhere polls by attempts, because nobody can sign
    /// its proof when the flow wakes.
    pub(super) fn pause(
        grant: P,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Pause<P::Flow>, Error> {
        if client.prover().is_some_and(|prover| prover.key().is_none()) {
            return Err(ConfigError::NoProof.into());
        }
        let waiting = Self::new(grant, client, keys, now)?;
        Ok(Pause::new(waiting.times.next, waiting))
    }

    pub(super) fn new(
        grant: P,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Self, ConfigError> {
        if grant.party() != (client.metadata().issuer.as_str(), client.client_id()) {
            return Err(ConfigError::SavedState);
        }
        client.check_key_of_session(grant.jkt())?;
        client.endpoint(Endpoint::Token)?;
        let times = grant.times().held_to(now, P::MOST);
        Ok(Self { client: client.clone(), keys, grant, times, asked: now })
    }

    /// Returns the grant in its present state, to save it.
    pub(super) fn save(&self) -> P {
        let mut grant = self.grant.clone();
        grant.set(self.times);
        grant
    }

    pub(super) fn ask(mut self, attempt: Attempt, moment: Moment) -> Result<Call<P::Flow>, Error> {
        self.asked = moment.now();
        if moment.now() >= self.times.expires_at {
            return Err(P::EXPIRED);
        }
        let ask = Ask::new(attempt, Endpoint::Token, self.grant.form()).bound(self.grant.bound());
        let ask = match self.grant.aim() {
            Some(aim) => ask.aiming(aim)?,
            None => ask,
        };
        let call = ask.once::<TokenResponse>(moment)?.timeout(P::TIMEOUT);
        Ok(call.map(|post| Polling(PollingState::Token { post, waiting: Box::new(self) })))
    }

    /// Waits for the interval. `None` means that no time is left. A clock that was set back gives no more time: no more
    /// can be left than was left at the time of this request.
    fn later(mut self, now: Timestamp) -> Option<Step<P::Flow>> {
        self.give_no_more_time(now);
        let from = if P::FROM_SENDING { self.asked.min(now) } else { now };
        self.ask_after(from, None, now)
    }

    /// Waits for five seconds more from now on.
    fn slow_down(mut self, now: Timestamp) -> Option<Step<P::Flow>> {
        self.times.interval = (self.times.interval + INTERVAL).min(whole_seconds(P::MOST));
        self.give_no_more_time(now);
        self.ask_after(now, None, now)
    }

    /// Waits twice as long from now on: after a failure, a client asks half as often (RFC 8628 section 3.5). If the time
    /// would be over by then, it waits at least as long as before, and asks once more at the end. It waits longer if the
    /// provider asks for it, within limits.
    fn back_off(mut self, asked: Option<Duration>, now: Timestamp) -> Option<Step<P::Flow>> {
        self.give_no_more_time(now);
        let before = self.times.interval;
        let left = self.times.expires_at.plus(-1 - self.took(now)).0.saturating_sub(now.0);
        self.times.interval = (before * 2).min(whole_seconds(P::MOST)).min(left.max(before));
        self.ask_after(now, asked, now)
    }

    fn give_no_more_time(&mut self, now: Timestamp) {
        let left = self.times.expires_at.0.saturating_sub(self.times.next.0);
        self.times.expires_at = self.times.expires_at.min(now.plus(left));
    }

    /// Returns the time that the last request took to arrive, in seconds.
    fn took(&self, now: Timestamp) -> i64 {
        now.0.saturating_sub(self.asked.0).clamp(0, whole_seconds(P::TIMEOUT))
    }

    fn ask_after(
        mut self,
        from: Timestamp,
        asked: Option<Duration>,
        now: Timestamp,
    ) -> Option<Step<P::Flow>> {
        let step = self.grant.step(self.times.interval);
        let wait = step.max(seconds(asked).min(whole_seconds(RETRY_AFTER_CAP)));
        let took = self.took(now);
        self.times.ask_from(from.plus(wait).max(now.plus(1)), step, took);
        let next = self.times.next;
        (next < self.times.expires_at).then(|| Pause::new(next, self).into())
    }

    fn granted(self, tokens: TokenResponse, now: Timestamp) -> Result<Step<P::Flow>, Error> {
        let Self { client, keys, grant, .. } = self;
        let Some(id_token) = tokens.id_token.clone() else {
            let broken = |rule| ResponseError::new(Endpoint::Token, StatusCode::OK, rule);
            return Ok(Step::Done(grant.without_id_token(tokens).map_err(broken)?));
        };
        let access_token = Some(tokens.access_token.clone());
        let signed = Presented { id_token, access_token, demands: grant.demands(&tokens) };
        let step = Check::start(signed, client, keys.as_deref(), Learned::default(), now)?;
        checking::<P>(step, Box::new(tokens))
    }
}

fn checking<P: Polled>(
    step: Step<Check<Presented>>,
    tokens: Box<TokenResponse>,
) -> Result<Step<P::Flow>, Error> {
    step.within(
        tokens,
        |check, tokens| Polling(PollingState::Keys { check: Box::new(check), tokens }),
        |never, _| match never {},
        |Checked { good, learned }, tokens| Ok(Step::Done(P::with_id_token(*tokens, good, learned))),
    )
}

/// Goes on with a response: to the token request, or to the request for keys.
pub(super) fn on_response<P: Polled>(
    state: Polling<P>,
    response: &Response<'_>,
    moment: Moment,
) -> Result<Step<P::Flow>, Error> {
    let now = moment.now();
    let (post, mut waiting) = match state {
        Polling(PollingState::Token { post, waiting }) => (post, waiting),
        Polling(PollingState::Keys { check, tokens }) => {
            return checking::<P>(Check::on_response(*check, response, moment)?, tokens);
        }
    };
    if let Some(nonce) = dpop_nonce(response.headers()) {
        waiting.client = waiting.client.with_dpop_nonce(Endpoint::Token, nonce);
    }
    match Post::<TokenResponse>::on_response(post, response, moment) {
        Ok(Step::Done(tokens)) => waiting.granted(tokens, now),
        Ok(Step::Send(call)) => {
            let call = call.timeout(P::TIMEOUT);
            Ok(call.map(|post| Polling(PollingState::Token { post, waiting })).into())
        }
        Ok(Step::Wait(pause)) => Ok(pause.map(|never| match never {}).into()),
        Err(Error::OAuth(refused)) => match refused.response.error.as_str() {
            // A server that fails has not decided, whatever its body says.
            _ if refused.status >= 500 => waiting.back_off(None, now).ok_or(Error::OAuth(refused)),
            "authorization_pending" => waiting.later(now).ok_or(P::EXPIRED),
            "slow_down" => waiting.slow_down(now).ok_or(P::EXPIRED),
            _ => Err(Error::OAuth(refused)),
        },
        Err(Error::Unavailable(busy)) => {
            waiting.back_off(busy.retry_after(), now).ok_or(Error::Unavailable(busy))
        }
        Err(error) => Err(error),
    }
}

/// Asks once more.
pub(super) fn on_wake<P: Polled>(waiting: Waiting<P>, moment: Moment) -> Result<Step<P::Flow>, Error> {
    let attempt = Attempt::from(&waiting.client);
    Ok(waiting.ask(attempt, moment)?.into())
}

/// Goes on without a response. A lost token request costs nothing, and the keys are requested once.
pub(super) fn on_failure<P: Polled>(state: Polling<P>, moment: &Moment) -> Option<Step<P::Flow>> {
    match state {
        Polling(PollingState::Token { waiting, .. }) => waiting.back_off(None, moment.now()),
        Polling(PollingState::Keys { .. }) => None,
    }
}
