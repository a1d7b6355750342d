//! The device authorization request (RFC 8628 section 3.1): a device without a browser gets a code, and shows it to
//! its user, who enters it elsewhere.
//!
//! ```text
//! Posting ──codes──▶ Done(DeviceAuthorization)
//! ```

use crate::{
    base::{
        moment::{Moment, Timestamp, whole_seconds},
        secret::{Secret, exposed},
    },
    flow::{
        client::{Attempt, Client, Form},
        contract::{Call, ConfigError, Endpoint, Error, ResponseError, ResponseRule, Step, Then},
        exchange::{Answer, Ask, Body, Post, RETRY_AFTER_CAP},
        saved::{seal_as_json, text},
    },
    message::DeviceAuthorizationResponse,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use url::Url;

/// How long, in seconds, a user may take at most, whatever a provider allows.
pub const DEVICE_LIFETIME_CAP: Duration = Duration::from_secs(3_600);
pub(super) const LIFETIME_CAP: i64 = whole_seconds(DEVICE_LIFETIME_CAP);

/// The interval, in seconds, if the provider names none (section 3.2), and what `slow_down` adds to it
/// (section 3.5).
pub(super) const INTERVAL: i64 = 5;

/// The version of the saved form.
const VERSION: u32 = 1;

/// The flow from a client to a code for its user.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceAuthorizationStart;

/// What to show to the user, and what to ask for tokens with. Save it as it is, here or as it comes out of
/// a [pause](crate::flow::Pause::save); it holds the device code, so keep it from others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Grant")]
pub struct DeviceAuthorization(pub(super) Grant);

/// It, before it has been checked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub(super) version: u32,
    pub(super) issuer: String,
    pub(super) client_id: String,
    #[serde(with = "exposed")]
    pub(super) device_code: Secret,
    pub(super) user_code: String,
    pub(super) verification_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) verification_uri_complete: Option<String>,
    pub(super) openid: bool,
    pub(super) interval: i64,
    /// When to ask next.
    pub(super) next: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Grant {
    /// Asks at this time or later: as late as it makes sense, if there would be no other time after this
    /// one. A question takes so many seconds to be heard.
    pub(super) fn ask_from(&mut self, time: Timestamp, took: i64) {
        let last = self.expires_at.plus(-1 - took);
        let is_last = time.plus(self.interval) > last;
        self.next = if is_last { time.max(last) } else { time };
    }

    /// Holds a saved grant to the clock of the node that goes on with it: it may come from a node whose
    /// clock was ahead, or from somebody else. No wait is longer than one that this flow would have asked
    /// for, and no user has more time than a provider may give.
    pub(super) fn held_to(mut self, now: Timestamp) -> Self {
        let left = self.expires_at.0.saturating_sub(self.next.0);
        let wait = self.interval.saturating_add(self.interval.max(whole_seconds(RETRY_AFTER_CAP)));
        self.next = self.next.min(now.plus(wait.min(LIFETIME_CAP)));
        let over = self.next.max(now).plus(left).min(now.plus(LIFETIME_CAP));
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
        if !text::is_list(&texts)
            || !text::is_text(grant.device_code.expose())
            || !uris.into_iter().flatten().all(is_shown)
        {
            return Err("the saved grant has a text that is empty, too long or not what it should be");
        }
        let life = grant.expires_at.0.saturating_sub(grant.next.0);
        if !(1..=LIFETIME_CAP).contains(&grant.interval) || !(0..=LIFETIME_CAP).contains(&life) {
            return Err("the saved grant has times that no grant has");
        }
        Ok(Self(grant))
    }
}

seal_as_json!(DeviceAuthorization, "device authorization");

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
    ) -> Result<Call<DeviceAuthorizationStart>, Error> {
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
    ) -> Result<Call<DeviceAuthorizationStart>, Error> {
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
}

impl Answer for DeviceAuthorizationResponse {
    const MEMBER: Option<&'static str> = Some("device_code");

    fn read(body: Body, _: &Client, _: Timestamp) -> Result<Self, ResponseRule> {
        Self::from_members(body.members()?)?.map_err(ResponseRule::Missing)
    }
}

impl Then for DeviceAuthorizationStart {
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
    text::is_text(uri) && url.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

impl DeviceAuthorization {
    /// RFC 8628 section 3.2.
    fn new(
        response: DeviceAuthorizationResponse,
        client: &Client,
        openid: bool,
        now: Timestamp,
    ) -> Result<Self, ResponseRule> {
        let DeviceAuthorizationResponse {
            device_code,
            user_code,
            verification_uri,
            verification_uri_complete,
            expires_in,
            interval,
            extra: _,
        } = response;
        if expires_in.is_zero() {
            return Err(ResponseRule::Value("expires_in"));
        }
        let expires_in = whole_seconds(expires_in).min(LIFETIME_CAP);
        // Zero is what some providers say for "as often as you like".
        let interval = interval.map_or(INTERVAL, whole_seconds).clamp(1, LIFETIME_CAP);
        if !text::is_text(device_code.expose()) {
            return Err(ResponseRule::Value("device_code"));
        }
        if !text::is_text(&user_code) {
            return Err(ResponseRule::Value("user_code"));
        }
        if !is_shown(&verification_uri) {
            return Err(ResponseRule::Value("verification_uri"));
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
}
