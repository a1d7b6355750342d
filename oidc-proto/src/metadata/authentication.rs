//! [`ClientAuthentication`]: the methods with which a client authenticates, and the set of those that a provider lists.

use super::ProviderMetadata;
use std::fmt;

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
    /// An assertion authenticated with the client secret (OpenID Connect Core 1.0 section 9).
    ClientSecretJwt,
    /// An assertion signed with a private key (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// A certificate whose subject is registered (RFC 8705 section 2.1). The adapter presents it if
    /// [`Terms::client_certificate`](crate::flow::Terms::client_certificate) is set.
    TlsClientAuth,
    /// A self-signed certificate that is itself registered (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
}

impl ClientAuthentication {
    /// All methods of this library.
    const ALL: [Self; 7] = [
        Self::None,
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::TlsClientAuth,
        Self::SelfSignedTlsClientAuth,
    ];

    /// Returns the method with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Returns the name of the method in metadata and registrations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
        }
    }
}

/// A set of client authentication methods, such as those that a provider lists.
///
/// ```
/// use oidc_proto::flow::{ClientAuthentication, ClientAuthenticationSet};
///
/// let names = ["client_secret_basic", "private_key_jwt", "secret_handshake"];
/// let offered = ClientAuthenticationSet::from_names(names);
/// assert!(offered.contains(ClientAuthentication::PrivateKeyJwt));
/// assert!(!offered.contains(ClientAuthentication::None));
/// // Names that this library does not know are counted, and not repeated.
/// assert_eq!(offered.to_string(), "`client_secret_basic`, `private_key_jwt`, and others");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAuthenticationSet(u16);

/// Stands for all methods that this library does not know.
const OTHERS: u16 = 1 << 15;

impl ClientAuthenticationSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Returns the set of the methods with these names, as metadata and registrations write them.
    pub fn from_names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let bit_of = |name: S| ClientAuthentication::from_name(name.as_ref()).map_or(OTHERS, bit);
        Self(names.into_iter().fold(0, |set, name| set | bit_of(name)))
    }

    /// Whether the method is in the set.
    #[must_use]
    pub const fn contains(self, method: ClientAuthentication) -> bool {
        self.0 & bit(method) != 0
    }

    /// Returns this set with one more method.
    #[must_use]
    pub const fn with(self, method: ClientAuthentication) -> Self {
        Self(self.0 | bit(method))
    }

    /// Returns the methods of this library that are in the set.
    pub fn iter(self) -> impl Iterator<Item = ClientAuthentication> {
        ClientAuthentication::ALL.into_iter().filter(move |method| self.contains(*method))
    }
}

const fn bit(method: ClientAuthentication) -> u16 {
    1 << method as u16
}

/// Lists the names of the methods, for a sentence.
impl fmt::Display for ClientAuthenticationSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for method in self.iter() {
            write!(f, "{separator}`{}`", method.name())?;
            separator = ", ";
        }
        match (self.0 & OTHERS, self.0 & !OTHERS) {
            (0, 0) => f.write_str("none"),
            (0, _) => Ok(()),
            (_, 0) => f.write_str("only methods that this library does not know"),
            (_, _) => f.write_str(", and others"),
        }
    }
}

impl fmt::Debug for ClientAuthenticationSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ProviderMetadata {
    /// Returns the client authentication methods of the token endpoint. If the metadata has no such list, this is
    /// `client_secret_basic` (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).
    #[must_use]
    pub fn client_authentication_methods(&self) -> ClientAuthenticationSet {
        match &self.token_endpoint_auth_methods_supported {
            Some(names) => ClientAuthenticationSet::from_names(names),
            None => ClientAuthenticationSet::EMPTY.with(ClientAuthentication::ClientSecretBasic),
        }
    }
}
