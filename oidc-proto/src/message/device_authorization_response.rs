//! The device authorization response (RFC 8628 section 3.2).

use crate::base::{
    json::{Extra, JsonError, Members},
    secret::Secret,
};
use std::{fmt, time::Duration};

/// The codes for a device and its user, as the provider sent them.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct DeviceAuthorizationResponse {
    /// The code that the device asks for tokens with.
    pub device_code: Secret,
    /// The code that the user enters.
    pub user_code: String,
    /// The page on which the user enters it.
    pub verification_uri: String,
    /// The page on which the user need enter nothing.
    pub verification_uri_complete: Option<String>,
    /// The life of both codes, in seconds.
    pub expires_in: Duration,
    /// The least time between two requests for tokens, in seconds.
    pub interval: Option<Duration>,
    /// The members that no field knows.
    pub extra: Extra,
}

impl DeviceAuthorizationResponse {
    /// Reads it; an error is the name of the member that is missing.
    pub(crate) fn from_members(mut members: Members) -> Result<Result<Self, &'static str>, JsonError> {
        let mut text = |name: &'static str| members.string(name).map(|text| text.ok_or(name));
        let (device_code, user_code) = (text("device_code")?, text("user_code")?);
        let verification_uri = text("verification_uri")?;
        let verification_uri_complete = members.string("verification_uri_complete")?;
        let expires_in = members.date("expires_in")?.ok_or("expires_in");
        let interval = members.date("interval")?;
        let lasting = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        Ok((|| {
            Ok(Self {
                device_code: Secret::new(device_code?),
                user_code: user_code?,
                verification_uri: verification_uri?,
                verification_uri_complete,
                expires_in: expires_in.map(lasting)?,
                interval: interval.map(lasting),
                extra: members.rest(),
            })
        })())
    }
}

/// Neither of the codes, nor an address that may have one in it.
impl fmt::Debug for DeviceAuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorizationResponse")
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .field("extra", &self.extra.keys())
            .finish_non_exhaustive()
    }
}
