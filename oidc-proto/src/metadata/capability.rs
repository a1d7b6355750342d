//! What follows from provider metadata: which algorithms, which client authentication, which checks.

use super::ProviderMetadata;
use crate::jose::{Algorithm, AlgorithmSet};

impl ProviderMetadata {
    /// The algorithms of ID token signatures that the provider names and this library has.
    #[must_use]
    pub fn id_token_algorithms(&self) -> AlgorithmSet {
        self.id_token_signing_alg_values_supported
            .iter()
            .flatten()
            .filter_map(|name| Algorithm::from_name(name))
            .collect()
    }

    /// Whether the token endpoint takes this client authentication method; by default it takes
    /// `client_secret_basic` (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).
    #[must_use]
    pub fn supports_token_endpoint_auth_method(&self, method: &str) -> bool {
        match &self.token_endpoint_auth_methods_supported {
            Some(methods) => methods.iter().any(|known| known == method),
            None => method == "client_secret_basic",
        }
    }

    /// Whether the provider says which PKCE methods it knows, and `S256` is not among them.
    #[must_use]
    pub fn refuses_s256(&self) -> bool {
        self.code_challenge_methods_supported
            .as_ref()
            .is_some_and(|methods| !methods.is_empty() && !methods.iter().any(|method| method == "S256"))
    }

    /// Whether authorization responses must carry `iss` (RFC 9207 section 3).
    #[must_use]
    pub fn requires_issuer_in_response(&self) -> bool {
        self.authorization_response_iss_parameter_supported == Some(true)
    }
}
