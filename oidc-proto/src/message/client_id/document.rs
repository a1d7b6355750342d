//! [`ClientIdMetadataDocument`]: the metadata that a client publishes at its client identifier.

use super::{
    client_id_url::ClientIdUrl,
    document_error::ClientIdMetadataError,
    redirect_uris::{receiver, without_loopback_port},
};
use crate::{
    base::{
        endpoint_url::{EndpointUrl, UrlError, UrlPolicy},
        json::Members,
        visible::shown,
    },
    message::registration::ClientMetadata,
    metadata::{ClientAuthentication, MetadataError},
};
use http::{HeaderValue, Response, header};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// The document that a client publishes at its client identifier. A server reads it when a user comes, so the client need
/// not register anywhere (draft-ietf-oauth-client-id-metadata-document).
///
/// [`builder`](Self::builder) makes one that every server can use. [`parse`](Self::parse) checks one as a server does, and
/// [`ClientIdMetadataRetrieval`](crate::flow::ClientIdMetadataRetrieval) fetches it before.
///
/// ```
/// use oidc_proto::message::{ClientIdMetadataDocument, ClientIdUrl};
/// use std::time::Duration;
///
/// let client_id = ClientIdUrl::parse("https://agent.example/client.json")?;
/// let document = ClientIdMetadataDocument::builder(client_id, "My Agent").loopback_redirects("/callback").build()?;
///
/// let json = document.to_json();
/// assert_eq!(json["client_id"], "https://agent.example/client.json");
/// assert_eq!(json["redirect_uris"][0], "http://127.0.0.1/callback");
/// assert_eq!(json["application_type"], "native");
/// assert_eq!(json["token_endpoint_auth_method"], "none");
/// assert_eq!(json["grant_types"][1], "refresh_token");
///
/// // What the web server answers at https://agent.example/client.json:
/// let response = document.response(Duration::from_secs(3600));
/// assert_eq!(response.headers()["content-type"], "application/json");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClientIdMetadataDocument {
    client_id: ClientIdUrl,
    metadata: ClientMetadata,
}

impl ClientIdMetadataDocument {
    /// Makes a document of metadata that is whole.
    pub(super) fn of(
        client_id: ClientIdUrl,
        metadata: ClientMetadata,
        policy: &UrlPolicy,
    ) -> Result<Self, ClientIdMetadataError> {
        judge(&metadata, policy)?;
        Ok(Self { client_id, metadata })
    }

    /// Reads the document that is published at `client_id`, and checks it as a server must: its `client_id` is this one to
    /// the letter, it has no secret and needs none, and no member contradicts another. `policy` is for the URLs in it that a
    /// server fetches.
    ///
    /// The client may have no name: `client_name` is a demand of the Model Context Protocol alone.
    ///
    /// # Errors
    /// [`ClientIdMetadataError`] says what is wrong.
    pub fn parse(
        document: &[u8],
        client_id: &ClientIdUrl,
        policy: &UrlPolicy,
    ) -> Result<Self, ClientIdMetadataError> {
        const SECRETS: [&str; 2] = ["client_secret", "client_secret_expires_at"];
        let mut members = Members::parse(document).map_err(MetadataError::from)?;
        let found = members.string("client_id").map_err(MetadataError::from)?;
        let found = found.ok_or(ClientIdMetadataError::NoClientId)?;
        if found != client_id.as_str() {
            let (expected, found) = (shown(client_id.as_str()).into(), shown(&found).into());
            return Err(ClientIdMetadataError::ClientId { expected, found });
        }
        if let Some(member) = SECRETS.into_iter().find(|member| members.has(member)) {
            return Err(ClientIdMetadataError::Secret(member));
        }
        let metadata = ClientMetadata::read(members).defended()?;
        // A misspelt method would make the client a public one.
        if let Some(aside) = metadata.set_aside.first() {
            return Err(MetadataError::Unusable(*aside).into());
        }
        Self::of(client_id.clone(), metadata, policy)
    }

    /// The client identifier: the URL of the document.
    #[must_use]
    pub const fn client_id(&self) -> &ClientIdUrl {
        &self.client_id
    }

    /// The metadata, without `client_id`.
    #[must_use]
    pub const fn metadata(&self) -> &ClientMetadata {
        &self.metadata
    }

    /// Whether the client authenticates, with a key or with a certificate. A client that does not say how is public: it
    /// has no secret to be otherwise.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        self.metadata
            .token_endpoint_auth_method
            .as_deref()
            .is_some_and(|method| method != ClientAuthentication::None.name())
    }

    /// Whether a redirect URI of a request is one of the document, to the letter (RFC 9700 section 4.1.3). One on this
    /// machine may have any port if the document has it without a port (RFC 8252 section 7.3).
    #[must_use]
    pub fn allows_redirect_uri(&self, uri: &str) -> bool {
        let known = self.metadata.redirect_uris.as_deref().unwrap_or_default();
        let portless = without_loopback_port(uri);
        known.iter().any(|known| known == uri || portless.as_ref() == Some(known))
    }

    /// The document as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut document = self.metadata.to_json();
        if let Value::Object(members) = &mut document {
            members.insert("client_id".to_owned(), self.client_id.as_str().into());
        }
        document
    }

    /// The response with which to serve the document at its URL: 200, `application/json`, to be cached for `max_age`.
    /// Servers may keep it for a longer or a shorter time. Serve it at exactly this URL: servers follow no redirect.
    #[must_use]
    pub fn response(&self, max_age: Duration) -> Response<Vec<u8>> {
        let mut response = Response::new(self.to_json().to_string().into_bytes());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let fresh = HeaderValue::try_from(format!("public, max-age={}", max_age.as_secs()));
        if let Ok(fresh) = fresh {
            headers.insert(header::CACHE_CONTROL, fresh);
        }
        response
    }
}

/// The members that are pages for users. A page may be at any https URL.
const PAGES: [&str; 4] = ["client_uri", "logo_uri", "policy_uri", "tos_uri"];

/// The ends of the names of members that name an algorithm of the client or for it.
const ALGORITHMS: [&str; 3] = ["_signed_response_alg", "_signing_alg", "_encrypted_response_alg"];

/// The algorithms that need a secret which both sides have: of signatures, and of keys of encryption.
const SYMMETRIC: [&str; 10] =
    ["HS256", "HS384", "HS512", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "dir"];

/// Checks metadata that everybody can read, and that no server has agreed to before.
fn judge(metadata: &ClientMetadata, policy: &UrlPolicy) -> Result<(), ClientIdMetadataError> {
    let method = metadata.token_endpoint_auth_method.as_deref().unwrap_or_default();
    if method.starts_with("client_secret") {
        return Err(ClientIdMetadataError::SharedSecret);
    }
    let members = metadata.to_json();
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let symmetric = ClientMetadata::MEMBERS.iter().find(|name| {
        ALGORITHMS.iter().any(|end| name.ends_with(end))
            && text(name).is_some_and(|alg| SYMMETRIC.contains(&alg) || alg.starts_with("PBES2"))
    });
    if let Some(member) = symmetric {
        return Err(ClientIdMetadataError::SymmetricAlgorithm(member));
    }
    for uri in metadata.redirect_uris.iter().flatten() {
        receiver(uri).map_err(ClientIdMetadataError::RedirectUri)?;
    }
    metadata.check()?;
    let refused = |member| move |why| ClientIdMetadataError::Url { member, why };
    if let Some(uri) = &metadata.jwks_uri {
        EndpointUrl::parse(uri, policy).map_err(refused("jwks_uri"))?;
    }
    for (member, page) in PAGES.into_iter().filter_map(|name| Some((name, text(name)?))) {
        is_page(page).map_err(refused(member))?;
    }
    Ok(())
}

/// Checks that a link leads to a page, and to nothing that would run where it is shown.
fn is_page(link: &str) -> Result<(), UrlError> {
    let url = Url::parse(link).map_err(|_| UrlError::NotAbsolute)?;
    if url.scheme() == "https" { Ok(()) } else { Err(UrlError::Scheme) }
}
