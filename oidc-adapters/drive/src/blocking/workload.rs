//! [`WorkloadTokens`] for programs with threads.

use super::Provider;
use crate::{
    drive::block_on,
    provider::{self, ProviderError, WorkloadGrant},
    source::Source,
};
use oidc_proto::{
    Secret,
    message::TokenResponse,
    renew::{Epoch, Published},
};

/// Access tokens for the token of a workload. Cheap to clone; clones share the token. [`Provider::workload`] makes it.
#[derive(Clone, Debug)]
pub struct WorkloadTokens(provider::WorkloadTokens);

impl Provider {
    /// Returns the access tokens that this provider gives for the token in a source, such as the token of a Kubernetes
    /// service account. `grant` makes the request of each attempt from what was read for it. The
    /// [async handle](crate::Provider::workload) has an example.
    #[must_use]
    pub fn workload<G: Into<WorkloadGrant>>(
        &self,
        source: impl Into<Source>,
        grant: impl Fn(Secret) -> G + Send + Sync + 'static,
    ) -> WorkloadTokens {
        WorkloadTokens(self.0.workload(source, grant))
    }
}

impl WorkloadTokens {
    /// Returns an access token. It is fetched if there is none, and renewed before it expires while it is used.
    ///
    /// # Errors
    /// No token is available; the error says why. [`ProviderError::Source`] if the source had none.
    pub fn token(&self) -> Result<Published<TokenResponse>, ProviderError> {
        block_on(self.0.token())
    }

    /// Returns a newer token than the one of this epoch, which a resource server has refused. The number of such renewals
    /// is limited.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn newer_than(&self, refused: Epoch) -> Result<Published<TokenResponse>, ProviderError> {
        block_on(self.0.newer_than(refused))
    }
}
