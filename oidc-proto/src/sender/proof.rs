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
    jose::{Sign, SignError, ToSign},
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

/// The key that a client proves its requests with.
#[derive(Clone)]
pub(crate) struct Prover(Arc<dyn Sign>);

impl Prover {
    /// `None` if the key is a secret: nobody else could verify its proofs.
    pub(crate) fn new(key: Arc<dyn Sign>) -> Option<Self> {
        key.public_jwk().is_some().then_some(Self(key))
    }

    /// The header of a request; `access_token` is the one that is sent with it.
    pub(crate) fn prove(
        &self,
        method: &Method,
        url: &EndpointUrl,
        nonce: Option<&str>,
        access_token: Option<&Secret>,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<HeaderValue, SignError> {
        let Self(key) = self;
        let mut htu = url.as_url().clone();
        htu.set_query(None);
        let jwk = key.public_jwk().ok_or(SignError::AlgorithmMismatch)?;
        let mut header = Extra::new();
        header.insert("typ".to_owned(), "dpop+jwt".into());
        header.insert("jwk".to_owned(), jwk.bare());
        let mut claims =
            json!({"jti": entropy.token(), "htm": method.as_str(), "htu": htu.as_str(), "iat": now.0});
        if let Some(claims) = claims.as_object_mut() {
            claims.extend(nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
            claims.extend(access_token.map(|token| {
                ("ath".to_owned(), base64url::encode(&sha256(token.expose().as_bytes())).into())
            }));
        }
        let claims = claims.to_string();
        let proof: String = ToSign::new(header, claims.as_bytes(), key.algorithm(), None).sign(&**key)?;
        // A compact serialization is visible ASCII, so there is always a value.
        HeaderValue::from_str(&proof).map_err(|_| SignError::Failed)
    }
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover").field("algorithm", &self.0.algorithm()).finish_non_exhaustive()
    }
}
