//! [`ClientAttestation`]: what a client attester says about an instance of a client
//! (draft-ietf-oauth-attestation-based-client-auth-10 section 4).
//!
//! The attester gives it to the client instance. The client instance sends it to the provider, with an [`AttestationPop`] of
//! its own.
//!
//! The client reads the attestation and does not verify its signature: the provider does that. The checks here find an
//! attestation that the provider would refuse, before anything is sent.

mod challenges;
mod error;
mod pop;

pub use challenges::{AttestationChallenges, attestation_challenge};
pub use error::AttestationError;
pub use pop::AttestationPop;

pub(crate) use challenges::challenge_text;
pub(crate) use pop::{ATTESTATION_POP, pop_to_sign};

use crate::{
    backend::sha256,
    base::{base64url, json::Members, moment::Timestamp, secret::Secret},
    jose::{Compact, Jwk},
};
use http::{HeaderName, HeaderValue};
use std::fmt;

pub(crate) const ATTESTATION: HeaderName = HeaderName::from_static("oauth-client-attestation");

/// The type of a client attestation.
const TYPE: &str = "oauth-client-attestation+jwt";

/// The longest client attestation, in bytes. It is no setting: many servers accept 8 KB for all headers together
/// (draft-ietf-oauth-attestation-based-client-auth-10 section 9.5).
pub const MAX_ATTESTATION: usize = 8 * 1024;

/// A Client Attestation JWT: the attester, which is the backend of the client, vouches for one instance of the client and
/// for its key. It may be sent with any number of requests until it expires. Cheap to clone.
///
/// Give it to [`ClientBuilder::attestation`](crate::flow::ClientBuilder::attestation), and a newer one to
/// [`Client::with_attestation`](crate::flow::Client::with_attestation).
///
/// ```
/// use oidc_proto::{Timestamp, sender::{AttestationError, ClientAttestation}};
/// # use base64::prelude::{BASE64_URL_SAFE_NO_PAD as B64, Engine};
///
/// # let header = B64.encode(r#"{"typ": "oauth-client-attestation+jwt", "alg": "ES256"}"#);
/// # let claims = B64.encode(r#"{"sub": "my-app", "exp": 1800003600, "cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519",
/// #     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}}"#);
/// # let from_the_attester = format!("{header}.{claims}.c2lnbmF0dXJl");
/// let attestation = ClientAttestation::parse(from_the_attester)?;
/// assert_eq!(attestation.client_id(), "my-app");
/// assert!(!attestation.is_expired(Timestamp(1_800_000_000)));
///
/// assert_eq!(ClientAttestation::parse("eyJ…").unwrap_err(), AttestationError::Malformed);
/// # Ok::<(), AttestationError>(())
/// ```
#[derive(Clone)]
pub struct ClientAttestation {
    jwt: Secret,
    algorithm: String,
    client_id: String,
    expires_at: Timestamp,
    thumbprint: String,
}

impl ClientAttestation {
    /// Reads an attestation. Its signature is not verified: only the provider knows the keys of its attesters.
    ///
    /// # Errors
    /// [`AttestationError`] says what an attestation must have and this one has not.
    pub fn parse(jwt: impl Into<Secret>) -> Result<Self, AttestationError> {
        let jwt = jwt.into();
        if jwt.expose().len() > MAX_ATTESTATION {
            return Err(AttestationError::TooLong);
        }
        let [mut header, mut claims] = parts(jwt.expose()).ok_or(AttestationError::Malformed)?;
        let text = |members: &mut Members, name| {
            let read = members.string(name).ok().flatten().filter(|text| !text.is_empty());
            read.ok_or(AttestationError::Missing(name))
        };
        if text(&mut header, "typ").ok().as_deref() != Some(TYPE) {
            return Err(AttestationError::Type);
        }
        let algorithm = text(&mut header, "alg")?;
        let client_id = text(&mut claims, "sub")?;
        let expires_at = claims.date("exp").ok().flatten().ok_or(AttestationError::Missing("exp"))?;
        let confirmed = claims.object("cnf").ok().flatten().map(Members::new);
        let key = confirmed.and_then(|mut cnf| cnf.object("jwk").ok().flatten());
        let key = key.ok_or(AttestationError::Missing("cnf"))?;
        // A private key would no longer be the client's alone.
        let is_private = PRIVATE.iter().any(|member| key.contains_key(*member));
        let thumbprint = Jwk::from_members(key).ok().and_then(|key| key.thumbprint());
        let thumbprint = thumbprint.filter(|_| !is_private).ok_or(AttestationError::Key)?;
        if algorithm == "none" {
            return Err(AttestationError::Malformed);
        }
        Ok(Self { jwt, algorithm, client_id, expires_at: Timestamp(expires_at), thumbprint })
    }

    /// Returns the client that the attestation is for (`sub`).
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the time from which on the attestation counts no more (`exp`).
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether the attestation counts no more at this time.
    #[must_use]
    pub const fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.0 <= now.0
    }

    /// Returns the SHA-256 thumbprint (RFC 7638) of the key that the attestation is bound to (`cnf`).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Returns the algorithm of the signature, as the attester wrote it.
    pub(crate) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    pub(crate) const fn jwt(&self) -> &Secret {
        &self.jwt
    }

    /// Returns the value of the header `OAuth-Client-Attestation`.
    pub(crate) fn header(&self) -> HeaderValue {
        // A compact serialization is visible ASCII, so there is always a value.
        let value = HeaderValue::from_str(self.jwt.expose());
        let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

/// The members of a JWK that only the owner of the key may know (RFC 7518 section 6, RFC 9964 section 2).
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", "k"];

/// Returns the header and the claims of a signed JWT.
fn parts(jwt: &str) -> Option<[Members; 2]> {
    let Compact { header, payload, signature, .. } = Compact::split(jwt).ok()?;
    let object = |part| Members::parse(&base64url::decode(part)?).ok();
    base64url::decode(signature).filter(|signature| !signature.is_empty())?;
    Some([object(header)?, object(payload)?])
}

/// Two attestations are the same if they are the same text.
impl PartialEq for ClientAttestation {
    fn eq(&self, other: &Self) -> bool {
        sha256(self.jwt.expose().as_bytes()) == sha256(other.jwt.expose().as_bytes())
    }
}

impl Eq for ClientAttestation {}

/// Shows when the attestation expires, and not the attestation.
impl fmt::Debug for ClientAttestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAttestation").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "attestation_tests.rs"]
mod tests;
