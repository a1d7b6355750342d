//! DPoP proofs as a client makes them (RFC 9449 section 4.2).

use crate::{
    backend::sha256,
    base::{
        base64url,
        endpoint_url::EndpointUrl,
        json::Extra,
        moment::{Entropy, Timestamp},
        secret::Secret,
    },
    jose::{Algorithm, FromSigned, Jwk, Sign, SignError, ToSign},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::json;
use std::{fmt, sync::Arc};

pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The nonce that a server wants in the next proof (RFC 9449 sections 8 and 9), from the headers of any of its
/// responses. A driver keeps the newest one for each origin.
#[must_use]
pub fn dpop_nonce(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("dpop-nonce").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    // NQCHAR (section 8.1, RFC 6749 appendix A).
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    value.to_str().ok().filter(|nonce| !nonce.is_empty() && nonce.bytes().all(allowed))
}

/// A signed proof of one request. It is moved into the attempt that sends it, so nobody can send it twice.
#[derive(Debug)]
#[must_use = "a proof does nothing until an attempt takes it"]
pub struct Proof(Secret);

impl FromSigned for Proof {
    fn from_signed(token: Secret) -> Self {
        Self(token)
    }
}

impl Proof {
    /// The header that carries it.
    pub(crate) fn header(&self) -> Result<HeaderValue, SignError> {
        // A compact serialization is visible ASCII, so there is always a value.
        HeaderValue::from_str(self.0.expose()).map_err(|_| SignError::Failed)
    }
}

/// What a proof is of.
pub(crate) struct Proven<'p> {
    pub(crate) method: &'p Method,
    pub(crate) url: &'p EndpointUrl,
    pub(crate) nonce: Option<&'p str>,
    /// The access token that is sent with it.
    pub(crate) access_token: Option<&'p Secret>,
}

/// The key that a client proves its requests with: the public half, and the private one if it is at hand.
#[derive(Clone)]
pub(crate) struct Prover {
    jwk: Jwk,
    algorithm: Algorithm,
    key: Option<Arc<dyn Sign>>,
}

impl Prover {
    /// `None` if the key is a secret: nobody else could verify its proofs.
    pub(crate) fn new(key: Arc<dyn Sign>) -> Option<Self> {
        Some(Self { jwk: key.public_jwk()?, algorithm: key.algorithm(), key: Some(key) })
    }

    /// For a key that is elsewhere. `None` if it is a secret.
    pub(crate) fn elsewhere(jwk: Jwk, algorithm: Algorithm) -> Option<Self> {
        (jwk.kty != "oct" && !algorithm.is_symmetric()).then_some(Self { jwk, algorithm, key: None })
    }

    /// The private key, if it is at hand.
    pub(crate) fn key(&self) -> Option<&dyn Sign> {
        self.key.as_deref()
    }

    /// The proof of a request.
    pub(crate) fn to_sign(
        &self,
        proven: &Proven<'_>,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> ToSign<Proof> {
        let Proven { method, url, nonce, access_token } = proven;
        let mut htu = url.as_url().clone();
        htu.set_query(None);
        let mut header = Extra::new();
        header.insert("typ".to_owned(), "dpop+jwt".into());
        header.insert("jwk".to_owned(), self.jwk.bare());
        let mut claims =
            json!({"jti": entropy.token(), "htm": method.as_str(), "htu": htu.as_str(), "iat": now.0});
        if let Some(claims) = claims.as_object_mut() {
            claims.extend(nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
            claims.extend(access_token.map(|token| {
                ("ath".to_owned(), base64url::encode(&sha256(token.expose().as_bytes())).into())
            }));
        }
        ToSign::new(header, claims.to_string().as_bytes(), self.algorithm, None)
    }
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
