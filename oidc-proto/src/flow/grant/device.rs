//! The device authorization request (RFC 8628 section 3.1): a device without a browser gets a code, and its user enters
//! the code on another device.
//!
//! ```text
//! Posting ──codes──▶ Done(DeviceAuthorization)
//! ```

use super::polling::Times;
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::{Secret, exposed},
    },
    flow::{
        client::{Attempt, Client, Form, is_thumbprint},
        contract::{Call, ConfigError, Endpoint, Error, ResponseError, ResponseRule, Step, Then},
        exchange::{Aim, Answer, Ask, Body, Post},
        saved::{seal_as_json, text},
    },
    message::{
        AuthorizationDetail, AuthorizationDetails,
        device_authorization_response::DeviceAuthorizationResponse, target::is_resource,
    },
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use url::Url;

/// The longest time for a user to enter the code, whatever a provider allows.
pub const DEVICE_LIFETIME_CAP: Duration = Duration::from_secs(3_600);

/// The version of the saved form.
const VERSION: u32 = 1;

/// The flow from a client to a code for its user. [`Client::device_authorization`] starts it.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
///     "device_authorization_endpoint": "https://op.example/device", "response_types_supported": ["code"]}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-tv").build()?;
///
/// let moment = || Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let (request, _terms, pending) = client.device_authorization(["files.read"], moment())?.into_parts();
/// assert_eq!(request.uri(), "https://op.example/device");
///
/// let codes = r#"{"device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS", "user_code": "WDJB-MJHT",
///     "verification_uri": "https://op.example/enter", "expires_in": 600}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(codes)?;
/// let Step::Done(device) = pending.receive(response, moment())? else { panic!("one response is enough") };
/// let shown = format!("Go to {} and enter {}.", device.verification_uri(), device.user_code());
/// assert_eq!(shown, "Go to https://op.example/enter and enter WDJB-MJHT.");
/// assert_eq!(device.expires_at(), Timestamp(1_800_000_600));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceAuthorizationStart;

/// The codes of a device: the code to show to the user, and the code to ask for tokens with.
///
/// [`poll`](Self::poll) asks for the tokens: there is an example at [`DeviceGrant`](crate::flow::DeviceGrant). Save
/// this value as it is, or as [`Pause::save`](crate::flow::Pause::save) returns it. It holds the device code, so keep
/// it from others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Grant")]
pub struct DeviceAuthorization(pub(super) Grant);

/// The saved form of a [`DeviceAuthorization`], before it has been checked.
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
    /// The resources and the rights that the request has named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resources: Vec<String>,
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub(super) authorization_details: AuthorizationDetails,
    /// The thumbprint of the DPoP key that the client had when the grant began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) jkt: Option<String>,
    pub(super) interval: i64,
    /// The time of the next request.
    pub(super) next: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Grant {
    pub(super) const fn times(&self) -> Times {
        Times { interval: self.interval, next: self.next, expires_at: self.expires_at }
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
            || !text::is_list(&grant.resources)
            || !grant.resources.iter().all(|resource| is_resource(resource))
            || !grant.authorization_details.can_be_sent()
            || !grant.jkt.as_deref().is_none_or(is_thumbprint)
        {
            return Err("the saved grant has a text that is empty, too long or not what it should be");
        }
        if !grant.times().can_be(DEVICE_LIFETIME_CAP) {
            return Err("the saved grant has times that no grant has");
        }
        Ok(Self(grant))
    }
}

seal_as_json!(DeviceAuthorization, "device authorization");

/// Shows neither the device code nor the user code.
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

/// The request for a code that the user of a device enters elsewhere (RFC 8628 section 3.1).
///
/// ```
/// use oidc_proto::{flow::DeviceAuthorizationRequest, message::AuthorizationDetail};
///
/// let request = DeviceAuthorizationRequest::new(["openid"])
///     .resource("https://files.example/")
///     .authorization_detail(AuthorizationDetail::new("files").actions(["read"]));
/// assert_eq!(request.resources, ["https://files.example/"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceAuthorizationRequest {
    /// The scopes to ask for. With `openid`, the grant logs the user in and verifies the ID token.
    pub scopes: Vec<String>,
    /// The resources that the access token is for (RFC 8707). They are sent to the letter, here and with the device code.
    pub resources: Vec<String>,
    /// The rights to ask for besides the scopes (RFC 9396 section 3).
    pub authorization_details: AuthorizationDetails,
}

impl DeviceAuthorizationRequest {
    /// Returns a request for these scopes. There may be none.
    #[must_use]
    pub fn new<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Adds one resource to [`resources`](Self::resources).
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds one entry to [`authorization_details`](Self::authorization_details).
    #[must_use]
    pub fn authorization_detail(mut self, detail: AuthorizationDetail) -> Self {
        self.authorization_details.push(detail);
        self
    }
}

impl Client {
    /// Asks for a code that the user of a device can enter elsewhere (RFC 8628 section 3.1). With the scope `openid`,
    /// the grant logs the user in and verifies the ID token.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `device_authorization_endpoint`;
    /// [`ConfigError::Parameter`] if a scope is empty, or has a character that no scope may have.
    pub fn device_authorization<S: Into<String>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
        moment: Moment,
    ) -> Result<Call<DeviceAuthorizationStart>, Error> {
        Attempt::from(self).device_authorization(scopes, moment)
    }

    /// Asks for a code that the user of a device can enter elsewhere, for the resources and the rights of this request.
    ///
    /// # Errors
    /// As [`device_authorization`](Self::device_authorization), and [`ConfigError::Parameter`] if a resource is none;
    /// [`Error::UnsupportedDetails`] if the provider does not list a type of the details.
    pub fn device_authorization_with(
        &self,
        request: &DeviceAuthorizationRequest,
        moment: Moment,
    ) -> Result<Call<DeviceAuthorizationStart>, Error> {
        Attempt::from(self).device_authorization_with(request, moment)
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
        self.device_authorization_with(&DeviceAuthorizationRequest::new(scopes), moment)
    }

    /// Asks for a code that the user of a device can enter elsewhere, for the resources and the rights of this request.
    ///
    /// # Errors
    /// As [`Client::device_authorization_with`].
    pub fn device_authorization_with(
        self,
        request: &DeviceAuthorizationRequest,
        moment: Moment,
    ) -> Result<Call<DeviceAuthorizationStart>, Error> {
        let DeviceAuthorizationRequest { scopes, resources, authorization_details } = request;
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
        // The saved form must have room for them.
        if !text::is_list(resources) {
            return Err(ConfigError::Parameter("resource").into());
        }
        let client = self.client.clone();
        let ask = Ask::new(self, Endpoint::DeviceAuthorization, form);
        let call = ask.aiming(Aim::new(resources, authorization_details))?.once(moment)?;
        Ok(call.carrying((client, request.clone())))
    }
}

impl Answer for DeviceAuthorizationResponse {
    const MEMBER: Option<&'static str> = Some("device_code");

    fn read(body: Body, client: &Client, _: Timestamp) -> Result<Self, ResponseRule> {
        Self::from_members(body.members()?, client.quirks())?.map_err(ResponseRule::Missing)
    }
}

impl Then for DeviceAuthorizationStart {
    type First = Post<DeviceAuthorizationResponse>;
    /// The client and its request.
    type Carried = (Client, DeviceAuthorizationRequest);
    type Output = DeviceAuthorization;

    fn then(
        response: DeviceAuthorizationResponse,
        (client, request): (Client, DeviceAuthorizationRequest),
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        let read = DeviceAuthorization::new(response, &client, request, moment.now());
        let broken = |rule| ResponseError::new(Endpoint::DeviceAuthorization, StatusCode::OK, rule);
        Ok(Step::Done(read.map_err(broken)?))
    }
}

/// Whether a user can be sent to this URI: it is `https` or `http` with a host, so that it cannot run a script, and has
/// no character that could break out of a line.
fn is_shown(uri: &str) -> bool {
    let url = Url::parse(uri);
    text::is_text(uri) && url.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

impl DeviceAuthorization {
    /// Reads the response (RFC 8628 section 3.2).
    fn new(
        response: DeviceAuthorizationResponse,
        client: &Client,
        request: DeviceAuthorizationRequest,
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
        let times = Times::begin(interval, expires_in, DEVICE_LIFETIME_CAP, now)?;
        let Times { interval, next, expires_at } = times.first(times.interval);
        if !text::is_text(device_code.expose()) {
            return Err(ResponseRule::Value("device_code"));
        }
        if !text::is_text(&user_code) {
            return Err(ResponseRule::Value("user_code"));
        }
        if !is_shown(&verification_uri) {
            return Err(ResponseRule::Value("verification_uri"));
        }
        Ok(Self(Grant {
            version: VERSION,
            issuer: client.metadata().issuer.clone(),
            client_id: client.client_id().to_owned(),
            device_code,
            user_code,
            verification_uri,
            // This URI is a convenience: if it cannot be shown, the user enters the code.
            verification_uri_complete: verification_uri_complete.filter(|uri| is_shown(uri)),
            openid: request.scopes.iter().any(|scope| scope == "openid"),
            resources: request.resources,
            authorization_details: request.authorization_details,
            jkt: client.dpop_thumbprint().map(str::to_owned),
            interval,
            next,
            expires_at,
        }))
    }

    /// Returns the code that the user must enter.
    #[must_use]
    pub fn user_code(&self) -> &str {
        &self.0.user_code
    }

    /// Returns the URI of the page where the user must enter the code.
    #[must_use]
    pub fn verification_uri(&self) -> &str {
        &self.0.verification_uri
    }

    /// Returns the URI of a page where the code is already entered, if there is one: for a QR code. Show the user
    /// code as well, so that the user can compare it (section 3.3.1).
    #[must_use]
    pub fn verification_uri_complete(&self) -> Option<&str> {
        self.0.verification_uri_complete.as_deref()
    }

    /// Returns the time at which the codes expire.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }
}
