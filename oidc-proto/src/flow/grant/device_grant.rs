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
//! It never waits past `expires_at`: it ends with an error then. `polling.rs` says when it asks.
//!
//! At rest the flow can be saved, and another node can go on with it.

use super::{
    device::{DEVICE_LIFETIME_CAP, DeviceAuthorization},
    polling::{self, Polled, Polling, Times, Waiting},
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, Form},
        contract::{Call, Error, Flow, Pause, Response, ResponseRule, Step, TIMEOUT},
        exchange::{Aim, Demands, Learned},
    },
    jose::KeySet,
    message::{AuthorizationDetails, TokenResponse},
    token::IdToken,
};
use std::{sync::Arc, time::Duration};

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
    /// the metadata has no usable `token_endpoint`; [`ConfigError::NoProof`] if the client's DPoP key is elsewhere;
    /// [`ConfigError::OtherDpopKey`] if the client had a DPoP key when it got the codes and has none now, or is a public
    /// client with another one.
    ///
    /// [`ConfigError::OtherDpopKey`]: crate::flow::ConfigError::OtherDpopKey
    /// [`ConfigError::SavedState`]: crate::flow::ConfigError::SavedState
    /// [`ConfigError::NoEndpoint`]: crate::flow::ConfigError::NoEndpoint
    /// [`ConfigError::NoProof`]: crate::flow::ConfigError::NoProof
    pub fn poll(
        self,
        client: &Client,
        keys: Option<Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Pause<DeviceGrant>, Error> {
        Waiting::pause(self, client, keys, now)
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
        Waiting::new(device, &self.client, keys, moment.now())?.ask(self, moment)
    }
}

impl Pause<DeviceGrant> {
    /// Returns the grant in its present state, to save it.
    #[must_use]
    pub fn save(&self) -> DeviceAuthorization {
        self.state().save()
    }
}

impl Polled for DeviceAuthorization {
    type Flow = DeviceGrant;

    const MOST: Duration = DEVICE_LIFETIME_CAP;
    const TIMEOUT: Duration = TIMEOUT;
    const FROM_SENDING: bool = false;
    const EXPIRED: Error = Error::DeviceCodeExpired;

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

    fn form(&self) -> Form {
        vec![
            ("grant_type".into(), "urn:ietf:params:oauth:grant-type:device_code".into()),
            ("device_code".into(), self.0.device_code.clone()),
        ]
    }

    fn bound(&self) -> Vec<Secret> {
        // The provider knows the user code, too: no error may repeat it.
        vec![Secret::new(&self.0.user_code)]
    }

    fn aim(&self) -> Option<Aim> {
        let asked = &self.0.authorization_details;
        Some(Aim::new(&self.0.resources, &AuthorizationDetails::default()).or_expecting(asked))
    }

    fn demands(&self, _: &TokenResponse) -> Demands {
        Demands::default()
    }

    fn without_id_token(&self, tokens: TokenResponse) -> Result<DeviceTokens, ResponseRule> {
        if self.0.openid {
            return Err(ResponseRule::Missing("id_token"));
        }
        Ok(DeviceTokens { tokens, id_token: None, learned: Learned::default() })
    }

    fn with_id_token(tokens: TokenResponse, id_token: IdToken, learned: Learned) -> DeviceTokens {
        DeviceTokens { tokens, id_token: Some(id_token), learned }
    }
}

impl Flow for DeviceGrant {
    type Awaiting = Polling<DeviceAuthorization>;
    type Paused = Waiting<DeviceAuthorization>;
    type Output = DeviceTokens;

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

    fn on_failure(state: Self::Awaiting, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        Ok(polling::on_failure(state, &moment))
    }
}
