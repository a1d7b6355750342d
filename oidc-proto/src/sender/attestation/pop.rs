//! [`AttestationPop`]: the client instance shows that it has the key of its attestation
//! (draft-ietf-oauth-attestation-based-client-auth-10 section 5.1).

use crate::{
    base::{
        json::Extra,
        moment::{Entropy, Timestamp},
        secret::Secret,
    },
    jose::{FromSigned, SignError, ToSign},
    sender::proof::Prover,
};
use http::{HeaderName, HeaderValue};
use serde_json::json;

pub(crate) const ATTESTATION_POP: HeaderName = HeaderName::from_static("oauth-client-attestation-pop");

/// A signed Client Attestation PoP JWT for one request, for a client whose key is elsewhere, such as in the secure element
/// of a phone. The attempt that sends it consumes it, so no program can send it twice.
///
/// A client with its key in memory needs none of this: it signs anew for each request itself.
///
/// ```
/// use oidc_proto::{Error, Moment, flow::{Attempt, Client, Endpoint}};
///
/// /// Begins an attempt at the token endpoint with a signature from elsewhere.
/// fn attempt(client: &Client, sign: impl Fn(&[u8]) -> Vec<u8>, moment: Moment) -> Result<Attempt, Error> {
///     let to_sign = client.attestation_pop_to_sign(Endpoint::Token, moment)?;
///     let signature = sign(to_sign.signing_input());
///     Ok(Attempt::from(client).with_attestation_pop(to_sign.with_signature(&signature)))
/// }
/// ```
#[derive(Debug)]
#[must_use = "a proof of possession does nothing until an attempt takes it"]
pub struct AttestationPop(Secret);

impl FromSigned for AttestationPop {
    fn from_signed(token: Secret) -> Self {
        Self(token)
    }
}

impl AttestationPop {
    pub(crate) const fn jwt(&self) -> &Secret {
        &self.0
    }

    /// Returns the value of the header `OAuth-Client-Attestation-PoP`.
    pub(crate) fn header(&self) -> Result<HeaderValue, SignError> {
        // A compact serialization is visible ASCII, so this never fails.
        let mut value = HeaderValue::from_str(self.0.expose()).map_err(|_| SignError::Failed)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Makes the unsigned proof of possession for the provider with this issuer.
pub(crate) fn pop_to_sign(
    prover: &Prover,
    issuer: &str,
    challenge: Option<&str>,
    now: Timestamp,
    entropy: &mut Entropy,
) -> ToSign<AttestationPop> {
    let header = Extra::from_iter([("typ".to_owned(), "oauth-client-attestation-pop+jwt".into())]);
    let mut claims = json!({"aud": issuer, "jti": entropy.token(), "iat": now.0});
    if let Some(claims) = claims.as_object_mut() {
        claims.extend(challenge.map(|challenge| ("challenge".to_owned(), challenge.into())));
    }
    ToSign::new(header, claims.to_string().as_bytes(), prover.algorithm(), None)
}
