//! How a client sends its authorization requests: pushed ahead (RFC 9126 section 6), signed in a request object
//! (RFC 9101 section 10.5), or plain. These are the settings for it.

use super::{
    builder::ClientBuilder,
    choice::AssertionKey,
    client::Client,
    request_object::{allowed, to_sign},
    settings::Signer,
};
use crate::{
    base::{json::Extra, secret::Secret},
    flow::contract::{ConfigError, Error},
    jose::{Algorithm, AlgorithmSet, Sign, ToSign},
};
use std::sync::Arc;

impl ClientBuilder {
    /// States that the registration demands pushed authorization requests (RFC 9126 section 6). The handle then pushes
    /// each request, and [`Client::authorize`] is refused. Without this, only a provider whose metadata demand it gets
    /// pushed requests.
    pub const fn require_pushed_authorization_requests(mut self) -> Self {
        self.requests.pushed = true;
        self
    }

    /// States that the registration demands signed request objects (RFC 9101 section 10.5). Each authorization request is
    /// then signed, by URL and pushed. Without this, only a provider whose metadata demand it gets signed requests.
    pub const fn require_signed_request_object(mut self) -> Self {
        self.requests.signed = true;
        self
    }

    /// Adds a key that signs request objects and nothing else. Without one, a [`signer`](Self::signer) signs them. Of
    /// several keys, the first signs whose algorithm the provider lists (`request_object_signing_alg_values_supported`).
    /// If the key is elsewhere, use [`PreparedRequest::to_sign`](crate::flow::PreparedRequest::to_sign).
    pub fn request_object_signer(mut self, key: Arc<dyn Sign>) -> Self {
        self.requests.signers.push(Signer(key));
        self
    }

    /// Sets the registered algorithm of request objects: no other signs, whatever the provider lists. `HS256`, `HS384` and
    /// `HS512` sign with the client secret. By default, a key signs with its own algorithm, and a client without a key
    /// signs with its secret only if the provider lists one of these three.
    pub const fn request_object_signing_alg(mut self, algorithm: Algorithm) -> Self {
        self.requests.algorithm = Some(algorithm);
        self
    }
}

impl Client {
    /// Whether authorization requests must be pushed: the provider's metadata demand it, or the
    /// [registration](ClientBuilder::require_pushed_authorization_requests).
    #[must_use]
    pub fn requires_pushed_requests(&self) -> bool {
        self.inner().requests.pushed || self.metadata().requires_pushed_requests()
    }

    /// Whether authorization requests must be signed: the provider's metadata demand it, or the
    /// [registration](ClientBuilder::require_signed_request_object).
    #[must_use]
    pub fn requires_signed_requests(&self) -> bool {
        self.inner().requests.signed || self.metadata().requires_signed_requests()
    }

    /// Signs the claims of a request object with the key that the client has here.
    pub(in crate::flow) fn sign_request_object(&self, claims: &Extra) -> Result<Secret, Error> {
        let AssertionKey { key, algorithm } = self.inner().requests.key.as_ref().map_err(|error| *error)?;
        Ok(to_sign(claims, *algorithm, key.0.key_id()).sign(&*key.0)?.into())
    }

    /// Returns the request object for a key that is elsewhere to sign.
    pub(in crate::flow) fn request_object_to_sign(
        &self,
        claims: &Extra,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<ToSign<String>, ConfigError> {
        let allowed = allowed(self.inner().requests.algorithm, self.metadata());
        let usable = AlgorithmSet::EMPTY.with(algorithm);
        let refused = ConfigError::NoRequestObjectAlgorithm { offered: allowed.set(), usable };
        Ok(to_sign(claims, allowed.name_of(algorithm).ok_or(refused)?, kid))
    }
}
