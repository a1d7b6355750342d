//! The key that signs request objects (RFC 9101), and whether a registration demands it.

use super::{
    choice::{Allowed, AssertionKey, Means},
    settings::Signer,
};
use crate::{
    base::json::Extra,
    flow::contract::ConfigError,
    jose::{Algorithm, AlgorithmSet, RingSigner, ToSign},
    metadata::ProviderMetadata,
};
use serde_json::Value;
use std::sync::Arc;

/// The settings of a client for its authorization requests.
#[derive(Clone, Default)]
pub(super) struct RequestSettings {
    pub(super) pushed: bool,
    pub(super) signed: bool,
    pub(super) signers: Vec<Signer>,
    pub(super) algorithm: Option<Algorithm>,
}

/// How a client sends its authorization requests.
pub(crate) struct Requests {
    pub(super) pushed: bool,
    pub(super) signed: bool,
    /// The registered algorithm.
    pub(super) algorithm: Option<Algorithm>,
    /// The key that signs request objects, or the reason why there is none.
    pub(super) key: Result<AssertionKey, ConfigError>,
}

/// Returns the algorithms that request objects may have.
pub(super) fn allowed(registered: Option<Algorithm>, metadata: &ProviderMetadata) -> Allowed {
    let listed = metadata.request_object_signing_alg_values_supported.as_ref();
    let has_list = listed.is_some_and(|listed| !listed.is_empty());
    Allowed::of(registered, has_list.then(|| metadata.request_object_algorithms()))
}

impl RequestSettings {
    /// Chooses the key. A client that need not sign may lack one.
    pub(super) fn choose(
        &self,
        means: &Means<'_>,
        metadata: &ProviderMetadata,
    ) -> Result<Requests, ConfigError> {
        let Self { pushed, signed, algorithm, .. } = *self;
        let key = self.key(means, metadata);
        match key {
            // A key that is elsewhere may sign.
            Err(error) if signed && error != ConfigError::NoRequestObjectKey => Err(error),
            key => Ok(Requests { pushed, signed, algorithm, key }),
        }
    }

    fn key(&self, means: &Means<'_>, metadata: &ProviderMetadata) -> Result<AssertionKey, ConfigError> {
        let allowed = allowed(self.algorithm, metadata);
        let signers = if self.signers.is_empty() { means.signers } else { &self.signers };
        let mut usable: AlgorithmSet = signers.iter().map(|Signer(key)| key.algorithm()).collect();
        let chosen = signers.iter().find_map(|key| {
            Some(AssertionKey { key: key.clone(), algorithm: allowed.name_of(key.0.algorithm())? })
        });
        if let Some(chosen) = chosen {
            return Ok(chosen);
        }
        // Nobody asks for a signature with the secret by saying nothing.
        let listed = metadata.request_object_signing_alg_values_supported.as_ref();
        let asked = self.algorithm.is_some() || listed.is_some_and(|listed| !listed.is_empty());
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512].into_iter().filter(|_| asked)
        {
            let Some(secret) = means.secret else { break };
            let Ok(key) = RingSigner::from_secret(algorithm, secret, None) else { continue };
            usable = usable.with(algorithm);
            if allowed.name_of(algorithm).is_some() {
                return Ok(AssertionKey { key: Signer(Arc::new(key)), algorithm });
            }
        }
        match usable.is_empty() {
            true => Err(ConfigError::NoRequestObjectKey),
            false => Err(ConfigError::NoRequestObjectAlgorithm { offered: allowed.set(), usable }),
        }
    }
}

/// Returns a request object without its signature.
pub(super) fn to_sign(claims: &Extra, algorithm: Algorithm, kid: Option<&str>) -> ToSign<String> {
    // RFC 9101 section 10.8: the type keeps the signed text from passing for a token of another kind.
    let header = Extra::from_iter([("typ".to_owned(), Value::from("oauth-authz-req+jwt"))]);
    ToSign::new(header, Value::Object(claims.clone()).to_string().as_bytes(), algorithm, kid)
}
