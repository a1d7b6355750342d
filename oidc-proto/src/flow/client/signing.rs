//! The settings of a client for signed introspection responses, while it is built and afterwards.

use crate::{
    jose::{Algorithm, AlgorithmSet, KeySet},
    metadata::IssuerRule,
    token::IntrospectionVerifier,
};
use std::{sync::Arc, time::Duration};

/// The algorithms of signed responses, and the secret as a key if it signs them.
pub(super) type Algorithms = (AlgorithmSet, Option<Arc<KeySet>>);

/// The settings of a builder for signed introspection responses.
#[derive(Clone, Default)]
pub(super) struct Signing {
    pub(super) wanted: bool,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) audiences: Vec<String>,
}

/// The settings of a client that demands signed introspection responses.
pub(crate) struct SignedIntrospection {
    pub(crate) verifier: IntrospectionVerifier,
    /// The secret as a key, if responses are signed with it.
    pub(crate) secret_key: Option<Arc<KeySet>>,
}

impl Signing {
    /// Makes the settings of a client.
    pub(super) fn of_client(
        self,
        (algorithms, secret_key): Algorithms,
        client_id: &str,
        issuer: IssuerRule,
        (leeway, longest): (Duration, usize),
    ) -> SignedIntrospection {
        let mut audiences = self.audiences;
        audiences.push(client_id.to_owned());
        let verifier = IntrospectionVerifier { issuer, audiences, algorithms, leeway, longest };
        SignedIntrospection { verifier, secret_key }
    }
}
