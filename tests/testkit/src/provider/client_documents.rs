//! Clients that publish their metadata at their identifier (draft-ietf-oauth-client-id-metadata-document): the provider
//! reads the document when such a client comes, by rules of its own.

use super::{ClientAuthentication, EndpointName, Registration, TestProvider, form, params::Params};
use http::{Method, Request, Response, StatusCode, header};
use oidc_proto::base::Timestamp;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use url::{Host, Url};

type Fetch = Box<dyn FnMut(&str) -> Response<Vec<u8>> + Send>;

/// The longest document that the provider reads: 5 KiB.
const LONGEST: usize = 5 * 1024;

/// How long a document is kept at least, and at most, in seconds.
const KEPT: (i64, i64) = (30, 86_400);

/// What the provider does with clients that it does not know.
#[derive(Default)]
pub(super) struct ClientDocuments {
    fetch: Option<Fetch>,
    /// The clients that were read from a document, and the times until which they are kept.
    kept: BTreeMap<String, Timestamp>,
    fetched: usize,
    compares_ports: bool,
}

impl TestProvider {
    /// Lets clients come that publish their metadata at their identifier. `fetch` is the web: it answers the GET of a URL.
    ///
    /// ```
    /// use oidc_proto::message::{ClientIdMetadataDocument, ClientIdUrl};
    /// use oidc_testkit::TestProvider;
    /// use std::time::Duration;
    ///
    /// let client_id = ClientIdUrl::parse("https://agent.example/client.json")?;
    /// let document = ClientIdMetadataDocument::builder(client_id, "My Agent").loopback_redirects("/callback").build()?;
    /// let mut provider = TestProvider::new("https://op.example");
    /// provider.read_client_documents(move |_| document.response(Duration::from_secs(60)));
    /// assert_eq!(provider.metadata()["client_id_metadata_document_supported"], true);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_client_documents(&mut self, fetch: impl FnMut(&str) -> Response<Vec<u8>> + Send + 'static) {
        self.client_documents.fetch = Some(Box::new(fetch));
    }

    /// Compares the ports of loopback redirect URIs, as many servers do. By default, a URI without a port stands for every
    /// port (RFC 8252 section 7.3).
    pub fn compare_loopback_ports(&mut self, on: bool) {
        self.client_documents.compares_ports = on;
    }

    /// The number of documents that were fetched so far.
    #[must_use]
    pub const fn client_documents_fetched(&self) -> usize {
        self.client_documents.fetched
    }

    pub(super) fn client_document_metadata(&self, metadata: &mut Value) {
        if self.client_documents.fetch.is_some() {
            metadata["client_id_metadata_document_supported"] = true.into();
        }
    }

    /// Reads the document of the client of a request, if that is where the client is known from.
    pub(super) fn see_client(&mut self, endpoint: EndpointName, request: &Request<Vec<u8>>, now: Timestamp) {
        let asks = matches!(
            endpoint,
            EndpointName::Authorize | EndpointName::Token | EndpointName::PushedAuthorizationRequest
        );
        if !asks || self.client_documents.fetch.is_none() {
            return;
        }
        let params = match *request.method() {
            Method::POST => form(request),
            _ => Params::parse(request.uri().query().unwrap_or_default().as_bytes()),
        };
        let Some(client_id) = params.get("client_id").filter(|id| id.starts_with("https:")) else { return };
        let fresh = self.client_documents.kept.get(client_id).map(|until| now < *until);
        match (fresh, self.clients.contains_key(client_id)) {
            // The operator has registered this URL.
            (None, true) | (Some(true), true) => {}
            _ => {
                self.clients.remove(client_id);
                match self.read_document(client_id, now) {
                    Ok((registration, until)) => {
                        self.client_documents.kept.insert(client_id.to_owned(), until);
                        self.register(registration);
                    }
                    Err(why) => self.audit.note(format!("the client ID metadata document: {why}")),
                }
            }
        }
        if let (Some(requested), false) = (params.get("redirect_uri"), self.client_documents.compares_ports)
            && let Some(client) = self.clients.get_mut(client_id)
            && portless(requested).is_some_and(|portless| client.redirect_uris.contains(&portless))
        {
            client.redirect_uris.push(requested.to_owned());
        }
    }

    fn read_document(
        &mut self,
        client_id: &str,
        now: Timestamp,
    ) -> Result<(Registration, Timestamp), String> {
        judge_url(client_id)?;
        let documents = &mut self.client_documents;
        documents.fetched += 1;
        let fetch = documents.fetch.as_mut().ok_or("no client is read")?;
        let response = fetch(client_id);
        let registration = judge_document(client_id, &response)?;
        let said = response.headers().get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
        let seconds =
            said.and_then(|said| said.split("max-age=").nth(1)?.split(',').next()?.trim().parse().ok());
        let seconds: i64 = seconds.unwrap_or(KEPT.0);
        Ok((registration, now.plus(seconds.clamp(KEPT.0, KEPT.1))))
    }
}

/// The rules for the URL (section "Client Identifier URL"), and where a server may not send a request.
fn judge_url(client_id: &str) -> Result<(), String> {
    let url = Url::parse(client_id).map_err(|_| "its URL cannot be read")?;
    if url.scheme() != "https" || client_id.contains('#') || client_id.contains('@') {
        return Err("its URL is not https, or has a fragment or a user".into());
    }
    if client_id.split(['/', '\\', '?']).any(|part| matches!(&*part.replace("%2e", "."), "." | "..")) {
        return Err("its URL has a dot segment".into());
    }
    if url.path() == "/" {
        return Err("its URL has no path".into());
    }
    let inside = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => is_special(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_special(IpAddr::V6(address)),
        None => true,
    };
    if inside { Err("its URL leads to a special-use address".into()) } else { Ok(()) }
}

/// Some of the special-use addresses (RFC 6890).
fn is_special(address: IpAddr) -> bool {
    let v4 = |address: Ipv4Addr| {
        address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified()
    };
    let v6 = |address: Ipv6Addr| {
        let first = address.segments()[0];
        address.is_loopback()
            || address.is_unspecified()
            || first & 0xfe00 == 0xfc00
            || first & 0xffc0 == 0xfe80
    };
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address) || address.to_ipv4_mapped().is_some_and(v4),
    }
}

/// The rules for the document (section "Client ID Metadata Document").
fn judge_document(client_id: &str, response: &Response<Vec<u8>>) -> Result<Registration, String> {
    if response.status() != StatusCode::OK {
        return Err(format!("its status is {}", response.status().as_u16()));
    }
    let said = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = said.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
        return Err("it is not JSON by its media type".into());
    }
    if response.body().len() > LONGEST {
        return Err("it is longer than 5 KiB".into());
    }
    let document: Value = serde_json::from_slice(response.body()).map_err(|_| "it is not JSON")?;
    if document["client_id"] != client_id {
        return Err("it is of another client".into());
    }
    if document.get("client_secret").is_some() || document.get("client_secret_expires_at").is_some() {
        return Err("it has a secret".into());
    }
    if !document["client_name"].is_string() {
        return Err("it has no client_name".into());
    }
    let list = |name: &str| {
        let texts = document[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    let authentication = match document["token_endpoint_auth_method"].as_str() {
        None | Some("none") => ClientAuthentication::None,
        Some("private_key_jwt") => match &document["jwks"]["keys"][0] {
            Value::Null => return Err("it has no key".into()),
            key => ClientAuthentication::PrivateKeyJwt(key.clone()),
        },
        Some(_) => return Err("its authentication method needs a secret, or is not supported".into()),
    };
    let mut registration = Registration::new(client_id, authentication);
    registration.redirect_uris = list("redirect_uris");
    if registration.redirect_uris.is_empty() {
        return Err("it has no redirect_uris".into());
    }
    registration.grant_types = list("grant_types");
    if registration.grant_types.is_empty() {
        registration.grant_types = vec!["authorization_code".to_owned()];
    }
    Ok(registration)
}

/// A redirect URI on this machine, without its port.
fn portless(uri: &str) -> Option<String> {
    let mut url = Url::parse(uri).ok().filter(|url| url.scheme() == "http")?;
    let loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    url.port().filter(|_| loopback)?;
    url.set_port(None).ok()?;
    Some(url.to_string())
}
