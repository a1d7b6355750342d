//! [`IntrospectionVerifier`]: checks signed introspection responses (RFC 9701 section 5).

use super::{
    VerificationError,
    claims::{check_times, leeway_seconds},
    jwt::{Unverified, is_type},
};
use crate::{
    base::{
        json::{JsonError, Members},
        moment::Timestamp,
        secret::Secret,
    },
    jose::{AlgorithmSet, Allowed, KeySet, Scratch},
    message::IntrospectionResponse,
    metadata::IssuerRule,
};
use std::time::Duration;

/// The largest age of a response, in seconds, besides the leeway. A response is made for its request, and a request and
/// the keys for its response take less time than this.
const MAX_AGE: i64 = 60;

/// What a verified response says. A signature says who wrote a response, not that it can be read.
pub(crate) type Said = Result<Option<IntrospectionResponse>, JsonError>;

/// Verifies the signed introspection responses of one issuer for one resource server.
#[derive(Clone, Debug)]
pub(crate) struct IntrospectionVerifier {
    pub(crate) issuer: IssuerRule,
    /// The names of this resource server: a response names one of them.
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) leeway: Duration,
    pub(crate) longest: usize,
}

impl IntrospectionVerifier {
    /// Verifies a response: its type, its issuer, its audience, its age and its signature. Then it reads what the
    /// response says; that is `None` if it does not say whether the token is active.
    pub(crate) fn verify(
        &self,
        response: &Secret,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<Said, VerificationError> {
        let mut scratch = Scratch::new();
        // No other kind of token has this type, so an access token never passes for a response about one.
        let typ_fits: fn(Option<&str>) -> bool =
            |typ| typ.is_some_and(|typ| is_type(typ, "token-introspection+jwt"));
        let algorithms = Allowed::DEFAULT.only(self.algorithms).set();
        let (text, longest) = (response.expose(), self.longest);
        let unverified = Unverified::read(text, longest, &mut scratch, algorithms, typ_fits)?;
        let claims = &unverified.claims;
        let iss = claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !self.issuer.fits(iss, unverified.payload) {
            return Err(VerificationError::Issuer);
        }
        let aud = claims.aud.ok_or(VerificationError::Missing("aud"))?;
        if !aud.any(|one| self.audiences.iter().any(|ours| ours == one)) {
            return Err(VerificationError::Audience);
        }
        // With these, a response could pass for an access token.
        for (name, there) in [("sub", claims.sub.is_some()), ("exp", claims.exp.is_some())] {
            if there {
                return Err(VerificationError::Value(name));
            }
        }
        let iat = claims.iat.ok_or(VerificationError::Missing("iat"))?;
        check_times(claims, self.leeway, now)?;
        let latest = iat.plus(MAX_AGE).plus(leeway_seconds(self.leeway));
        if latest < now {
            return Err(VerificationError::TooOld { ago: iat.until(now), allowed: iat.until(latest) });
        }
        unverified.check_signature(keys, algorithms, &self.issuer)?;
        let mut members = Members::parse(unverified.payload).map_err(VerificationError::Claims)?;
        let said = members.object("token_introspection").map_err(VerificationError::Claims)?;
        let said = said.ok_or(VerificationError::Missing("token_introspection"))?;
        Ok(IntrospectionResponse::parse(Members::new(said)))
    }
}
