//! The backchannel authentication grant (CIBA sections 10.1 and 10.2): a client asks for tokens until its user has agreed
//! or refused, or once a ping says that the user has decided.
//!
//! ```text
//! Wait ──▶ Token
//! Token ──vouched for──▶ Done(BackchannelTokens)
//!       ──another key──▶ Keys ──keys──▶ Done(BackchannelTokens)
//!       ──authorization_pending──▶ Wait               the same interval, from when the request was sent
//!       ──slow_down──▶ Wait                           5 s more from now on
//!       ──429, 5xx, lost──▶ Wait                      twice the interval
//! ```
//! A ping ends the wait, once. The flow never waits past `expires_at`: it ends with an error then. `polling.rs` says when
//! it asks.
//!
//! A provider may hold a request until the user has decided (long polling), so a request may take 40 s.
//!
//! At rest the flow can be saved, and another node can go on with it.

use super::{
    authentication::{BACKCHANNEL_LIFETIME_CAP, BackchannelAuthentication},
    notification::Ping,
    request::DeliveryMode,
    tokens::BackchannelTokens,
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, Form},
        contract::{Call, ConfigError, Error, Flow, Pause, Response, ResponseRule, Step},
        exchange::{Demands, Learned},
        grant::polling::{self, Polled, Polling, Times, Waiting},
    },
    jose::KeySet,
    message::TokenResponse,
    token::IdToken,
};
use std::{sync::Arc, time::Duration};

/// The longest time of a request. A provider that holds requests should answer within 30 s (section 10.1), and 10 s more
/// are for the way.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The flow from an authentication request to tokens. It waits and asks again until the user has decided.
/// [`BackchannelAuthentication::poll`] starts it.
///
/// ```
/// use oidc_proto::flow::BackchannelAuthenticationRequest;
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// party.provider.allow_backchannel("app", "poll");
///
/// let wanted = BackchannelAuthenticationRequest::login_hint("alice").binding_message("W4SCT");
/// let call = party.client.backchannel_authentication(&wanted, party.clock.moment())?;
/// let authentication = drive(call, &mut party.provider, &mut party.clock)?;
///
/// party.provider.decide(authentication.auth_req_id().expose(), true); // the user agrees, on her telephone
/// let pause = authentication.poll(&party.client, None, party.clock.now())?;
/// let tokens = drive(pause, &mut party.provider, &mut party.clock)?;
/// assert_eq!(tokens.id_token.sub, "alice");
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct BackchannelGrant;

impl BackchannelAuthentication {
    /// Starts to ask for the tokens, until the user has decided. `keys` are as in
    /// [`callback`](crate::flow::PendingAuthorization::callback). The times of a saved value are limited by `now`: no
    /// wait is longer than a provider may ask for, and the request expires [`BACKCHANNEL_LIFETIME_CAP`] after `now` at the
    /// latest. A client that awaits a ping asks every 30 seconds besides, or as rarely as the provider wants.
    ///
    /// # Errors
    /// [`ConfigError::SavedState`] if the value belongs to another client or provider; [`ConfigError::Pushed`] in the push
    /// mode; [`ConfigError::NoEndpoint`] if the metadata has no usable `token_endpoint`; [`ConfigError::NoProof`] if the
    /// client's DPoP key is elsewhere; [`ConfigError::OtherDpopKey`] if the client had a DPoP key when it asked and has
    /// none now, or is a public client with another one.
    pub fn poll(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Pause<BackchannelGrant>, Error> {
        self.is_asked_for()?;
        Waiting::pause(self, client, keys, now)
    }

    /// Asks for the tokens at once, because the provider has told that the user has decided. If it says "pending" all the
    /// same, the flow goes on as after [`poll`](Self::poll).
    ///
    /// # Errors
    /// As [`poll`](Self::poll), and [`Error::AuthenticationRequestExpired`] if the request has expired.
    pub fn pinged(
        mut self,
        ping: Ping,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<BackchannelGrant>, Error> {
        let Ping(()) = ping;
        self.0.pinged = true;
        Attempt::from(client).poll_backchannel(self, keys, moment)
    }

    const fn is_asked_for(&self) -> Result<(), ConfigError> {
        match self.0.mode {
            DeliveryMode::Poll | DeliveryMode::Ping => Ok(()),
            DeliveryMode::Push => Err(ConfigError::Pushed),
        }
    }
}

impl Attempt {
    /// Asks once for the tokens of a backchannel authentication, now. If its user has not decided yet, the flow rests, and
    /// the next attempt takes the value that [`save`](Pause::save) returns.
    ///
    /// # Errors
    /// As [`BackchannelAuthentication::pinged`].
    pub fn poll_backchannel(
        self,
        authentication: BackchannelAuthentication,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<BackchannelGrant>, Error> {
        authentication.is_asked_for()?;
        Waiting::new(authentication, &self.client, keys, moment.now())?.ask(self, moment)
    }
}

impl Pause<BackchannelGrant> {
    /// Returns the grant in its present state, to save it.
    #[must_use]
    pub fn save(&self) -> BackchannelAuthentication {
        self.state().save()
    }
}

impl Polled for BackchannelAuthentication {
    type Flow = BackchannelGrant;

    const MOST: Duration = BACKCHANNEL_LIFETIME_CAP;
    const TIMEOUT: Duration = TIMEOUT;
    const FROM_SENDING: bool = true;
    const EXPIRED: Error = Error::AuthenticationRequestExpired;

    fn party(&self) -> (&str, &str) {
        (&self.0.issuer, &self.0.client_id)
    }

    fn jkt(&self) -> Option<&str> {
        self.0.jkt.as_deref()
    }

    fn times(&self) -> Times {
        self.0.times()
    }

    fn set(&mut self, Times { interval, next, expires_at }: Times) {
        (self.0.interval, self.0.next, self.0.expires_at) = (interval, next, expires_at);
    }

    fn step(&self, interval: i64) -> i64 {
        self.0.step(interval)
    }

    fn form(&self) -> Form {
        vec![
            ("grant_type".into(), "urn:openid:params:grant-type:ciba".into()),
            ("auth_req_id".into(), self.0.auth_req_id.clone()),
        ]
    }

    fn bound(&self) -> Vec<Secret> {
        self.0.client_notification_token.iter().cloned().collect()
    }

    fn demands(&self, tokens: &TokenResponse) -> Demands {
        let backchannel = Some(self.0.demands(tokens.refresh_token.as_ref()));
        Demands { acr: self.0.acr.clone(), backchannel, ..Demands::default() }
    }

    fn without_id_token(&self, _: TokenResponse) -> Result<BackchannelTokens, ResponseRule> {
        Err(ResponseRule::Missing("id_token"))
    }

    fn with_id_token(tokens: TokenResponse, id_token: IdToken, learned: Learned) -> BackchannelTokens {
        BackchannelTokens { tokens, id_token, learned }
    }
}

impl Flow for BackchannelGrant {
    type Awaiting = Polling<BackchannelAuthentication>;
    type Paused = Waiting<BackchannelAuthentication>;
    type Output = BackchannelTokens;

    fn on_response(
        state: Self::Awaiting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        polling::on_response(state, response, moment)
    }

    fn on_wake(waiting: Self::Paused, moment: Moment) -> Result<Step<Self>, Error> {
        polling::on_wake(waiting, moment)
    }

    /// Asks at once, the first time. The provider sends one ping, so a second one is an old one that somebody repeats, and
    /// the wait goes on.
    fn on_notified(pause: Pause<Self>, moment: Moment) -> Result<Step<Self>, Error> {
        let grant = &pause.state().grant.0;
        if grant.mode != DeliveryMode::Ping || grant.pinged {
            return Ok(pause.into());
        }
        let mut waiting = pause.park();
        waiting.grant.0.pinged = true;
        polling::on_wake(waiting, moment)
    }

    fn on_failure(state: Self::Awaiting, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        Ok(polling::on_failure(state, &moment))
    }
}
