//! [`ClientIdentities`]: all that a program can be known as, and the choice among it for one server.

use super::{
    choice::IdentityChoice,
    error::NoClientIdentityError,
    identity::{ClientIdentity, DocumentClient, Known, PreRegisteredClient},
    kind::IdentityKind,
};
use crate::{
    base::{moment::Timestamp, visible::shown},
    flow::client::Signer,
    jose::Sign,
    message::{ClientIdUrl, ClientMetadata, RegisteredClient, application_type},
    metadata::{ClientAuthentication, ProviderMetadata},
};
use std::{collections::BTreeMap, sync::Arc};

/// All that a program can be known as, at servers that it does not know yet. [`choose`](Self::choose) says what it is at one
/// of them.
///
/// Credentials belong to the issuer that has given them. They are chosen for no other, to the letter. Only a document is for
/// every server that reads documents.
///
/// ```
/// use oidc_proto::{Timestamp, UrlPolicy, flow::*, message::*, metadata::*};
///
/// let identities = ClientIdentities::new()
///     .pre_registered(PreRegisteredClient::new("https://work.example", "app").secret("the secret at work"))
///     .document(ClientIdUrl::parse("https://agent.example/client.json")?)
///     .registration(ClientMetadata::native(["http://127.0.0.1/callback"]).client_name("My Agent"));
///
/// // A server that reads documents, and at which nobody has registered this program:
/// let document = br#"{"issuer": "https://as.example", "response_types_supported": ["code"],
///     "registration_endpoint": "https://as.example/register", "client_id_metadata_document_supported": true}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let server = ProviderMetadata::parse(document, "https://as.example", profile, &policy)?;
///
/// let now = Timestamp(1_800_000_000);
/// match identities.choose(&server, None, now)? {
///     IdentityChoice::Client(identity) => {
///         assert_eq!(identity.client_id(), "https://agent.example/client.json");
///         let client = identity.client(server, now)?.redirect_uri("http://127.0.0.1:51234/callback").build()?;
///     }
///     _ => unreachable!("this server reads documents"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "identities do nothing until one of them is chosen"]
pub struct ClientIdentities {
    pre_registered: BTreeMap<String, PreRegisteredClient>,
    document: Option<ClientIdUrl>,
    document_signers: Vec<Signer>,
    document_authentication: Option<ClientAuthentication>,
    registration: Option<ClientMetadata>,
    order: Option<Vec<IdentityKind>>,
}

impl ClientIdentities {
    /// A program that is known nowhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a client that was registered by hand. A second one at the same issuer replaces the first.
    pub fn pre_registered(mut self, client: PreRegisteredClient) -> Self {
        self.pre_registered.insert(client.issuer.clone(), client);
        self
    }

    /// Sets the URL at which the program publishes its metadata. It is used at servers whose metadata says
    /// `client_id_metadata_document_supported`. Without a key, the client is public.
    pub fn document(mut self, client_id: ClientIdUrl) -> Self {
        self.document = Some(client_id);
        self
    }

    /// Adds a key of the document, with which the client authenticates (`private_key_jwt`).
    pub fn document_signer(mut self, key: Arc<dyn Sign>) -> Self {
        self.document_signers.push(Signer(key));
        self
    }

    /// Sets the authentication method of the document (`token_endpoint_auth_method`), such as `private_key_jwt` if the key
    /// is elsewhere. By default it follows from the keys.
    pub const fn document_authentication(mut self, method: ClientAuthentication) -> Self {
        self.document_authentication = Some(method);
        self
    }

    /// Sets the metadata with which the program registers at a server that offers it (RFC 7591). If it has no
    /// `application_type`, that follows from its redirect URIs: `native` if one is on this machine or has the scheme of an
    /// app, and `web` otherwise.
    pub fn registration(mut self, mut metadata: ClientMetadata) -> Self {
        let uris = metadata.redirect_uris.as_deref().unwrap_or_default();
        let kind = application_type(uris);
        metadata.application_type.get_or_insert_with(|| kind.to_owned());
        self.registration = Some(metadata);
        self
    }

    /// Sets the order in which the kinds are tried. A kind that is not in it is not used. The default is
    /// [`IdentityKind::ORDER`].
    pub fn order(mut self, kinds: impl IntoIterator<Item = IdentityKind>) -> Self {
        self.order = Some(kinds.into_iter().collect());
        self
    }

    /// Chooses what the program is at the server that `metadata` describes.
    ///
    /// `registered` is the client that the program has registered at this server, if it has kept one. If it belongs to
    /// another issuer, or has ended by `now`, it is not used.
    ///
    /// # Errors
    /// [`NoClientIdentityError`] if the server takes none of the identities. It says what the server offers, and what the
    /// program would have to bring.
    pub fn choose(
        &self,
        metadata: &ProviderMetadata,
        registered: Option<&RegisteredClient>,
        now: Timestamp,
    ) -> Result<IdentityChoice, NoClientIdentityError> {
        let issuer = metadata.issuer.as_str();
        let reads_documents = metadata.client_id_metadata_document_supported == Some(true);
        let document = self.document_client().filter(|_| reads_documents);
        let takes_method = document.as_ref().is_none_or(|client| takes(metadata, client.method()));
        for kind in self.order.as_deref().unwrap_or(&IdentityKind::ORDER) {
            let known = match kind {
                IdentityKind::PreRegistered => {
                    let client = self.pre_registered.get(issuer).cloned();
                    client.map(|client| Known::PreRegistered(Box::new(client)))
                }
                IdentityKind::Document if takes_method => {
                    document.clone().map(|client| Known::Document(Box::new(client)))
                }
                IdentityKind::Registered => {
                    let client =
                        registered.filter(|client| client.issuer == issuer && !client.is_expired(now));
                    client.map(|client| Known::Registered(Box::new(client.clone())))
                }
                IdentityKind::Registration if metadata.registration_endpoint.is_some() => {
                    match &self.registration {
                        Some(metadata) => return Ok(IdentityChoice::Register(Box::new(metadata.clone()))),
                        None => None,
                    }
                }
                IdentityKind::Document | IdentityKind::Registration => None,
            };
            if let Some(known) = known {
                return Ok(IdentityChoice::Client(ClientIdentity::new(issuer, known)));
            }
        }
        Err(NoClientIdentityError {
            issuer: shown(issuer).into(),
            reads_documents,
            registers: metadata.registration_endpoint.is_some(),
            only_elsewhere: !self.pre_registered.is_empty() && !self.pre_registered.contains_key(issuer),
            refuses_method: !takes_method,
        })
    }

    fn document_client(&self) -> Option<DocumentClient> {
        let (signers, authentication) = (self.document_signers.clone(), self.document_authentication);
        let client_id = self.document.clone()?;
        Some(DocumentClient { client_id, signers, authentication })
    }
}

/// Whether the server takes a client with this method. Many servers forget `none` in their list, and a server without a list
/// says nothing about clients that publish their metadata.
fn takes(metadata: &ProviderMetadata, method: ClientAuthentication) -> bool {
    method == ClientAuthentication::None
        || metadata.token_endpoint_auth_methods_supported.is_none()
        || metadata.client_authentication_methods().contains(method)
}
