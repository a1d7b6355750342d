//! A handle for one session: the same handle, with the DPoP key of the session (RFC 9449).
//!
//! ```text
//! Provider ─with_dpop_key─▶ Provider     metadata, keys, nonces, codes and refresh tokens on their way are shared;
//!                                        service tokens are not: they are bound to the key
//! ```

use super::{core::ClientTokens, error::ProviderError, handle::Provider, session::Session};
use oidc_proto::{
    Error, Secret,
    flow::{Client, ConfigError, DpopKey},
    jose::{Algorithm, AlgorithmSet, SignError},
    metadata::ProviderMetadata,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use std::sync::Arc;

impl Provider {
    /// Makes a key for a new session, of a kind that the provider accepts: on P-256 (`ES256`), or else on Ed25519.
    /// Give it to [`with_dpop_key`](Self::with_dpop_key), and save it with the login.
    ///
    /// # Errors
    /// The metadata is not available, or lists neither algorithm for DPoP proofs.
    ///
    /// # Panics
    /// If the operating system has no entropy, as with [`moment`](crate::moment).
    pub async fn new_dpop_key(&self) -> Result<DpopKey, ProviderError> {
        let metadata = self.metadata().await?;
        let is_p256 = chosen(&metadata).map_err(Error::from)? == Algorithm::ES256;
        let made = if is_p256 { on_p256() } else { DpopKey::ed25519(self.core.clock.moment()) };
        Ok(made.map_err(Error::from)?)
    }

    /// Returns a handle for the session of this key: everything that it gets is bound to the key. It shares the metadata,
    /// the keys and the DPoP nonces with this handle, and each code and refresh token is still sent once. Its service
    /// tokens are its own, because they are bound to its key: keep the handle, or a clone, while they are of use.
    ///
    /// A login needs the same key from [`authorize`](Self::authorize) on. With another one, [`callback`](Self::callback)
    /// and, for a public client, [`refresh`](Self::refresh) with a [`PreviousLogin`](oidc_proto::flow::PreviousLogin) are
    /// refused before anything is sent. If the provider lists the algorithms of proofs, and the key has none of them, each
    /// call fails with [`ConfigError::NoDpopAlgorithm`].
    #[must_use]
    pub fn with_dpop_key(&self, key: &DpopKey) -> Self {
        let session = Session { key: key.clone(), tokens: self.core.new_tokens() };
        Self { session: Some(Arc::new(session)), ..self.clone() }
    }

    /// The service tokens of this handle.
    pub(super) fn tokens(&self) -> &ClientTokens {
        self.session.as_ref().map_or(&self.core.tokens, |session| &session.tokens)
    }

    /// The client for this metadata and this secret, with the newest nonces and the key of the session.
    pub(super) fn made_client(
        &self,
        metadata: Arc<ProviderMetadata>,
        secret: Option<Secret>,
    ) -> Result<Client, ConfigError> {
        self.in_session(self.core.client(metadata, secret)?)
    }

    /// The client with the newest nonces and challenges, and the key of the session.
    pub(super) fn in_session(&self, client: Client) -> Result<Client, ConfigError> {
        let (nonces, challenges) = self.io.named();
        let client = client.with_dpop_nonces(nonces).with_attestation_challenges(challenges);
        match &self.session {
            Some(session) => client.with_dpop_key(&session.key),
            None => Ok(client),
        }
    }
}

/// Returns the algorithm for a new key.
fn chosen(metadata: &ProviderMetadata) -> Result<Algorithm, ConfigError> {
    let offered = metadata.dpop_algorithms();
    if metadata.dpop_signing_alg_values_supported.as_deref().unwrap_or_default().is_empty() {
        return Ok(Algorithm::ES256);
    }
    let ours = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::Ed25519];
    let found = ours.into_iter().find(|algorithm| offered.contains(*algorithm));
    let usable = ours.into_iter().fold(AlgorithmSet::EMPTY, AlgorithmSet::with);
    found.ok_or(ConfigError::NoDpopAlgorithm { offered, usable })
}

#[allow(clippy::expect_used, reason = "to go on without entropy would be worse than to stop")]
fn on_p256() -> Result<DpopKey, SignError> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let pkcs8 = made.expect("the operating system has no entropy");
    DpopKey::from_pkcs8(Algorithm::ES256, pkcs8.as_ref())
}
