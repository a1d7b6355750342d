//! Questions that provider metadata answers: algorithms, client authentication methods, and required checks.

use super::ProviderMetadata;
use crate::jose::{Algorithm, AlgorithmSet};

impl ProviderMetadata {
    /// Returns the signature algorithms of ID tokens that the provider lists and this library supports.
    #[must_use]
    pub fn id_token_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.id_token_signing_alg_values_supported)
    }

    /// Returns the signature algorithms of authorization responses (JARM section 4) that the provider lists and this
    /// library supports; `RS256` if the metadata has no such list.
    #[must_use]
    pub fn authorization_response_algorithms(&self) -> AlgorithmSet {
        match &self.authorization_signing_alg_values_supported {
            Some(_) => algorithms(&self.authorization_signing_alg_values_supported),
            None => AlgorithmSet::EMPTY.with(Algorithm::RS256),
        }
    }

    /// Returns the signature algorithms of UserInfo responses that the provider lists and this library supports.
    #[must_use]
    pub fn userinfo_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.userinfo_signing_alg_values_supported)
    }

    /// Returns the signature algorithms of introspection responses (RFC 9701 section 7) that the provider lists and this
    /// library supports; `RS256` if the metadata has no such list.
    #[must_use]
    pub fn introspection_algorithms(&self) -> AlgorithmSet {
        match &self.introspection_signing_alg_values_supported {
            Some(_) => algorithms(&self.introspection_signing_alg_values_supported),
            None => AlgorithmSet::EMPTY.with(Algorithm::RS256),
        }
    }

    /// Returns the signature algorithms of client assertions that the provider lists for the token endpoint and this
    /// library supports.
    #[must_use]
    pub fn client_assertion_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.token_endpoint_auth_signing_alg_values_supported)
    }

    /// Returns the signature algorithms of request objects that the provider lists and this library supports.
    #[must_use]
    pub fn request_object_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.request_object_signing_alg_values_supported)
    }

    /// Returns the signature algorithms of authentication requests (CIBA section 4) that the provider lists and this
    /// library supports.
    #[must_use]
    pub fn backchannel_request_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.backchannel_authentication_request_signing_alg_values_supported)
    }

    /// Returns the signature algorithms of DPoP proofs that the provider lists and this library supports.
    #[must_use]
    pub fn dpop_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.dpop_signing_alg_values_supported)
    }

    /// Returns the signature algorithms of client attestations that the provider lists and this library supports.
    #[must_use]
    pub fn client_attestation_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.client_attestation_signing_alg_values_supported)
    }

    /// Returns the signature algorithms of the proofs of possession of client attestations that the provider lists and this
    /// library supports.
    #[must_use]
    pub fn client_attestation_pop_algorithms(&self) -> AlgorithmSet {
        algorithms(&self.client_attestation_pop_signing_alg_values_supported)
    }

    /// Whether the token endpoint accepts this client authentication method. If the metadata has no such list, it
    /// accepts `client_secret_basic` (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).
    #[must_use]
    pub fn supports_token_endpoint_auth_method(&self, method: &str) -> bool {
        match &self.token_endpoint_auth_methods_supported {
            Some(methods) => methods.iter().any(|known| known == method),
            None => method == "client_secret_basic",
        }
    }

    /// Whether the introspection endpoint accepts this client authentication method. RFC 8414 section 2 has no default
    /// for it: if the metadata has no such list, the methods of the token endpoint count.
    #[must_use]
    pub fn supports_introspection_auth_method(&self, method: &str) -> bool {
        match &self.introspection_endpoint_auth_methods_supported {
            Some(methods) => methods.iter().any(|known| known == method),
            None => self.supports_token_endpoint_auth_method(method),
        }
    }

    /// Whether authorization requests may have this `response_type`. The order of its words does not count. If the
    /// metadata has no such list, every type is allowed.
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

    /// Whether authorization requests may have this `response_mode`. If the metadata has no such list, `query` and
    /// `fragment` are allowed.
    #[must_use]
    pub fn supports_response_mode(&self, mode: &str) -> bool {
        match &self.response_modes_supported {
            Some(modes) if !modes.is_empty() => modes.iter().any(|known| known == mode),
            Some(_) | None => matches!(mode, "query" | "fragment"),
        }
    }

    /// Whether the provider lists this grant type. If the metadata has no such list, `authorization_code` and
    /// `implicit` count as listed. Treat the answer as a hint: many providers support grants that they do not list.
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

    /// Whether the provider lists the PKCE method `S256`, to the letter; `None` if it lists no method at all.
    #[must_use]
    pub fn names_s256(&self) -> Option<bool> {
        let methods = self.code_challenge_methods_supported.as_ref().filter(|methods| !methods.is_empty())?;
        Some(methods.iter().any(|method| method == "S256"))
    }

    /// Whether the provider lists its PKCE methods, and `S256` is not among them. Upper and lower case do not count here:
    /// a server that lists `s256` means no other method, and a request is sent with `S256` all the same.
    #[must_use]
    pub fn refuses_s256(&self) -> bool {
        let methods = self.code_challenge_methods_supported.as_deref().unwrap_or_default();
        !methods.is_empty() && !methods.iter().any(|method| method.eq_ignore_ascii_case("S256"))
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
