//! What follows from provider metadata: which algorithms, which client authentication, which checks.

use super::ProviderMetadata;
use crate::jose::{Algorithm, AlgorithmSet};

impl ProviderMetadata {
    /// The algorithms of ID token signatures that the provider names and this library has.
    #[must_use]
    pub fn id_token_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.id_token_signing_alg_values_supported)
    }

    /// The algorithms of signed authorization responses (JARM section 4) that the provider names and this library
    /// has; `RS256` if it names none at all.
    #[must_use]
    pub fn authorization_response_algorithms(&self) -> AlgorithmSet {
        match &self.authorization_signing_alg_values_supported {
            Some(_) => algorithms(&self.authorization_signing_alg_values_supported),
            None => AlgorithmSet::EMPTY.with(Algorithm::RS256),
        }
    }

    /// The algorithms of UserInfo signatures that the provider names and this library has.
    #[must_use]
    pub fn userinfo_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.userinfo_signing_alg_values_supported)
    }

    /// The algorithms of client assertions that the token endpoint names and this library has.
    #[must_use]
    pub fn client_assertion_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.token_endpoint_auth_signing_alg_values_supported)
    }

    /// The algorithms of DPoP proofs that the provider names and this library has.
    #[must_use]
    pub fn dpop_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.dpop_signing_alg_values_supported)
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

    /// Whether the introspection endpoint takes this client authentication method. If the metadata does not
    /// say (RFC 8414 section 2 has no default here), it takes what the token endpoint takes.
    #[must_use]
    pub fn supports_introspection_auth_method(&self, method: &str) -> bool {
        match &self.introspection_endpoint_auth_methods_supported {
            Some(methods) => methods.iter().any(|known| known == method),
            None => self.supports_token_endpoint_auth_method(method),
        }
    }

    /// Whether authorization requests may ask for this response type: words whose order does not count.
    /// A provider that does not say is not held to it.
    #[must_use]
    pub fn supports_response_type(&self, response_type: &str) -> bool {
        let words = |text: &str| {
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort_unstable();
            words
        };
        let wanted = words(response_type);
        self.response_types_supported
            .as_ref()
            .is_none_or(|types| types.iter().any(|known| words(known) == wanted))
    }

    /// Whether authorization responses can come in this mode; by default in `query` and `fragment`.
    #[must_use]
    pub fn supports_response_mode(&self, mode: &str) -> bool {
        match &self.response_modes_supported {
            Some(modes) if !modes.is_empty() => modes.iter().any(|known| known == mode),
            Some(_) | None => matches!(mode, "query" | "fragment"),
        }
    }

    /// Whether the provider names this grant; by default it names `authorization_code` and `implicit`.
    /// Advice, and not more: many providers do not list all that they have.
    #[must_use]
    pub fn names_grant_type(&self, grant: &str) -> bool {
        match &self.grant_types_supported {
            Some(grants) => grants.iter().any(|known| known == grant),
            None => matches!(grant, "authorization_code" | "implicit"),
        }
    }

    /// Whether authorization requests must be pushed (RFC 9126 section 5).
    #[must_use]
    pub fn requires_pushed_requests(&self) -> bool {
        self.require_pushed_authorization_requests == Some(true)
    }

    /// Whether authorization requests must be signed request objects (RFC 9101 section 10.5).
    #[must_use]
    pub fn requires_signed_requests(&self) -> bool {
        self.require_signed_request_object == Some(true)
    }

    /// Whether the provider names `S256` among its PKCE methods; `None` if it names none at all.
    #[must_use]
    pub fn names_s256(&self) -> Option<bool> {
        let methods = self.code_challenge_methods_supported.as_ref().filter(|methods| !methods.is_empty())?;
        Some(methods.iter().any(|method| method == "S256"))
    }

    /// Whether the provider says which PKCE methods it knows, and `S256` is not among them.
    #[must_use]
    pub fn refuses_s256(&self) -> bool {
        self.names_s256() == Some(false)
    }

    /// Whether authorization responses must carry `iss` (RFC 9207 section 3).
    #[must_use]
    pub fn requires_issuer_in_response(&self) -> bool {
        self.authorization_response_iss_parameter_supported == Some(true)
    }
}

fn algorithms(names: &Option<Vec<String>>) -> AlgorithmSet {
    names.iter().flatten().filter_map(|name| Algorithm::from_name(name)).collect()
}
