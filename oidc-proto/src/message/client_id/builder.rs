//! [`ClientIdMetadataDocumentBuilder`]: makes a document that every server can use.

use super::{
    client_id_url::ClientIdUrl,
    document::ClientIdMetadataDocument,
    document_error::{ClientIdMetadataError, MAX_CLIENT_ID_METADATA},
    redirect_uris::application_type,
};
use crate::{
    base::{endpoint_url::UrlPolicy, visible::is_name},
    message::registration::ClientMetadata,
    metadata::ClientAuthentication,
};

/// The members of a [`ClientIdMetadataDocument`]. [`build`](Self::build) adds those that follow from others, and checks all
/// of them together.
///
/// ```
/// use oidc_proto::{jose::Jwk, message::{ClientIdMetadataDocument, ClientIdUrl}};
///
/// let client_id = ClientIdUrl::parse("https://app.example/client.json")?;
/// let key = Jwk::parse(br#"{"kty": "OKP", "crv": "Ed25519", "kid": "1",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// let document = ClientIdMetadataDocument::builder(client_id, "My App")
///     .redirect_uri("https://app.example/callback")
///     .metadata(|other| other.jwks([key]).scope("mcp:read").logo_uri("https://app.example/logo.svg"))
///     .build()?;
///
/// let json = document.to_json();
/// assert_eq!(json["token_endpoint_auth_method"], "private_key_jwt");
/// assert_eq!(json["application_type"], "web");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientIdMetadataDocumentBuilder {
    client_id: ClientIdUrl,
    client_name: String,
    redirect_uris: Vec<String>,
    loopback: Vec<String>,
    ports: Vec<u16>,
    metadata: ClientMetadata,
}

impl ClientIdMetadataDocument {
    /// Starts a document with the two members that each document needs: the URL at which it will be published, and the
    /// name to show to users.
    pub fn builder(
        client_id: ClientIdUrl,
        client_name: impl Into<String>,
    ) -> ClientIdMetadataDocumentBuilder {
        ClientIdMetadataDocumentBuilder {
            client_id,
            client_name: client_name.into(),
            redirect_uris: Vec::new(),
            loopback: Vec::new(),
            ports: Vec::new(),
            metadata: ClientMetadata::new(),
        }
    }
}

impl ClientIdMetadataDocumentBuilder {
    /// Adds a redirect URI: `https`, or the scheme of an app. [`loopback_redirects`](Self::loopback_redirects) adds those of
    /// a program on the machine of its user.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Adds the redirect URIs of a program on the machine of its user, with this path: `http://127.0.0.1/callback` and
    /// `http://localhost/callback`. They have no port, so that the program may listen at any free port (RFC 8252 section
    /// 7.3). Some servers compare ports: see [`loopback_ports`](Self::loopback_ports).
    pub fn loopback_redirects(mut self, path: impl Into<String>) -> Self {
        self.loopback.push(path.into());
        self
    }

    /// Gives the loopback redirect URIs these ports in place of none, for servers that compare ports. The program must then
    /// listen at one of them.
    pub fn loopback_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports.extend(ports);
        self
    }

    /// Sets other members, such as keys, scopes and pages. With keys, the client authenticates with `private_key_jwt`.
    /// Redirect URIs that are set here come before the others.
    pub fn metadata(mut self, set: impl FnOnce(ClientMetadata) -> ClientMetadata) -> Self {
        self.metadata = set(self.metadata);
        self
    }

    /// Makes the document. It adds what is not set: the grants `authorization_code` and `refresh_token`, the response type
    /// `code`, the authentication method (`private_key_jwt` with keys, `none` without), and the `application_type` that
    /// follows from the redirect URIs.
    ///
    /// # Errors
    /// [`ClientIdMetadataError`] says which member no server could use.
    pub fn build(self) -> Result<ClientIdMetadataDocument, ClientIdMetadataError> {
        let mut metadata = self.metadata;
        let client_name = metadata.client_name.insert(self.client_name);
        if !is_name(client_name) {
            return Err(ClientIdMetadataError::ClientName);
        }
        if self.loopback.iter().any(|path| !path.starts_with('/')) {
            return Err(ClientIdMetadataError::LoopbackPath);
        }
        let mut uris = metadata.redirect_uris.take().unwrap_or_default();
        uris.extend(self.redirect_uris);
        for path in &self.loopback {
            for host in ["127.0.0.1", "localhost"] {
                match &*self.ports {
                    [] => uris.push(format!("http://{host}{path}")),
                    ports => uris.extend(ports.iter().map(|port| format!("http://{host}:{port}{path}"))),
                }
            }
        }
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        metadata.application_type.get_or_insert_with(|| application_type(&uris).to_owned());
        metadata.redirect_uris = (!uris.is_empty()).then_some(uris);
        let grants =
            metadata.grant_types.get_or_insert_with(|| list(&["authorization_code", "refresh_token"]));
        let with_code = grants.iter().any(|grant| grant == "authorization_code");
        let types: &[&str] = if with_code { &["code"] } else { &[] };
        metadata.response_types.get_or_insert_with(|| list(types));
        let keys = metadata.jwks.is_some() || metadata.jwks_uri.is_some();
        let method = if keys { ClientAuthentication::PrivateKeyJwt } else { ClientAuthentication::None };
        metadata.token_endpoint_auth_method.get_or_insert_with(|| method.name().to_owned());
        let document = ClientIdMetadataDocument::of(self.client_id, metadata, &UrlPolicy::default())?;
        let bytes = document.to_json().to_string().len();
        if bytes > MAX_CLIENT_ID_METADATA {
            return Err(ClientIdMetadataError::TooLarge { bytes });
        }
        Ok(document)
    }
}
