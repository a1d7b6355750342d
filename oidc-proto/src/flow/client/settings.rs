//! The settings of a client: the audience and the type of its assertions, its method for UserInfo, its keys, and its attestation.

use crate::{
    base::secret::Secret,
    jose::Sign,
    sender::{AttestationChallenges, ClientAttestation},
};
use std::{fmt, sync::Arc};

/// The audience (`aud`) of a client's assertions.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::{AssertionAudience, Client}, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
///     "response_types_supported": ["code"],
///     "token_endpoint_auth_methods_supported": ["client_secret_jwt"]}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-client")
///     .secret("a secret that is at least 32 bytes long")
///     .assertion_audience(AssertionAudience::TokenEndpoint)
///     .build()?;
/// assert_eq!(client.authentication().name(), "client_secret_jwt");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionAudience {
    /// The issuer, and nothing else (draft-ietf-oauth-rfc7523bis-11 section 4).
    #[default]
    Issuer,
    /// The token endpoint, at every endpoint, as OpenID Connect Core 1.0 section 9 recommends. Microsoft Entra ID wants it.
    TokenEndpoint,
    /// The endpoint that gets the request, as the guide of Okta says.
    RequestedEndpoint,
}

/// The type (the header `typ`) of a client's assertions. Providers want different ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionType {
    /// No type: RFC 7523 has none, and most providers look for none.
    #[default]
    Absent,
    /// `JWT` (RFC 7519 section 5.1). Singpass wants it.
    Jwt,
    /// `client-authentication+jwt` (draft-ietf-oauth-rfc7523bis-11 section 5.2). HelseID wants it; a provider that only
    /// knows `JWT` refuses it.
    ClientAuthenticationJwt,
}

impl AssertionType {
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Jwt => Some("JWT"),
            Self::ClientAuthenticationJwt => Some("client-authentication+jwt"),
        }
    }
}

/// The form of a UserInfo request (OpenID Connect Core 1.0 section 5.3.1, RFC 6750 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserInfoMethod {
    /// GET with the token in the `Authorization` header, as the specification recommends.
    #[default]
    Get,
    /// POST with the token in the `Authorization` header.
    Post,
    /// POST with the token in the body.
    PostForm,
}

/// A private key that the client has here.
#[derive(Clone)]
pub(in crate::flow) struct Signer(pub(in crate::flow) Arc<dyn Sign>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("algorithm", &self.0.algorithm()).finish_non_exhaustive()
    }
}

/// What changes while a client is in use: its attestation, and the newest challenge of each server.
#[derive(Clone, Default)]
pub(super) struct Attested {
    pub(super) attestation: Option<Arc<ClientAttestation>>,
    pub(super) challenges: AttestationChallenges,
}

impl Attested {
    /// Returns the attestation: no error may repeat it.
    pub(super) fn secret(&self) -> Option<Secret> {
        self.attestation.as_ref().map(|attestation| attestation.jwt().clone())
    }
}
