//! [`PushedAuthorizationResponse`]: the reference to a pushed authorization request (RFC 9126 section 2.2).

use crate::{
    base::{
        json::{JsonError, Members},
        secret::Secret,
    },
    message::Quirks,
};
use serde_json::Value;

/// The response of the endpoint for pushed authorization requests.
pub struct PushedAuthorizationResponse {
    /// The reference to the request. Whoever has it can send a user to the provider with this request, once.
    pub(crate) request_uri: Secret,
    /// The lifetime of the reference, in seconds.
    pub(crate) expires_in: i64,
}

impl PushedAuthorizationResponse {
    /// Reads a response. The inner error is the name of a missing member.
    pub(crate) fn from_members(
        mut members: Members,
        quirks: Quirks,
    ) -> Result<Result<Self, &'static str>, JsonError> {
        let request_uri = members.string("request_uri")?;
        let expires_in = seconds(&mut members, quirks)?;
        let Some(request_uri) = request_uri else { return Ok(Err("request_uri")) };
        let Some(expires_in) = expires_in else { return Ok(Err("expires_in")) };
        Ok(Ok(Self { request_uri: request_uri.into(), expires_in }))
    }
}

fn seconds(members: &mut Members, quirks: Quirks) -> Result<Option<i64>, JsonError> {
    let member = "expires_in";
    match members.any(member) {
        Some(Value::String(text)) if quirks.expires_in_as_string => {
            let wrong = JsonError::WrongType { member, expected: "a number of seconds" };
            text.parse().map(Some).map_err(|_| wrong)
        }
        Some(Value::String(_)) => {
            let expected = "a number (`Quirks::expires_in_as_string` accepts a text)";
            Err(JsonError::WrongType { member, expected })
        }
        Some(other) => {
            members.put(member, other);
            members.date(member)
        }
        None => Ok(None),
    }
}
