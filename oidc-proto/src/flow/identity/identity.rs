//! [`ClientIdentity`]: a client that one server knows, and the credentials that only this server may see.

use super::kind::IdentityKind;
use crate::{
    base::{moment::Timestamp, secret::Secret},
    flow::{
        client::{Client, ClientBuilder, Signer},
        contract::{ConfigError, RegisteredClientError},
    },
    jose::Sign,
    message::{ClientIdUrl, RegisteredClient},
    metadata::{ClientAuthentication, ProviderMetadata},
};
use std::sync::Arc;

/// A client that was registered by hand at one issuer, and its credentials there.
///
/// ```
/// use oidc_proto::flow::{ClientIdentities, PreRegisteredClient};
///
/// let identities = ClientIdentities::new()
///     .pre_registered(PreRegisteredClient::new("https://one.example", "app").secret("the secret at one.example"))
///     .pre_registered(PreRegisteredClient::new("https://two.example", "another-app"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a pre-registered client does nothing until it is given to `ClientIdentities`"]
pub struct PreRegisteredClient {
    pub(super) issuer: String,
    pub(super) client_id: String,
    secret: Option<Secret>,
    signers: Vec<Signer>,
    authentication: Option<ClientAuthentication>,
    certificate: bool,
}

impl PreRegisteredClient {
    /// A client with this `client_id` at the server with this issuer, and at no other. It is public if it gets no
    /// credentials.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            secret: None,
            signers: Vec::new(),
            authentication: None,
            certificate: false,
        }
    }

    /// Sets the client secret, as [`ClientBuilder::secret`] does.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Adds a key that signs the client's assertions, as [`ClientBuilder::signer`] does.
    pub fn signer(mut self, key: Arc<dyn Sign>) -> Self {
        self.signers.push(Signer(key));
        self
    }

    /// States that connections present a certificate, as [`ClientBuilder::certificate`] does.
    pub const fn certificate(mut self) -> Self {
        self.certificate = true;
        self
    }

    /// Sets the registered authentication method, as [`ClientBuilder::authentication`] does.
    pub const fn authentication(mut self, method: ClientAuthentication) -> Self {
        self.authentication = Some(method);
        self
    }

    fn client(&self, metadata: Arc<ProviderMetadata>) -> ClientBuilder {
        let mut client = Client::builder(metadata, &self.client_id);
        if let Some(secret) = &self.secret {
            client = client.secret(secret.clone());
        }
        if self.certificate {
            client = client.certificate();
        }
        with_keys(client, &self.signers, self.authentication)
    }
}

/// A client that publishes its metadata at its identifier.
#[derive(Clone, Debug)]
pub(super) struct DocumentClient {
    pub(super) client_id: ClientIdUrl,
    pub(super) signers: Vec<Signer>,
    pub(super) authentication: Option<ClientAuthentication>,
}

impl DocumentClient {
    /// The method that the document names.
    pub(super) fn method(&self) -> ClientAuthentication {
        let by_keys = match &*self.signers {
            [] => ClientAuthentication::None,
            [_, ..] => ClientAuthentication::PrivateKeyJwt,
        };
        self.authentication.unwrap_or(by_keys)
    }

    fn client(&self, metadata: Arc<ProviderMetadata>) -> ClientBuilder {
        let method = self.method();
        let by_certificate = matches!(
            method,
            ClientAuthentication::TlsClientAuth | ClientAuthentication::SelfSignedTlsClientAuth
        );
        let client = Client::builder(metadata, self.client_id.as_str());
        let client = if by_certificate { client.certificate() } else { client };
        with_keys(client, &self.signers, Some(method))
    }
}

fn with_keys(
    client: ClientBuilder,
    signers: &[Signer],
    authentication: Option<ClientAuthentication>,
) -> ClientBuilder {
    let client = signers.iter().fold(client, |client, Signer(key)| client.signer(key.clone()));
    match authentication {
        Some(method) => client.authentication(method),
        None => client,
    }
}

/// A client that the server with one issuer knows. [`ClientIdentities::choose`](super::ClientIdentities::choose) chooses it.
///
/// Its credentials are for this issuer alone: [`client`](Self::client) takes the metadata of no other.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    issuer: String,
    known: Known,
}

#[derive(Clone, Debug)]
pub(super) enum Known {
    PreRegistered(Box<PreRegisteredClient>),
    Document(Box<DocumentClient>),
    Registered(Box<RegisteredClient>),
}

impl ClientIdentity {
    pub(super) fn new(issuer: &str, known: Known) -> Self {
        Self { issuer: issuer.to_owned(), known }
    }

    /// The kind of the identity.
    #[must_use]
    pub const fn kind(&self) -> IdentityKind {
        match &self.known {
            Known::PreRegistered(_) => IdentityKind::PreRegistered,
            Known::Document(_) => IdentityKind::Document,
            Known::Registered(_) => IdentityKind::Registered,
        }
    }

    /// The issuer that the identity was chosen for.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The client identifier.
    #[must_use]
    pub fn client_id(&self) -> &str {
        match &self.known {
            Known::PreRegistered(client) => &client.client_id,
            Known::Document(client) => client.client_id.as_str(),
            Known::Registered(client) => &client.client_id,
        }
    }

    /// Starts a client with this identity and its credentials at the server that `metadata` describes. Set the redirect URI
    /// and all other settings there.
    ///
    /// # Errors
    /// [`RegisteredClientError::OtherIssuer`] if the metadata is of another issuer than the one that the identity was chosen
    /// for, and [`RegisteredClientError::Expired`] if the secret of a registration has expired by `now`.
    pub fn client(
        &self,
        metadata: impl Into<Arc<ProviderMetadata>>,
        now: Timestamp,
    ) -> Result<ClientBuilder, ConfigError> {
        let metadata = metadata.into();
        if metadata.issuer != self.issuer {
            return Err(RegisteredClientError::OtherIssuer.into());
        }
        match &self.known {
            Known::PreRegistered(client) => Ok(client.client(metadata)),
            Known::Document(client) => Ok(client.client(metadata)),
            Known::Registered(client) => client.builder(metadata, now),
        }
    }
}
