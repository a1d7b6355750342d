//! [`SignedAuthenticationRequest`]: an authentication request as a signed JWT (CIBA section 7.1.1), with a key that is
//! here or elsewhere.
//!
//! ```text
//! key at hand     BackchannelAuthenticationRequest::signed_by ─▶ a flow
//! key elsewhere   Client::backchannel_request_to_sign ─▶ ToSign ─signature─▶ SignedAuthenticationRequest ─▶ a flow
//! ```

use super::request::BackchannelAuthenticationRequest;
use crate::{
    base::{
        base64url,
        json::Extra,
        moment::{Entropy, Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::Client,
        contract::{ConfigError, Error},
    },
    jose::{Algorithm, AlgorithmSet, FromSigned, ToSign},
};
use serde_json::{Value, json};

/// How long a signed request is valid, in seconds.
const LIFETIME: i64 = 60;

/// An authentication request that is signed. It has a `jti`, so it is sent once: it can be neither cloned nor sent again.
#[must_use = "a signed request does nothing until a flow takes it"]
pub struct SignedAuthenticationRequest {
    pub(super) jwt: Secret,
}

/// The claims of a signed request that are about the JWT itself. The others are the parameters of the request.
const ABOUT_ITSELF: [&str; 6] = ["iss", "aud", "jti", "iat", "nbf", "exp"];

impl SignedAuthenticationRequest {
    /// Checks that this JWT is the signed form of this request, of this client and for this provider, and has not expired.
    /// Returns the notification token in it, if there is one. All its other values are those of the request.
    pub(super) fn check(
        &self,
        request: &BackchannelAuthenticationRequest,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<Secret>, ConfigError> {
        let mut claims = self.claims().ok_or(ConfigError::SignedRequest)?;
        let is = |name: &str, wanted: &str| claims.get(name).and_then(Value::as_str) == Some(wanted);
        let ours = is("iss", client.client_id()) && is("aud", &client.metadata().issuer);
        let fresh = claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| exp > now.0);
        if !ours || !fresh {
            return Err(ConfigError::SignedRequest);
        }
        let token = claims.get("client_notification_token").and_then(Value::as_str).map(Secret::new);
        if token.is_some() != request.mode.notifies() {
            return Err(ConfigError::Parameter("client_notification_token"));
        }
        claims.retain(|name, _| !ABOUT_ITSELF.contains(&name.as_str()));
        match claims == parameters_as_claims(request, token.as_ref())? {
            true => Ok(token),
            false => Err(ConfigError::SignedRequest),
        }
    }

    fn claims(&self) -> Option<Extra> {
        let payload = self.jwt.expose().split('.').nth(1)?;
        let payload = zeroize::Zeroizing::new(base64url::decode(payload)?);
        serde_json::from_slice(&payload).ok()
    }
}

/// Returns the parameters of a request as the claims of a JWT.
fn parameters_as_claims(
    request: &BackchannelAuthenticationRequest,
    notification_token: Option<&Secret>,
) -> Result<Extra, ConfigError> {
    let mut claims = Extra::new();
    for (name, value) in request.parameters(notification_token)? {
        let value = value.expose();
        match claims.get_mut(&*name) {
            // Only `resource` repeats, and it is a list then (RFC 8707 section 2).
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first.take(), value]),
            None => drop(claims.insert(name.into_owned(), value.into())),
        }
    }
    Ok(claims)
}

impl FromSigned for SignedAuthenticationRequest {
    fn from_signed(jwt: Secret) -> Self {
        Self { jwt }
    }
}

/// Shows nothing of the request.
impl std::fmt::Debug for SignedAuthenticationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignedAuthenticationRequest(..)")
    }
}

impl Client {
    /// Returns an authentication request for a key that is elsewhere to sign (CIBA section 7.1.1). It is valid for 60
    /// seconds. Give the result to [`signed_backchannel_authentication`](Self::signed_backchannel_authentication), together
    /// with the same request.
    ///
    /// # Errors
    /// As [`backchannel_authentication`](Self::backchannel_authentication), and
    /// [`ConfigError::NoBackchannelRequestAlgorithm`] if the provider does not list the algorithm.
    pub fn backchannel_request_to_sign(
        &self,
        request: &BackchannelAuthenticationRequest,
        algorithm: Algorithm,
        kid: Option<&str>,
        moment: Moment,
    ) -> Result<ToSign<SignedAuthenticationRequest>, Error> {
        request.check(self.metadata())?;
        let (now, mut entropy) = moment.split();
        let token = request.mode.notifies().then(|| Secret::new(entropy.token()));
        Ok(self.unsigned_request(request, token.as_ref(), (algorithm, kid), now, &mut entropy)?)
    }

    /// Makes the signed request, if a key at hand signs it.
    pub(super) fn signed_request(
        &self,
        request: &BackchannelAuthenticationRequest,
        notification_token: Option<&Secret>,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Option<SignedAuthenticationRequest>, Error> {
        let Some(signer) = &request.signer else { return Ok(None) };
        let key = &*signer.0;
        let header = (key.algorithm(), key.key_id());
        Ok(Some(self.unsigned_request(request, notification_token, header, now, entropy)?.sign(key)?))
    }

    fn unsigned_request(
        &self,
        request: &BackchannelAuthenticationRequest,
        notification_token: Option<&Secret>,
        (algorithm, kid): (Algorithm, Option<&str>),
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<ToSign<SignedAuthenticationRequest>, ConfigError> {
        let offered = self.metadata().backchannel_request_algorithms();
        // A shared secret proves nothing to others: the signature must be one of the client (section 7.1.1).
        if algorithm.is_symmetric() || !offered.contains(algorithm) {
            let usable = AlgorithmSet::EMPTY.with(algorithm);
            return Err(ConfigError::NoBackchannelRequestAlgorithm { offered, usable });
        }
        let mut claims = parameters_as_claims(request, notification_token)?;
        for (name, value) in [
            ("iss", self.client_id().into()),
            ("aud", self.metadata().issuer.as_str().into()),
            ("jti", entropy.token().into()),
            ("iat", now.0.into()),
            ("nbf", now.0.into()),
            ("exp", now.plus(LIFETIME).0.into()),
        ] {
            let _: Option<Value> = claims.insert(name.to_owned(), value);
        }
        let payload = zeroize::Zeroizing::new(Value::Object(claims).to_string());
        Ok(ToSign::new(Extra::new(), payload.as_bytes(), algorithm, kid))
    }
}
