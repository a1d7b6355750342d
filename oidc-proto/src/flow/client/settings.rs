//! The settings of a client: its authentication method, its method for UserInfo, and its keys.

use crate::jose::{Algorithm, Jwk, Sign};
use std::{fmt, sync::Arc};

/// The method with which a client authenticates at the provider (RFC 6749 section 2.3, OpenID Connect Core 1.0
/// section 9).
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::{Client, ClientAuthentication}, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "response_types_supported": ["code"]}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
///
/// // The method is that of the registration. Without this line it would be `client_secret_basic` here.
/// let method = ClientAuthentication::ClientSecretPost;
/// let client = Client::builder(metadata, "my-client").secret("my secret").authentication(method).build()?;
/// assert_eq!(client.authentication().name(), "client_secret_post");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// No authentication: a public client.
    None,
    /// The client secret in the `Authorization` header.
    ClientSecretBasic,
    /// The client secret in the body.
    ClientSecretPost,
    /// An assertion signed with a private key (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// A certificate whose subject is registered (RFC 8705 section 2.1). The adapter presents it if
    /// [`Terms::client_certificate`](crate::flow::Terms::client_certificate) is set.
    TlsClientAuth,
    /// A self-signed certificate that is itself registered (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
}

impl ClientAuthentication {
    /// Returns the name of the method in metadata and registrations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
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

/// The key that tokens are bound to.
#[derive(Clone)]
pub(in crate::flow) enum DpopKey {
    AtHand(Signer),
    /// The public half of the key, and its algorithm.
    Elsewhere(Box<Jwk>, Algorithm),
}
