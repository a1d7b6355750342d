//! [`AuthorizationResponseVerifier`]: checks signed authorization responses (JWT Secured Authorization Response Mode
//! for OAuth 2.0, JARM, sections 2.1 and 2.4).

use super::{
    Claims, Scratch, VerificationError,
    claims::{DEFAULT_LEEWAY, check_times},
    jwt::{MAX_TOKEN, Unverified, is_type},
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

/// Verifies signed authorization responses (JARM section 2.4). Make one for each client.
///
/// A provider that supports JARM sends the parameters of its response as the claims of one JWT, in the parameter
/// `response`. A [`Client`](crate::flow::Client) verifies it itself; this type is for a program without one.
///
/// ```
/// use oidc_proto::{Secret, Timestamp, jose::KeySet, token::AuthorizationResponseVerifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = AuthorizationResponseVerifier::new("https://op.example", "app");
/// let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let response = Secret::new(
///     "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUiLCJhdWQiOiJhcHAiLCJleHAiO\
///      jE4MDAwMDAwNjAsImNvZGUiOiJTcGx4bE9CZVpRUVliWVM2V3hTYklBIiwic3RhdGUiOiJhZjBpZmpzbGRraiJ9.mT9C6HqV\
///      S16t-uO1NUJ86P1rzAkzJJH-6wTS0EQqqH2ad2mGRKCQNDDiYB2HfgzqvSi_EHnlxuPfS1qM3RxiCA",
/// );
///
/// let parameters = verifier.verify(&response, &keys, Timestamp(1_800_000_000))?;
/// assert_eq!(parameters.state.as_deref(), Some("af0ifjsldkj")); // Compare it with the state you sent.
/// assert!(parameters.code.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AuthorizationResponseVerifier {
    issuer: IssuerRule,
    client_id: String,
    algorithms: Allowed,
    leeway: Duration,
    longest: usize,
}

impl AuthorizationResponseVerifier {
    /// Accepts responses from this issuer to this client, signed with any asymmetric algorithm.
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: IssuerRule::exact(issuer),
            client_id: client_id.into(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
            longest: MAX_TOKEN,
        }
    }

    /// Accepts responses from every issuer that fits this rule, instead of the one given to [`new`](Self::new).
    #[must_use]
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.issuer = rule;
        self
    }

    /// Accepts these signature algorithms only. The default is every asymmetric one. A second call can only narrow the
    /// set: the verifier accepts the algorithms that every call names. With an empty set, it refuses every response.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.only(algorithms);
        self
    }

    /// Sets how far the issuer's clock may be ahead of ours or behind it. The default is
    /// [`DEFAULT_LEEWAY`](super::DEFAULT_LEEWAY), the maximum [`MAX_LEEWAY`](super::MAX_LEEWAY).
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the longest response, in bytes; the default is [`MAX_TOKEN`].
    #[must_use]
    pub const fn max_token(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// Verifies a signed response: its issuer, audience, times and signature. The result is like an unsigned response
    /// that came directly from the provider. The caller must still compare its `state`.
    ///
    /// # Errors
    /// [`VerificationError`] names the rule that the response breaks.
    pub fn verify(
        &self,
        response: &Secret,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<AuthorizationResponse, VerificationError> {
        let mut scratch = Scratch::new();
        let unverified = self.read(response, &mut scratch)?;
        let iss = unverified.claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !self.issuer.fits(iss, unverified.payload) {
            return Err(VerificationError::Issuer);
        }
        self.check(&unverified.claims, now)?;
        unverified.check_signature(keys, self.algorithms.set(), &self.issuer)?;
        parameters(unverified.payload)
    }

    /// Reads the parameters of a response and verifies nothing: anybody could have written them.
    pub(crate) fn claimed(&self, response: &Secret) -> Result<AuthorizationResponse, VerificationError> {
        parameters(self.read(response, &mut Scratch::new())?.payload)
    }

    /// Whether the set of algorithms is empty, so that every response is refused.
    pub(crate) const fn accepts_nothing(&self) -> bool {
        self.algorithms.set().is_empty()
    }

    fn read<'s, 't>(
        &self,
        response: &'t Secret,
        scratch: &'s mut Scratch,
    ) -> Result<Unverified<'s, 't>, VerificationError> {
        let typ_fits: fn(Option<&str>) -> bool = |typ| typ.is_none_or(|typ| is_type(typ, "jwt"));
        Unverified::read(response.expose(), self.longest, scratch, self.algorithms.set(), typ_fits)
    }

    fn check(&self, claims: &Claims<'_>, now: Timestamp) -> Result<(), VerificationError> {
        if !claims.aud.ok_or(VerificationError::Missing("aud"))?.contains(&self.client_id) {
            return Err(VerificationError::Audience);
        }
        claims.exp.ok_or(VerificationError::Missing("exp"))?;
        check_times(claims, self.leeway, now)
    }
}

/// Reads the claims that are parameters of the response, as a form would have them.
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
                    // A form would have only the digits of a number of seconds.
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
