//! [`DeviceAuthorizationResponse`]: the codes for a device and its user (RFC 8628 section 3.2).

use super::Quirks;
use crate::base::{
    json::{Extra, JsonError, Members},
    secret::Secret,
};
use serde_json::Value;
use std::{fmt, time::Duration};

/// The device authorization response: the codes for a device and its user, as the provider sent them (RFC 8628 section
/// 3.2).
///
/// The flow of [`Client::device_authorization`](crate::flow::Client::device_authorization) reads and checks it. Its
/// output is a [`DeviceAuthorization`](crate::flow::DeviceAuthorization):
///
/// ```
/// use oidc_proto::{
///     Moment, Timestamp, UrlPolicy,
///     flow::{Client, Step},
///     metadata::{Profile, ProviderMetadata},
/// };
///
/// let document = br#"{
///     "issuer": "https://op.example",
///     "device_authorization_endpoint": "https://op.example/device",
///     "jwks_uri": "https://op.example/jwks"
/// }"#;
/// let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-tv").build()?;
/// let moment = |entropy| Moment::new(Timestamp(1_800_000_000), [entropy; 32]);
/// let (_request, _terms, pending) = client.device_authorization(["openid"], moment(1))?.into_parts();
///
/// // The provider's response to `_request`:
/// let body = r#"{"device_code": "GmRhmhcxhw", "user_code": "WDJB-MJHT",
///     "verification_uri": "https://op.example/tv", "expires_in": 1800}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(body.as_bytes().to_vec())?;
/// let Step::Done(authorization) = pending.receive(response, moment(2))? else {
///     return Err("the flow goes on".into());
/// };
/// assert_eq!(authorization.user_code(), "WDJB-MJHT");
/// assert_eq!(authorization.expires_at(), Timestamp(1_800_001_800));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct DeviceAuthorizationResponse {
    /// The code with which the device asks for tokens.
    pub(crate) device_code: Secret,
    /// The code that the user enters.
    pub(crate) user_code: String,
    /// The page on which the user enters `user_code`.
    pub(crate) verification_uri: String,
    /// The page with the code in its URL: the user need not enter it.
    pub(crate) verification_uri_complete: Option<String>,
    /// The lifetime of both codes.
    pub(crate) expires_in: Duration,
    /// The shortest time between two token requests. If absent, RFC 8628 section 3.2 says 5 seconds.
    pub(crate) interval: Option<Duration>,
    /// The members that have no field.
    pub(crate) extra: Extra,
}

impl DeviceAuthorizationResponse {
    /// Reads a response. The inner error is the name of a missing member.
    pub(crate) fn from_members(
        mut members: Members,
        quirks: Quirks,
    ) -> Result<Result<Self, &'static str>, JsonError> {
        let mut text = |name: &'static str| {
            // An empty member is an absent one.
            members.string(name).map(|text| text.filter(|text| !text.is_empty()).ok_or(name))
        };
        let (device_code, user_code) = (text("device_code")?, text("user_code")?);
        // Drafts called it `verification_url`, and Google still does.
        let old = text("verification_url")?;
        let verification_uri = text("verification_uri")?.or_else(|missing| old.map_err(|_| missing));
        let verification_uri_complete = members.string("verification_uri_complete")?;
        let (interval, expires_in) = times(&mut members, quirks)?;
        let expires_in = expires_in.ok_or("expires_in");
        Ok((|| {
            Ok(Self {
                device_code: Secret::new(device_code?),
                user_code: user_code?,
                verification_uri: verification_uri?,
                verification_uri_complete,
                expires_in: expires_in?,
                interval,
                extra: members.rest(),
            })
        })())
    }
}

/// Reads `interval` and `expires_in`.
pub(super) fn times(
    members: &mut Members,
    quirks: Quirks,
) -> Result<(Option<Duration>, Option<Duration>), JsonError> {
    let mut seconds = |member| seconds(members, member, quirks);
    let interval = seconds("interval");
    let expires_in = seconds("expires_in");
    if !quirks.odd_expires_in {
        return Ok((interval?, expires_in?));
    }
    let whole = |lifetime: &Duration| !lifetime.is_zero();
    let endless = Duration::from_secs(u64::MAX);
    Ok((interval.unwrap_or(None), Some(expires_in.ok().flatten().filter(whole).unwrap_or(endless))))
}

/// Reads a time in seconds. A negative one counts as zero.
fn seconds(
    members: &mut Members,
    member: &'static str,
    quirks: Quirks,
) -> Result<Option<Duration>, JsonError> {
    let lasting = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    match members.any(member) {
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) if quirks.expires_in_as_string => {
            let seconds = text.parse();
            let wrong = JsonError::WrongType { member, expected: "a number of seconds" };
            return seconds.map(|seconds| Some(lasting(seconds))).map_err(|_| wrong);
        }
        Some(Value::String(_)) => {
            let expected = "a number (`Quirks::expires_in_as_string` accepts a text)";
            return Err(JsonError::WrongType { member, expected });
        }
        Some(other) => members.put(member, other),
        None => {}
    }
    Ok(members.date(member)?.map(lasting))
}

/// Shows neither of the codes, nor a URL that may contain one.
impl fmt::Debug for DeviceAuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorizationResponse")
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .field("extra", &self.extra.keys())
            .finish_non_exhaustive()
    }
}
