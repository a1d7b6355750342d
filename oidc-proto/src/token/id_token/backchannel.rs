//! [`Backchannel`]: what the ID token of a backchannel authentication must match (CIBA section 10.3.1).

use crate::{
    base::{
        json::string_member,
        secret::{Secret, equal},
    },
    jose::Algorithm,
    token::{Claims, VerificationError},
};

const RT_HASH: &str = "urn:openid:params:jwt:claim:rt_hash";
const AUTH_REQ_ID: &str = "urn:openid:params:jwt:claim:auth_req_id";

/// The demands of a backchannel authentication on its ID token.
#[derive(Clone, Copy)]
pub(crate) struct Backchannel<'e> {
    /// The identifier of the authentication request.
    pub(crate) auth_req_id: &'e Secret,
    /// The user who was to log in, if the client named one.
    pub(crate) sub: Option<&'e str>,
    /// The refresh token that came with the ID token.
    pub(crate) refresh_token: Option<&'e Secret>,
    /// Whether the tokens were pushed. If so, the ID token must name the request and the hash of each token, because its
    /// signature is all that says who sent them.
    pub(crate) pushed: bool,
}

impl Backchannel<'_> {
    /// Checks the claims. From the token endpoint, a claim that names the request or the refresh token may be absent. One
    /// that is there must be right.
    pub(super) fn check(
        &self,
        claims: &Claims<'_>,
        payload: &[u8],
        alg: Algorithm,
    ) -> Result<(), VerificationError> {
        if self.pushed && claims.at_hash.is_none() {
            return Err(VerificationError::Missing("at_hash"));
        }
        match string_member(payload, AUTH_REQ_ID) {
            Some(named) if equal(named.as_bytes(), self.auth_req_id.expose().as_bytes()) => {}
            None if !self.pushed => {}
            None => return Err(VerificationError::Missing(AUTH_REQ_ID)),
            Some(_) => return Err(VerificationError::AuthenticationRequest),
        }
        if let Some(refresh_token) = self.refresh_token {
            let hash = alg.left_half_hash(refresh_token.expose().as_bytes());
            match string_member(payload, RT_HASH) {
                Some(named) if equal(named.as_bytes(), hash.as_bytes()) => {}
                None if !self.pushed => {}
                None => return Err(VerificationError::Missing(RT_HASH)),
                Some(_) => return Err(VerificationError::RefreshTokenHash),
            }
        }
        match self.sub {
            Some(demanded) if claims.sub.as_deref() != Some(demanded) => Err(VerificationError::OtherUser),
            Some(_) | None => Ok(()),
        }
    }
}
