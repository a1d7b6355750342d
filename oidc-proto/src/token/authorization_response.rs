//! Signed authorization responses (JWT Secured Authorization Response Mode for OAuth 2.0, JARM, sections 2.1 and 2.4).

use super::{
    Claims, Scratch, VerificationError,
    claims::{DEFAULT_LEEWAY, check_times},
    jwt::{Unverified, is_type},
};
use crate::{
    base::{
        json::{Members, integer},
        moment::Timestamp,
        secret::Secret,
    },
    jose::{AlgorithmSet, Allowed, KeySet},
    message::AuthorizationResponse,
    metadata::IssuerRule,
};
use serde_json::Value;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a client demands of signed authorization responses. Made once.
#[derive(Clone, Debug)]
pub struct AuthorizationResponseVerifier {
    issuer: IssuerRule,
    client_id: String,
    algorithms: Allowed,
    leeway: Duration,
}

impl AuthorizationResponseVerifier {
    /// Accepts responses of this issuer to this client, signed with any asymmetric algorithm.
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: IssuerRule::exact(issuer),
            client_id: client_id.into(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
        }
    }

    /// Accepts responses of the issuers of this rule, instead of the one named first.
    #[must_use]
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.issuer = rule;
        self
    }

    /// Accepts these algorithms only: those that every call names, if called again. With an empty set, no
    /// response is accepted.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.only(algorithms);
        self
    }

    /// Sets how far, in seconds, the issuer's clock may be from ours, either way.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Verifies a signed response: issuer, audience, times, signature. What comes out is as good as a response
    /// that came unsigned from the provider itself; its `state` has still to be compared.
    ///
    /// # Errors
    /// [`VerificationError`] names the clause that the response breaks.
    pub fn verify(
        &self,
        response: &Secret,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<AuthorizationResponse, VerificationError> {
        let mut scratch = Scratch::new();
        let unverified = read(response, &mut scratch, self.algorithms.set())?;
        let iss = unverified.claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !self.issuer.fits(iss, unverified.payload) {
            return Err(VerificationError::Issuer);
        }
        self.check(&unverified.claims, now)?;
        unverified.check_signature(keys, self.algorithms.set(), &self.issuer)?;
        parameters(unverified.payload)
    }

    /// The parameters of a response as whoever made it has written them: nothing is verified.
    pub(crate) fn claimed(&self, response: &Secret) -> Result<AuthorizationResponse, VerificationError> {
        parameters(read(response, &mut Scratch::new(), self.algorithms.set())?.payload)
    }

    /// Whether no algorithm is left to accept a response with.
    pub(crate) const fn accepts_nothing(&self) -> bool {
        self.algorithms.set().is_empty()
    }

    fn check(&self, claims: &Claims<'_>, now: Timestamp) -> Result<(), VerificationError> {
        if !claims.aud.ok_or(VerificationError::Missing("aud"))?.contains(&self.client_id) {
            return Err(VerificationError::Audience);
        }
        claims.exp.ok_or(VerificationError::Missing("exp"))?;
        check_times(claims, self.leeway, now)
    }
}

fn read<'s, 't>(
    response: &'t Secret,
    scratch: &'s mut Scratch,
    algorithms: AlgorithmSet,
) -> Result<Unverified<'s, 't>, VerificationError> {
    let typ_fits: fn(Option<&str>) -> bool = |typ| typ.is_none_or(|typ| is_type(typ, "jwt"));
    Unverified::read(response.expose(), scratch, algorithms, typ_fits)
}

/// The claims that are parameters of the response, as a form would have them.
fn parameters(payload: &[u8]) -> Result<AuthorizationResponse, VerificationError> {
    const OF_THE_JWT: [&str; 5] = ["aud", "exp", "nbf", "iat", "jti"];
    const TEXTS: [&str; 9] = [
        "code",
        "id_token",
        "access_token",
        "token_type",
        "scope",
        "state",
        "error",
        "error_description",
        "error_uri",
    ];
    let mut parameters = Vec::new();
    for (name, value) in Members::parse(payload).map_err(VerificationError::Claims)?.rest() {
        if OF_THE_JWT.contains(&name.as_str()) {
            continue;
        }
        let text = match value {
            Value::String(text) => text,
            Value::Null => continue,
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                match TEXTS.into_iter().find(|known| *known == name) {
                    Some(known) => return Err(VerificationError::Value(known)),
                    // Of a number of seconds, a form would have the digits alone.
                    None => match other.as_f64().and_then(integer) {
                        Some(seconds) if name == "expires_in" => seconds.to_string(),
                        Some(_) | None => other.to_string(),
                    },
                }
            }
        };
        parameters.push((name, Zeroizing::new(text)));
    }
    Ok(AuthorizationResponse::from_parameters(parameters))
}
