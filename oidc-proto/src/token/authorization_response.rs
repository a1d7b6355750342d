//! [`AuthorizationResponseVerifier`]: checks signed authorization responses (JWT Secured Authorization Response Mode
//! for OAuth 2.0, JARM, sections 2.1 and 2.4).

use super::{
    Claims, Scratch, VerificationError,
    claims::{DEFAULT_LEEWAY, Text, check_times},
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
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, fmt, time::Duration};
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
    /// Whether `iss` may come twice.
    doubled_iss: bool,
}

impl AuthorizationResponseVerifier {
    /// Accepts responses from this issuer to this client, signed with any algorithm of
    /// [`AlgorithmSet::DEFAULT`].
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: IssuerRule::exact(issuer),
            client_id: client_id.into(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
            longest: MAX_TOKEN,
            doubled_iss: false,
        }
    }

    /// Accepts responses from every issuer that fits this rule, instead of the one given to [`new`](Self::new).
    #[must_use]
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.issuer = rule;
        self
    }

    /// Accepts these signature algorithms only. The default is [`AlgorithmSet::DEFAULT`]. A second call can only narrow the
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

    /// Accepts a response that has `iss` twice, with the same value. Keycloak sends it so. Two values that differ, and any
    /// other member that repeats, are still refused. A client does this by
    /// [`Quirks::doubled_iss_in_authorization_response`](crate::message::Quirks::doubled_iss_in_authorization_response).
    #[must_use]
    pub const fn accept_doubled_iss(mut self) -> Self {
        self.doubled_iss = true;
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
        let mend: fn(&mut Vec<u8>) = if self.doubled_iss { with_one_iss } else { |_| () };
        let text = response.expose();
        Unverified::read_mended(text, self.longest, scratch, self.algorithms.set(), typ_fits, mend)
    }

    fn check(&self, claims: &Claims<'_>, now: Timestamp) -> Result<(), VerificationError> {
        if !claims.aud.ok_or(VerificationError::Missing("aud"))?.contains(&self.client_id) {
            return Err(VerificationError::Audience);
        }
        claims.exp.ok_or(VerificationError::Missing("exp"))?;
        check_times(claims, self.leeway, now)
    }
}

/// The members of an object in their order, each with its value as it is written.
struct Written<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Written<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Written<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Written<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some((Text(name), value)) = members.next_entry()? {
                    all.push((name.unwrap_or_default(), value));
                }
                Ok(Written(all))
            }
        }
        from.deserialize_map(V)
    }
}

/// Leaves out the second `iss` of a payload that has two with the same value. Every other payload stays as it is, and is
/// refused later if a member repeats.
fn with_one_iss(payload: &mut Vec<u8>) {
    if let Some(once) = one_iss(payload) {
        payload.clear();
        payload.extend_from_slice(&once);
    }
}

fn one_iss(payload: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let Written(members) = serde_json::from_slice(payload).ok()?;
    let places = members.iter().enumerate().filter(|(_, (name, _))| name == "iss");
    let issuers: Option<Vec<(usize, String)>> =
        places.map(|(at, (_, value))| Some((at, serde_json::from_str(value.get()).ok()?))).collect();
    let [(_, first), (second, again)] = &issuers?[..] else { return None };
    if first != again {
        return None;
    }
    let mut once = Zeroizing::new(Vec::with_capacity(payload.len()));
    for (at, (name, value)) in members.iter().enumerate().filter(|(at, _)| at != second) {
        once.push(if at == 0 { b'{' } else { b',' });
        once.extend_from_slice(serde_json::to_string(name).ok()?.as_bytes());
        once.push(b':');
        once.extend_from_slice(value.get().as_bytes());
    }
    once.push(b'}');
    Some(once)
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
