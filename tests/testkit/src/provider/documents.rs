//! The public documents: metadata (OpenID Connect Discovery 1.0 section 3) and keys (RFC 7517 section 5).

use super::{
    BACKCHANNEL_GRANT, DEVICE_GRANT, EndpointName, JWT_BEARER_GRANT, SAML_BEARER_GRANT, TOKEN_EXCHANGE_GRANT,
    TestProvider, json, page,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Response, StatusCode};
use oidc_proto::jose::Algorithm;
use serde_json::{Value, json};

/// The client authentication methods.
const METHODS: [&str; 5] =
    ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"];

impl TestProvider {
    /// Answers with the metadata, which is the same at both well-known addresses. A client that asks at an
    /// unpublished address has done nothing wrong.
    pub(super) fn discovery(&self, published: bool) -> Response<Vec<u8>> {
        match published {
            true => json(StatusCode::OK, &self.metadata(), &self.cacheable()),
            false => page(StatusCode::NOT_FOUND, "There is no metadata in this form."),
        }
    }

    pub(super) fn jwks(&self) -> Response<Vec<u8>> {
        json(StatusCode::OK, &self.keys.document(), &self.cacheable())
    }

    /// The metadata as it is published now.
    #[must_use]
    pub fn metadata(&self) -> Value {
        let algorithms: Vec<_> = Algorithm::RING.iter().map(|algorithm| algorithm.name()).collect();
        let assertions: Vec<_> =
            self.settings.assertion_algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let request_objects: Vec<_> =
            self.forms.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let mut metadata = json!({
            "issuer": self.issuer,
            "authorization_endpoint": self.url(EndpointName::Authorize),
            "token_endpoint": self.url(EndpointName::Token),
            "userinfo_endpoint": self.url(EndpointName::UserInfo),
            "device_authorization_endpoint": self.url(EndpointName::DeviceAuthorization),
            "revocation_endpoint": self.url(EndpointName::Revocation),
            "introspection_endpoint": self.url(EndpointName::Introspection),
            "introspection_endpoint_auth_methods_supported": METHODS[1..],
            "jwks_uri": self.url(EndpointName::Jwks),
            "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                "authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT, BACKCHANNEL_GRANT,
                TOKEN_EXCHANGE_GRANT, JWT_BEARER_GRANT, SAML_BEARER_GRANT,
            ],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
            "token_endpoint_auth_methods_supported": METHODS,
            "token_endpoint_auth_signing_alg_values_supported": assertions,
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr"],
            "claims_parameter_supported": true,
            "request_parameter_supported": true,
            "request_uri_parameter_supported": true,
            "request_object_signing_alg_values_supported": request_objects,
            "pushed_authorization_request_endpoint": self.url(EndpointName::PushedAuthorizationRequest),
            "require_pushed_authorization_requests": self.forms.pushed,
            "require_signed_request_object": self.forms.signed,
        });
        self.backchannel_metadata(&mut metadata);
        self.registration_metadata(&mut metadata);
        self.certificate_metadata(&mut metadata);
        self.client_document_metadata(&mut metadata);
        self.attestation_metadata(&mut metadata);
        self.end_session_metadata(&mut metadata);
        if self.settings.issuer_in_callback {
            metadata["authorization_response_iss_parameter_supported"] = true.into();
        }
        if let Some(algorithms) = self.dpop_algorithms() {
            metadata["dpop_signing_alg_values_supported"] = algorithms;
        }
        if let Some(algorithm) = self.settings.signed_introspection {
            metadata["introspection_signing_alg_values_supported"] = json!([algorithm.name()]);
        }
        if !self.rar.types.is_empty() {
            metadata["authorization_details_types_supported"] = self.rar.types.clone().into();
        }
        if let Some(claims) = &self.settings.signed_metadata {
            metadata["signed_metadata"] = self.signed(claims).into();
        }
        metadata
    }

    /// The claims as signed metadata (RFC 8414 section 2.1), signed with the current RSA key.
    fn signed(&self, claims: &Value) -> String {
        let generation = self.forgery.generation.unwrap_or(self.keys.current);
        let (signer, kid) = self.keys.signer(Algorithm::RS256, generation, None);
        let header = json!({ "alg": "RS256", "kid": kid });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = signer.sign(input.as_bytes()).expect("a test key signs");
        if self.forgery.broken {
            signature[0] ^= 1;
        }
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn cacheable(&self) -> String {
        format!("public, max-age={}", self.settings.max_age)
    }
}
