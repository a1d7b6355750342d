//! The documents that everyone may read: metadata (OpenID Connect Discovery 1.0 section 3) and keys
//! (RFC 7517 section 5).

use super::{EndpointName, Provider, json};
use http::{Response, StatusCode};
use oidc_proto::jose::Algorithm;
use serde_json::{Value, json};

impl Provider {
    pub(super) fn discovery(&self) -> Response<Vec<u8>> {
        json(StatusCode::OK, &self.metadata(), &self.cacheable())
    }

    pub(super) fn jwks(&self) -> Response<Vec<u8>> {
        json(StatusCode::OK, &self.keys.document(), &self.cacheable())
    }

    /// The metadata as it is published now.
    #[must_use]
    pub fn metadata(&self) -> Value {
        let algorithms: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
        let mut metadata = json!({
            "issuer": self.issuer,
            "authorization_endpoint": self.url(EndpointName::Authorize),
            "token_endpoint": self.url(EndpointName::Token),
            "userinfo_endpoint": self.url(EndpointName::UserInfo),
            "jwks_uri": self.url(EndpointName::Jwks),
            "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr"],
            "claims_parameter_supported": true,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
        });
        if self.settings.issuer_in_callback {
            metadata["authorization_response_iss_parameter_supported"] = true.into();
        }
        metadata
    }

    fn cacheable(&self) -> String {
        format!("public, max-age={}", self.settings.max_age)
    }
}
