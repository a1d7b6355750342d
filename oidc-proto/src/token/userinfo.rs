//! [`UserInfoVerifier`]: checks signed UserInfo responses (OpenID Connect Core 1.0 sections 5.3.2 and 5.3.4).

use super::{
    Claims, VerificationError,
    claims::check_times,
    jwt::{Unverified, is_type},
};
use crate::{
    base::{moment::Timestamp, secret::Secret},
    jose::{AlgorithmSet, Allowed, KeySet, Scratch},
    message::UserInfo,
    metadata::IssuerRule,
};
use std::time::Duration;

/// Verifies the signed UserInfo responses of one issuer for one client.
#[derive(Clone, Debug)]
pub(crate) struct UserInfoVerifier {
    issuer: IssuerRule,
    client_id: String,
    algorithms: Allowed,
    leeway: Duration,
    longest: usize,
}

impl UserInfoVerifier {
    pub(crate) const fn new(
        issuer: IssuerRule,
        client_id: String,
        algorithms: AlgorithmSet,
        leeway: Duration,
        longest: usize,
    ) -> Self {
        Self { issuer, client_id, algorithms: Allowed::DEFAULT.only(algorithms), leeway, longest }
    }

    /// Whether the set of algorithms is empty, so that every signed response is refused.
    pub(crate) const fn accepts_nothing(&self) -> bool {
        self.algorithms.set().is_empty()
    }

    /// Verifies a signed response: its issuer, its audience, its times if it has any, and its signature. The caller
    /// must still compare its `sub`.
    pub(crate) fn verify(
        &self,
        response: &Secret,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<UserInfo, VerificationError> {
        let mut scratch = Scratch::new();
        let typ_fits: fn(Option<&str>) -> bool = |typ| typ.is_none_or(|typ| is_type(typ, "jwt"));
        let (text, algorithms) = (response.expose(), self.algorithms.set());
        let unverified = Unverified::read_with(
            text,
            self.longest,
            &mut scratch,
            algorithms,
            typ_fits,
            Claims::read_of_user,
        )?;
        let claims = &unverified.claims;
        let iss = claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !self.issuer.fits(iss, unverified.payload) {
            return Err(VerificationError::Issuer);
        }
        if !claims.aud.ok_or(VerificationError::Missing("aud"))?.contains(&self.client_id) {
            return Err(VerificationError::Audience);
        }
        // An ID token or a logout token is no UserInfo response, though its issuer has signed it.
        if claims.nonce.is_some() || claims.at_hash.is_some() || claims.c_hash.is_some() {
            return Err(VerificationError::Type);
        }
        check_times(claims, self.leeway, now)?;
        unverified.check_signature(keys, algorithms, &self.issuer)?;
        let userinfo = UserInfo::from_json(unverified.payload).map_err(VerificationError::Claims)?;
        userinfo.ok_or(VerificationError::Missing("sub"))
    }
}
