//! The settings of a builder for attestations (draft-ietf-oauth-attestation-based-client-auth-10).

use crate::{
    flow::{
        client::{choice::Allowed, dpop::ClientKey, settings::Signer},
        contract::ConfigError,
    },
    jose::AlgorithmSet,
    metadata::ProviderMetadata,
    sender::{AttestationError, ClientAttestation, Prover},
};

/// The settings of a builder for attestations.
#[derive(Clone, Default)]
pub(in crate::flow::client) struct AttestationSettings {
    pub(in crate::flow::client) key: Option<ClientKey>,
    pub(in crate::flow::client) attestation: Option<ClientAttestation>,
}

impl AttestationSettings {
    /// Makes the settings of a client. The provider must accept what the key signs.
    pub(super) fn of_client(
        self,
        metadata: &ProviderMetadata,
    ) -> Result<(Option<Prover>, Option<ClientAttestation>), ConfigError> {
        let Some(key) = self.key else { return Ok((None, self.attestation)) };
        let prover = match key {
            ClientKey::AtHand(Signer(key)) => Prover::new(key),
            ClientKey::Elsewhere(jwk, algorithm) => Prover::elsewhere(*jwk, algorithm),
        };
        let prover = prover.ok_or(AttestationError::NoPublicKey)?;
        let offered = metadata.client_attestation_pop_algorithms();
        let listed = metadata.client_attestation_pop_signing_alg_values_supported.as_deref();
        let allowed = Allowed::of(None, listed.filter(|listed| !listed.is_empty()).map(|_| offered));
        let usable = AlgorithmSet::EMPTY.with(prover.algorithm());
        let name = allowed.name_of(prover.algorithm());
        let name = name.ok_or(AttestationError::PopAlgorithm { offered, usable })?;
        Ok((Some(prover.named(name)), self.attestation))
    }
}
