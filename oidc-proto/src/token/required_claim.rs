//! [`RequiredClaim`]: the claims that RFC 9068 demands of an access token, and that some providers leave out.

use super::{Claims, VerificationError};

/// A claim that an access token with the header `typ` of `at+jwt` must have (RFC 9068 section 2.2), unless a verifier
/// does without it: see [`AccessTokenVerifier::without_required_claim`](super::AccessTokenVerifier::without_required_claim).
///
/// ```
/// use oidc_proto::token::{AccessTokenVerifier, RequiredClaim};
///
/// let verifier = AccessTokenVerifier::new("https://op.example/realms/shop", "https://api.example")
///     .without_required_claim(RequiredClaim::ClientId); // Keycloak names the client in `azp`.
/// # let _ = verifier;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequiredClaim {
    /// The subject, `sub`. A token without it must name the client.
    Sub,
    /// The client, `client_id`. A token without it may name the client in `azp`.
    ClientId,
    /// The time at which the token was issued, `iat`.
    Iat,
    /// The identifier of the token, `jti`.
    Jti,
}

/// The required claims that a verifier does without.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waived(u8);

impl Waived {
    pub(super) const fn and(self, claim: RequiredClaim) -> Self {
        Self(self.0 | Self::bit(claim))
    }

    const fn bit(claim: RequiredClaim) -> u8 {
        match claim {
            RequiredClaim::Sub => 1,
            RequiredClaim::ClientId => 2,
            RequiredClaim::Iat => 4,
            RequiredClaim::Jti => 8,
        }
    }

    const fn has(self, claim: RequiredClaim) -> bool {
        self.0 & Self::bit(claim) != 0
    }

    /// Checks that a token with the header `typ` of `at+jwt` has every claim that is not waived, and that it names
    /// somebody. A claim that is present is never empty.
    pub(super) fn check(self, claims: &Claims<'_>) -> Result<(), VerificationError> {
        if claims.iat.is_none() && !self.has(RequiredClaim::Iat) {
            return Err(VerificationError::Missing("iat"));
        }
        for (claim, name, value) in [
            (RequiredClaim::Sub, "sub", &claims.sub),
            (RequiredClaim::ClientId, "client_id", &claims.client_id),
            (RequiredClaim::Jti, "jti", &claims.jti),
        ] {
            match value.as_deref() {
                None if self.has(claim) => {}
                None => return Err(VerificationError::Missing(name)),
                Some("") => return Err(VerificationError::Value(name)),
                Some(_) => {}
            }
        }
        let client = claims.client_id.is_some() || claims.azp.as_deref().is_some_and(|azp| !azp.is_empty());
        if claims.sub.is_none() && !client { Err(VerificationError::Missing("sub")) } else { Ok(()) }
    }
}
