//! [`Proof`]: makes the DPoP proofs of a client (RFC 9449 section 4.2).

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

/// The maximum length of a nonce that is kept, in bytes. A longer one is ignored. It is no setting: a nonce is repeated in
/// the header of each request, where many servers accept 8 KB for all headers together.
pub const MAX_NONCE: usize = 1024;

/// Returns the nonce that a server wants in the next proof, from the headers of any of its responses (RFC 9449 sections
/// 8 and 9). [`DpopNonces`](super::DpopNonces) keeps the newest one of each server. A nonce of more than
/// [`MAX_NONCE`](super::MAX_NONCE) bytes counts as none, because its proof would be too long for a header.
///
/// ```
/// let response = http::Response::builder().status(401).header("DPoP-Nonce", "eyJ7S_zG.eyJH0-Z").body(())?;
/// assert_eq!(oidc_proto::sender::dpop_nonce(response.headers()), Some("eyJ7S_zG.eyJH0-Z"));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn dpop_nonce(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("dpop-nonce").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    // A nonce consists of NQCHAR (RFC 9449 section 8.1, RFC 6749 appendix A).
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let is_nonce = |nonce: &&str| (1..=MAX_NONCE).contains(&nonce.len()) && nonce.bytes().all(allowed);
    value.to_str().ok().filter(is_nonce)
}

/// A signed DPoP proof of one request, for a client whose key is elsewhere, such as in an HSM. The attempt that sends
/// it consumes it, so no program can send it twice.
///
/// A client with its key in memory needs none of this: it makes its proofs itself.
///
/// ```
/// use oidc_proto::{Error, Moment, flow::{Client, Endpoint}, sender::Proof};
///
/// /// Makes the proof of a request to the token endpoint with a signature from elsewhere.
/// fn prove(client: &Client, sign: impl Fn(&[u8]) -> Vec<u8>, moment: Moment) -> Result<Proof, Error> {
///     let to_sign = client.proof_to_sign(Endpoint::Token, None, moment)?;
///     let signature = sign(to_sign.signing_input());
///     Ok(to_sign.with_signature(&signature)) // Pass it to `Attempt::with_proof`.
/// }
/// ```
#[derive(Debug)]
#[must_use = "a proof does nothing until an attempt takes it"]
pub struct Proof(Secret);

impl FromSigned for Proof {
    fn from_signed(token: Secret) -> Self {
        Self(token)
    }
}

impl Proof {
    /// Returns the value of the `DPoP` header.
    pub(crate) fn header(&self) -> Result<HeaderValue, SignError> {
        // A compact serialization is visible ASCII, so this never fails.
        let mut value = HeaderValue::from_str(self.0.expose()).map_err(|_| SignError::Failed)?;
        // Whoever sends it first uses it up.
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The request that a proof is for.
pub(crate) struct Proven<'p> {
    pub(crate) method: &'p Method,
    pub(crate) url: &'p EndpointUrl,
    pub(crate) nonce: Option<&'p str>,
    /// The access token of the request.
    pub(crate) access_token: Option<&'p Secret>,
}

/// The key with which a client proves its requests: the public half, and the private half if it is in memory.
#[derive(Clone)]
pub(crate) struct Prover {
    public: PublicKey,
    algorithm: Algorithm,
    key: Option<Arc<dyn Sign>>,
}

/// A public key and its thumbprint.
#[derive(Clone)]
pub(crate) struct PublicKey {
    jwk: Jwk,
    thumbprint: String,
}

impl PublicKey {
    /// Returns `None` for a shared secret, with which no server could verify a proof, and for a key without a thumbprint,
    /// to which no token could be bound.
    fn of(jwk: Jwk) -> Option<Self> {
        let thumbprint = jwk.thumbprint().filter(|_| jwk.kty != "oct")?;
        Some(Self { jwk, thumbprint })
    }
}

impl Prover {
    /// Makes a prover with a private key. `None` if no server could verify its proofs.
    pub(crate) fn new(key: Arc<dyn Sign>) -> Option<Self> {
        let public = PublicKey::of(key.public_jwk()?)?;
        Some(Self { public, algorithm: key.algorithm(), key: Some(key) })
    }

    /// Makes a prover for a private key that is elsewhere. `None` if no server could verify its proofs.
    pub(crate) fn elsewhere(jwk: Jwk, algorithm: Algorithm) -> Option<Self> {
        let public = PublicKey::of(jwk).filter(|_| !algorithm.is_symmetric())?;
        Some(Self { public, algorithm, key: None })
    }

    /// Returns the prover with another name of its algorithm.
    pub(crate) fn named(&self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self.clone() }
    }

    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the thumbprint of the public half (RFC 7638).
    pub(crate) fn thumbprint(&self) -> &str {
        &self.public.thumbprint
    }

    /// Returns the private key, if it is in memory.
    pub(crate) fn key(&self) -> Option<&dyn Sign> {
        self.key.as_deref()
    }

    /// Makes the unsigned proof of a request.
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
        header.insert("jwk".to_owned(), self.public.jwk.bare());
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
