//! What is set of a client: how it authenticates, how it asks for UserInfo, and what its provider does otherwise.

use crate::jose::{Algorithm, Jwk, Sign};
use std::{fmt, sync::Arc};

/// How a client proves to the provider who it is (RFC 6749 section 2.3, OpenID Connect Core 1.0
/// section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// Not at all: a public client.
    None,
    /// The secret in the `Authorization` header.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// An assertion signed with a private key (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// A certificate whose subject is registered (RFC 8705 section 2.1). The adapter presents it, where the terms of
    /// a request say so.
    TlsClientAuth,
    /// A certificate that is registered itself (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
}

impl ClientAuthentication {
    /// The name of the method in metadata and registrations.
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

/// How the UserInfo endpoint is asked (OpenID Connect Core 1.0 section 5.3.1, RFC 6750 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserInfoMethod {
    /// GET, the token in the `Authorization` header: what the specification recommends.
    #[default]
    Get,
    /// POST, the token in the `Authorization` header.
    Post,
    /// POST, the token in the body.
    PostForm,
}

/// A private key at hand.
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
    /// The public half.
    Elsewhere(Box<Jwk>, Algorithm),
}
