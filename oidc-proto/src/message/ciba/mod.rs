//! [`BackchannelAuthenticationResponse`]: the acknowledgement of an authentication request (CIBA section 7.3).

use super::{Quirks, device_authorization_response::times};
use crate::base::{
    json::{Extra, JsonError, Members},
    secret::Secret,
};
use std::{fmt, time::Duration};

/// The response to an authentication request, as the provider sent it (CIBA section 7.3).
///
/// The flow of [`Client::backchannel_authentication`](crate::flow::Client::backchannel_authentication) reads and checks it.
/// Its output is a [`BackchannelAuthentication`](crate::flow::BackchannelAuthentication).
#[derive(Clone, PartialEq)]
pub struct BackchannelAuthenticationResponse {
    /// The identifier of the authentication request.
    pub(crate) auth_req_id: Secret,
    /// The lifetime of the request.
    pub(crate) expires_in: Duration,
    /// The shortest time between two token requests. If absent, CIBA section 7.3 says 5 seconds.
    pub(crate) interval: Option<Duration>,
    /// The members that have no field.
    pub(crate) extra: Extra,
}

impl BackchannelAuthenticationResponse {
    /// Reads a response. The inner error is the name of a missing member.
    pub(crate) fn from_members(
        mut members: Members,
        quirks: Quirks,
    ) -> Result<Result<Self, &'static str>, JsonError> {
        // An empty member is an absent one.
        let auth_req_id = members.string("auth_req_id")?.filter(|text| !text.is_empty());
        let (interval, expires_in) = times(&mut members, quirks)?;
        Ok((|| {
            Ok(Self {
                auth_req_id: Secret::new(auth_req_id.ok_or("auth_req_id")?),
                expires_in: expires_in.ok_or("expires_in")?,
                interval,
                extra: members.rest(),
            })
        })())
    }
}

/// Shows no identifier.
impl fmt::Debug for BackchannelAuthenticationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackchannelAuthenticationResponse")
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .field("extra", &self.extra.keys())
            .finish_non_exhaustive()
    }
}
