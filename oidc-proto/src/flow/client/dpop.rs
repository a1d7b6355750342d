//! The DPoP proofs of a client (RFC 9449), one for each request, made with a key that is here or elsewhere.
//!
//! ```text
//! key at hand     Client ─▶ a flow
//! key elsewhere   Client ─▶ ToSign ─signature─▶ Proof ─▶ Attempt::with_proof ─▶ one flow of one attempt
//! ```

mod key;

pub(super) use key::ClientKey;
pub use key::DpopKey;
pub(in crate::flow) use key::is_thumbprint;

use super::{assertion::Attempt, client::Client, settings::UserInfoMethod};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        moment::{Entropy, Moment, Timestamp},
        secret::Secret,
    },
    flow::contract::{ConfigError, Endpoint, Error},
    jose::ToSign,
    sender::{Proof, Proven, dpop_nonce},
};
use http::{HeaderMap, HeaderValue, Method};

impl Client {
    /// Returns the proof of one request to an endpoint, for a key that is elsewhere to sign. Its public half is that
    /// of [`ClientBuilder::dpop_public_key`](crate::flow::ClientBuilder::dpop_public_key). `access_token` is the
    /// token that the request sends: there is one at the UserInfo endpoint, and none at the token endpoint.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no such endpoint; [`ConfigError::NoProof`] if the client has no
    /// DPoP key; [`ConfigError::UnwantedProof`] for an endpoint that takes no proof.
    pub fn proof_to_sign(
        &self,
        endpoint: Endpoint,
        access_token: Option<&Secret>,
        moment: Moment,
    ) -> Result<ToSign<Proof>, Error> {
        let prover = self.prover().ok_or(ConfigError::NoProof)?;
        if !matches!(endpoint, Endpoint::Token | Endpoint::UserInfo | Endpoint::PushedAuthorizationRequest) {
            return Err(ConfigError::UnwantedProof.into());
        }
        let url = self.endpoint(endpoint)?;
        let get = endpoint == Endpoint::UserInfo && self.inner().userinfo_method == UserInfoMethod::Get;
        let method = if get { Method::GET } else { Method::POST };
        let (now, mut entropy) = moment.split();
        let proven = Proven { method: &method, url, nonce: self.dpop_nonce(url), access_token };
        Ok(prover.to_sign(&proven, now, &mut entropy))
    }

    /// Returns the `DPoP` header of a request that your program itself sends to a protected resource (RFC 9449 section 7).
    /// The request has the access token as `Authorization: DPoP …`. Send the header once: each request needs another one.
    /// If the resource answers with a nonce, let [`DpopNonces`](crate::sender::DpopNonces) learn it and give them to
    /// [`with_dpop_nonces`](Client::with_dpop_nonces); a proof has the nonce of its own server and no other.
    ///
    /// # Errors
    /// [`ConfigError::NoProof`] if the client has no DPoP key here; [`Error::Sign`] if the key fails to sign.
    pub fn resource_proof(
        &self,
        method: &Method,
        url: &EndpointUrl,
        access_token: &Secret,
        moment: Moment,
    ) -> Result<HeaderValue, Error> {
        let (now, mut entropy) = moment.split();
        let proof = self.prove(None, (method, url), None, Some(access_token), now, &mut entropy)?;
        proof.ok_or_else(|| ConfigError::NoProof.into())
    }

    /// Returns this client with the nonce that a response of this endpoint has for the next proof, if it has one (RFC 9449
    /// section 8.2).
    pub(in crate::flow) fn having_seen(&self, endpoint: Endpoint, headers: &HeaderMap) -> Self {
        match self.prover().and_then(|_| dpop_nonce(headers)) {
            Some(nonce) => self.with_dpop_nonce(endpoint, nonce),
            None => self.clone(),
        }
    }

    /// Returns the DPoP header of a request, if this client proves its requests. `prepared` is a proof that was signed
    /// elsewhere.
    pub(in crate::flow) fn prove(
        &self,
        prepared: Option<Proof>,
        (method, url): (&Method, &EndpointUrl),
        nonce: Option<&str>,
        access_token: Option<&Secret>,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Option<HeaderValue>, Error> {
        let Some(prover) = self.prover() else {
            return if prepared.is_none() { Ok(None) } else { Err(ConfigError::UnwantedProof.into()) };
        };
        let proof = match (prepared, prover.key()) {
            (Some(proof), _) => proof,
            (None, Some(key)) => {
                let nonce = nonce.or_else(|| self.dpop_nonce(url));
                prover.to_sign(&Proven { method, url, nonce, access_token }, now, entropy).sign(key)?
            }
            (None, None) => return Err(ConfigError::NoProof.into()),
        };
        Ok(Some(proof.header()?))
    }
}

impl Attempt {
    /// Adds a proof that was signed elsewhere to the request of this attempt. The request is sent once: if the server
    /// demands another nonce, the flow ends with that nonce in
    /// [`OAuthError::dpop_nonce`](crate::flow::OAuthError::dpop_nonce). Give the nonce to [`Client::with_dpop_nonce`]
    /// and begin again. A request that takes no proof ends in [`ConfigError::UnwantedProof`], and is not sent.
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.prepared.proof = Some(proof);
        self
    }
}
