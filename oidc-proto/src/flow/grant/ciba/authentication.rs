//! [`BackchannelAuthentication`]: an authentication that a user has yet to decide on, as it is saved.

use super::request::{BackchannelAuthenticationRequest, DeliveryMode};
use crate::{
    base::{
        moment::Timestamp,
        secret::{Secret, exposed},
    },
    flow::{
        client::{Client, is_thumbprint},
        contract::ResponseRule,
        exchange::Backchannel,
        grant::polling::Times,
        saved::{seal_as_json, text},
    },
    message::ciba::BackchannelAuthenticationResponse,
    token::is_sub,
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The longest time for a user to answer an authentication request, whatever a provider allows.
pub const BACKCHANNEL_LIFETIME_CAP: Duration = Duration::from_secs(24 * 3_600);

/// The version of the saved form.
const VERSION: u32 = 1;

/// The seconds between two requests of a client that waits for a ping, unless the provider asks for more. A ping may be
/// lost.
const WITHOUT_PING: i64 = 30;

/// An authentication that a user has yet to decide on, on a device of theirs.
///
/// What comes next depends on the [`DeliveryMode`]:
///
/// * Poll: [`poll`](Self::poll) asks for the tokens until the user has decided.
/// * Ping: save this value under its [`auth_req_id`](Self::auth_req_id). When the provider calls the client's notification
///   endpoint, [`receive`](Self::receive) checks the call, and [`pinged`](Self::pinged) gets the tokens. Or
///   [`poll`](Self::poll) keeps a flow in memory, [`Pause::notified`](crate::flow::Pause::notified) wakes it after a
///   checked ping, and it asks now and then besides.
/// * Push: the same, but [`receive`](Self::receive) returns the tokens, and [`Push::verify`](super::Push::verify) verifies
///   them.
///
/// Save this value as it is, or as [`Pause::save`](crate::flow::Pause::save) returns it. It holds the identifier of the
/// request and the notification token, so keep it from others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct BackchannelAuthentication(pub(super) Saved);

/// The saved form of a [`BackchannelAuthentication`], before it has been checked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    version: u32,
    pub(super) issuer: String,
    pub(super) client_id: String,
    #[serde(with = "exposed")]
    pub(super) auth_req_id: Secret,
    pub(super) mode: DeliveryMode,
    #[serde(default, with = "text::exposed_if_any", skip_serializing_if = "Option::is_none")]
    pub(super) client_notification_token: Option<Secret>,
    /// Whether a ping has come.
    #[serde(default)]
    pub(super) pinged: bool,
    /// The user who must log in, if the client has named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The authentication context classes of which the ID token must have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) acr: Vec<String>,
    /// The thumbprint of the DPoP key that the client had when the grant began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) jkt: Option<String>,
    pub(super) interval: i64,
    /// The time of the next request.
    pub(super) next: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Saved {
    pub(super) const fn times(&self) -> Times {
        Times { interval: self.interval, next: self.next, expires_at: self.expires_at }
    }

    /// Returns the seconds between two requests while the provider asks for this interval.
    pub(super) fn step(&self, interval: i64) -> i64 {
        if self.mode == DeliveryMode::Ping && !self.pinged { interval.max(WITHOUT_PING) } else { interval }
    }

    /// Returns the demands on an ID token that comes with this refresh token.
    pub(super) fn demands(&self, refresh_token: Option<&Secret>) -> Backchannel {
        Backchannel {
            auth_req_id: self.auth_req_id.clone(),
            sub: self.sub.clone(),
            refresh_token: refresh_token.cloned(),
            pushed: self.mode == DeliveryMode::Push,
        }
    }
}

impl TryFrom<Saved> for BackchannelAuthentication {
    type Error = &'static str;

    fn try_from(saved: Saved) -> Result<Self, &'static str> {
        if saved.version != VERSION {
            return Err("the saved authentication is of another version");
        }
        let token = saved.client_notification_token.as_ref().map(Secret::expose);
        let texts = [&saved.issuer, &saved.client_id];
        if !text::is_list(&texts)
            || !text::is_text(saved.auth_req_id.expose())
            || !text::is_list(&saved.acr)
            || token.is_some_and(|token| !text::is_token(token))
            || saved.sub.as_deref().is_some_and(|sub| !is_sub(sub))
            || !saved.jkt.as_deref().is_none_or(is_thumbprint)
        {
            return Err(
                "the saved authentication has a text that is empty, too long or not what it should be",
            );
        }
        if token.is_some() != saved.mode.notifies() || saved.pinged && saved.mode != DeliveryMode::Ping {
            return Err(
                "the saved authentication has a delivery mode that does not go with its other members",
            );
        }
        if !saved.times().can_be(BACKCHANNEL_LIFETIME_CAP) {
            return Err("the saved authentication has times that no authentication has");
        }
        Ok(Self(saved))
    }
}

seal_as_json!(BackchannelAuthentication, "backchannel authentication");

/// What the client keeps while the request is in flight.
pub struct Begun {
    pub(super) client: Client,
    pub(super) request: BackchannelAuthenticationRequest,
    pub(super) notification_token: Option<Secret>,
}

/// Shows neither the identifier of the request nor the notification token.
impl fmt::Debug for BackchannelAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackchannelAuthentication")
            .field("issuer", &self.0.issuer)
            .field("client_id", &self.0.client_id)
            .field("mode", &self.0.mode)
            .field("interval", &self.0.interval)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}

impl BackchannelAuthentication {
    /// Reads the response (CIBA section 7.3).
    pub(super) fn new(
        response: BackchannelAuthenticationResponse,
        begun: Begun,
        now: Timestamp,
    ) -> Result<Self, ResponseRule> {
        let BackchannelAuthenticationResponse { auth_req_id, expires_in, interval, extra: _ } = response;
        let Begun { client, request, notification_token } = begun;
        if !text::is_text(auth_req_id.expose()) {
            return Err(ResponseRule::Value("auth_req_id"));
        }
        let times = Times::begin(interval, expires_in, BACKCHANNEL_LIFETIME_CAP, now)?;
        let mut saved = Saved {
            version: VERSION,
            issuer: client.metadata().issuer.clone(),
            client_id: client.client_id().to_owned(),
            auth_req_id,
            mode: request.mode,
            client_notification_token: notification_token,
            pinged: false,
            sub: request.sub,
            acr: request.essential_acr,
            jkt: client.dpop_thumbprint().map(str::to_owned),
            interval: times.interval,
            next: times.next,
            expires_at: times.expires_at,
        };
        saved.next = times.first(saved.step(times.interval)).next;
        Ok(Self(saved))
    }

    /// Returns the identifier of the request, under which to keep this value. It gives access to the tokens, together with
    /// the credentials of the client.
    #[must_use]
    pub const fn auth_req_id(&self) -> &Secret {
        &self.0.auth_req_id
    }

    /// Returns how the client gets its tokens.
    #[must_use]
    pub const fn delivery_mode(&self) -> DeliveryMode {
        self.0.mode
    }

    /// Returns the time at which the request expires.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }
}
