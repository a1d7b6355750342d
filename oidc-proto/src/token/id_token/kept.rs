//! [`KeptIdToken`]: the form in which a verified ID token is sealed, and from which it comes back unverified anew.

use super::verified::{IdToken, SetAside, aside};
use crate::base::{
    json::Extra,
    moment::Timestamp,
    secret::{Secret, exposed},
};
use serde::{Deserialize, Serialize};

/// A verified ID token in its saved form. It is believed when it comes back, so it may be read only from a sealed text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptIdToken {
    iss: String,
    sub: String,
    aud: Vec<String>,
    exp: Timestamp,
    iat: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    claims: Extra,
    /// The names of the claims that were set aside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aside: Vec<String>,
    #[serde(with = "exposed")]
    token: Secret,
}

impl From<&IdToken> for KeptIdToken {
    fn from(verified: &IdToken) -> Self {
        Self {
            iss: verified.iss.clone(),
            sub: verified.sub.clone(),
            aud: verified.aud.clone(),
            exp: verified.exp,
            iat: verified.iat,
            azp: verified.azp.clone(),
            nonce: verified.nonce.clone(),
            auth_time: verified.auth_time,
            acr: verified.acr.clone(),
            amr: verified.amr.clone(),
            sid: verified.sid.clone(),
            claims: verified.claims.clone(),
            aside: verified.set_aside.iter().map(|odd| odd.claim.to_owned()).collect(),
            token: verified.token.clone(),
        }
    }
}

impl KeptIdToken {
    /// Returns the ID token. `None` if it names a claim as set aside that never is.
    pub(crate) fn into_verified(self) -> Option<IdToken> {
        let set_aside: Option<Vec<SetAside>> = self.aside.iter().map(|name| aside(name)).collect();
        Some(IdToken {
            iss: self.iss,
            sub: self.sub,
            aud: self.aud,
            exp: self.exp,
            iat: self.iat,
            azp: self.azp,
            nonce: self.nonce,
            auth_time: self.auth_time,
            acr: self.acr,
            amr: self.amr,
            sid: self.sid,
            claims: self.claims,
            set_aside: set_aside?,
            token: self.token,
        })
    }
}
