//! Chooses how a client authenticates, and which algorithm signs its assertions: as it is told, or else by the metadata
//! of the provider and by what the client has.

use super::settings::Signer;
use crate::{
    base::secret::Secret,
    flow::contract::ConfigError,
    jose::{Algorithm, AlgorithmSet, RingSigner},
    metadata::{ClientAuthentication, ClientAuthenticationSet, ProviderMetadata},
    sender::AttestationError,
};
use std::sync::Arc;

/// What a client has to authenticate with.
pub(super) struct Means<'m> {
    pub(super) secret: Option<&'m Secret>,
    pub(super) signers: &'m [Signer],
    pub(super) certificate: bool,
    /// Whether the client has a key for an attestation, here or elsewhere.
    pub(super) attestation: bool,
}

/// The key that signs assertions, and the name of its algorithm in their header.
#[derive(Clone, Debug)]
pub(in crate::flow) struct AssertionKey {
    pub(super) key: Signer,
    pub(super) algorithm: Algorithm,
}

impl Means<'_> {
    /// Returns the method: the one that the client is told, or else the first that the provider lists.
    pub(super) fn method(
        &self,
        told: Option<ClientAuthentication>,
        metadata: &ProviderMetadata,
    ) -> Result<ClientAuthentication, ConfigError> {
        if told == Some(ClientAuthentication::AttestJwtClientAuth) && !self.attestation {
            return Err(AttestationError::NoKey.into());
        }
        if let Some(method) = told {
            return if self.fits(method) {
                Ok(method)
            } else {
                Err(ConfigError::Authentication(method.name()))
            };
        }
        // A public client need not find `none` in the metadata: many providers forget it.
        let none = self.secret.is_none() && self.signers.is_empty();
        if none && !self.certificate && !self.attestation {
            return Ok(ClientAuthentication::None);
        }
        // Metadata without a list mean `client_secret_basic`. A client that has no secret, but a key, knows better.
        if metadata.token_endpoint_auth_methods_supported.is_none() && self.attestation {
            return Ok(ClientAuthentication::AttestJwtClientAuth);
        }
        if metadata.token_endpoint_auth_methods_supported.is_none() && !self.signers.is_empty() {
            return Ok(ClientAuthentication::PrivateKeyJwt);
        }
        let (offered, usable) = (metadata.client_authentication_methods(), self.usable());
        IN_ORDER
            .into_iter()
            .find(|method| offered.contains(*method) && usable.contains(*method))
            .ok_or(ConfigError::NoAuthentication { offered, usable })
    }

    const fn fits(&self, method: ClientAuthentication) -> bool {
        match method {
            ClientAuthentication::None => self.secret.is_none() && self.signers.is_empty(),
            ClientAuthentication::TlsClientAuth | ClientAuthentication::SelfSignedTlsClientAuth => {
                self.certificate || self.secret.is_none() && self.signers.is_empty()
            }
            ClientAuthentication::ClientSecretBasic
            | ClientAuthentication::ClientSecretPost
            | ClientAuthentication::ClientSecretJwt => self.secret.is_some(),
            ClientAuthentication::AttestJwtClientAuth => self.attestation,
            // The private key may be elsewhere.
            ClientAuthentication::PrivateKeyJwt => true,
        }
    }

    fn usable(&self) -> ClientAuthenticationSet {
        let has = |method: &ClientAuthentication| match method {
            ClientAuthentication::PrivateKeyJwt => !self.signers.is_empty(),
            ClientAuthentication::TlsClientAuth | ClientAuthentication::SelfSignedTlsClientAuth => {
                self.certificate
            }
            ClientAuthentication::None
            | ClientAuthentication::ClientSecretBasic
            | ClientAuthentication::ClientSecretPost
            | ClientAuthentication::ClientSecretJwt
            | ClientAuthentication::AttestJwtClientAuth => self.fits(*method),
        };
        IN_ORDER.into_iter().filter(has).fold(ClientAuthenticationSet::EMPTY, ClientAuthenticationSet::with)
    }

    /// Returns the key that signs the assertions of this method, and its algorithm. `None` if the method has no
    /// assertions, or if the key is elsewhere.
    pub(super) fn key(
        &self,
        method: ClientAuthentication,
        registered: Option<Algorithm>,
        metadata: &ProviderMetadata,
    ) -> Result<Option<AssertionKey>, ConfigError> {
        match method {
            ClientAuthentication::PrivateKeyJwt if self.signers.is_empty() => Ok(None),
            ClientAuthentication::PrivateKeyJwt => {
                let usable: AlgorithmSet = self.signers.iter().map(|Signer(key)| key.algorithm()).collect();
                let usable = usable.intersection(AlgorithmSet::ASYMMETRIC);
                let allowed = Allowed::new(registered, metadata);
                let chosen = self.signers.iter().find_map(|key| {
                    let algorithm = key.0.algorithm();
                    let algorithm = (!algorithm.is_symmetric()).then(|| allowed.name_of(algorithm))??;
                    Some(AssertionKey { key: key.clone(), algorithm })
                });
                chosen.ok_or_else(|| allowed.refusal(usable)).map(Some)
            }
            ClientAuthentication::ClientSecretJwt => {
                let Some(secret) = self.secret else { return Err(ConfigError::SecretTooShort) };
                let signer = |algorithm| RingSigner::from_secret(algorithm, secret, None).ok();
                let mut usable = AlgorithmSet::EMPTY;
                let allowed = Allowed::new(registered, metadata);
                for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                    let Some(key) = signer(algorithm) else { continue };
                    usable = usable.with(algorithm);
                    if allowed.name_of(algorithm).is_some() {
                        return Ok(Some(AssertionKey { key: Signer(Arc::new(key)), algorithm }));
                    }
                }
                if usable.is_empty() {
                    Err(ConfigError::SecretTooShort)
                } else {
                    Err(allowed.refusal(usable))
                }
            }
            ClientAuthentication::None
            | ClientAuthentication::ClientSecretBasic
            | ClientAuthentication::ClientSecretPost
            | ClientAuthentication::TlsClientAuth
            | ClientAuthentication::SelfSignedTlsClientAuth
            | ClientAuthentication::AttestJwtClientAuth => Ok(None),
        }
    }
}

/// The methods, the better one first. Of those with a secret, the ones that every provider has come first.
const IN_ORDER: [ClientAuthentication; 7] = [
    ClientAuthentication::AttestJwtClientAuth,
    ClientAuthentication::PrivateKeyJwt,
    ClientAuthentication::ClientSecretBasic,
    ClientAuthentication::ClientSecretPost,
    ClientAuthentication::ClientSecretJwt,
    ClientAuthentication::TlsClientAuth,
    ClientAuthentication::SelfSignedTlsClientAuth,
];

/// The algorithms that assertions may have: the registered one, or else those that the provider lists. Without a list,
/// all of them.
pub(super) struct Allowed(AlgorithmSet);

impl Allowed {
    fn new(registered: Option<Algorithm>, metadata: &ProviderMetadata) -> Self {
        let listed = metadata.token_endpoint_auth_signing_alg_values_supported.as_ref();
        let has_list = listed.is_some_and(|listed| !listed.is_empty());
        Self::of(registered, has_list.then(|| metadata.client_assertion_algorithms()))
    }

    /// Allows the registered algorithm alone, or else those of a list; without a list, all of them.
    pub(super) fn of(registered: Option<Algorithm>, listed: Option<AlgorithmSet>) -> Self {
        let only = registered.map(|registered| AlgorithmSet::EMPTY.with(registered));
        Self(only.or(listed).unwrap_or(AlgorithmSet::ALL))
    }

    pub(super) const fn set(&self) -> AlgorithmSet {
        self.0
    }

    /// Returns the name under which the algorithm is allowed. A signature of Ed25519 has two names, and is the same.
    pub(super) fn name_of(&self, algorithm: Algorithm) -> Option<Algorithm> {
        const TWINS: [Algorithm; 2] = [Algorithm::EdDSA, Algorithm::Ed25519];
        let twins = TWINS.into_iter().filter(|_| TWINS.contains(&algorithm));
        std::iter::once(algorithm).chain(twins).find(|name| self.0.contains(*name))
    }

    const fn refusal(&self, usable: AlgorithmSet) -> ConfigError {
        ConfigError::NoAssertionAlgorithm { offered: self.0, usable }
    }
}

/// Returns the name under which a key that is elsewhere may sign an assertion of this method.
pub(super) fn algorithm_elsewhere(
    method: ClientAuthentication,
    algorithm: Algorithm,
    registered: Option<Algorithm>,
    metadata: &ProviderMetadata,
) -> Result<Algorithm, ConfigError> {
    let symmetric = match method {
        ClientAuthentication::PrivateKeyJwt => false,
        ClientAuthentication::ClientSecretJwt => true,
        ClientAuthentication::None
        | ClientAuthentication::ClientSecretBasic
        | ClientAuthentication::ClientSecretPost
        | ClientAuthentication::TlsClientAuth
        | ClientAuthentication::SelfSignedTlsClientAuth
        | ClientAuthentication::AttestJwtClientAuth => return Err(ConfigError::UnwantedAssertion),
    };
    let allowed = Allowed::new(registered, metadata);
    let name = allowed.name_of(algorithm).filter(|name| name.is_symmetric() == symmetric);
    name.ok_or_else(|| allowed.refusal(AlgorithmSet::EMPTY.with(algorithm)))
}
