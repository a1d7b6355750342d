//! [`ClientIdMetadataRetrieval`]: from a client identifier that is a URL to the metadata of the client
//! (draft-ietf-oauth-client-id-metadata-document, section "Client Information Discovery").
//!
//! ```text
//! Getting ──document──▶ Done(RetrievedClient)
//! ```

use crate::{
    base::{endpoint_url::UrlPolicy, freshness::Freshness, moment::Moment},
    flow::{
        contract::{Call, ConfigError, Endpoint, Error, ResponseRule, Step, Then},
        exchange::{Document, Get},
    },
    message::{ClientIdMetadataDocument, ClientIdUrl},
};

/// The flow from a client identifier to the document that the client publishes there: one request, one response. A server
/// runs it when an unknown client comes, and an author runs it to test a document.
///
/// It is what the specification demands of servers: the policy decides where the request may go, no redirect is followed,
/// the status is 200, the media type is JSON, at most 5 KiB are read (`Call::max_body` sets another limit), and the document
/// is of the client that was asked for. The policy judges the URL; your HTTP client must judge the addresses that its host
/// resolves to, as the adapters do.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::{ClientIdMetadataRetrieval, Step}, message::ClientIdUrl};
///
/// // A user comes with a client that nobody has registered:
/// let client_id = ClientIdUrl::parse("https://agent.example/client.json")?;
/// let call = ClientIdMetadataRetrieval::start(&client_id, &UrlPolicy::default())?;
/// let (request, _terms, pending) = call.into_parts();
/// assert_eq!(request.uri(), "https://agent.example/client.json");
///
/// let document = r#"{"client_id": "https://agent.example/client.json", "client_name": "My Agent",
///     "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none"}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(document)?;
/// let step = pending.receive(response, Moment::new(Timestamp(1_800_000_000), [7; 32]))?;
/// let Step::Done(client) = step else { panic!("one response is enough") };
/// assert!(client.document.allows_redirect_uri("http://127.0.0.1:51234/callback"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientIdMetadataRetrieval;

/// The client that was asked for, and the policy for the URLs in its document.
#[derive(Debug)]
pub struct Asked {
    client_id: ClientIdUrl,
    policy: UrlPolicy,
}

/// A client whose document was fetched and checked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RetrievedClient {
    /// The document.
    pub document: ClientIdMetadataDocument,
    /// How long the document may be kept, by the headers of the response. Set bounds of your own; a failure must not be
    /// kept at all.
    pub freshness: Freshness,
}

impl ClientIdMetadataRetrieval {
    /// Asks for the document of a client.
    ///
    /// # Errors
    /// [`ConfigError::ClientId`] if the policy does not allow requests to the URL.
    pub fn start(client_id: &ClientIdUrl, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        let url = client_id.endpoint(policy).map_err(ConfigError::ClientId)?;
        let asked = Asked { client_id: client_id.clone(), policy: policy.clone() };
        Ok(Get::start(Endpoint::ClientIdMetadata, &url, "application/json", false).carrying(asked))
    }
}

impl Then for ClientIdMetadataRetrieval {
    type First = Get;
    type Carried = Asked;
    type Output = RetrievedClient;

    fn then(document: Document, asked: Asked, _: Moment) -> Result<Step<Self>, Error> {
        let json = document.json_of_any_kind()?;
        let read = ClientIdMetadataDocument::parse(json, &asked.client_id, &asked.policy);
        let read = read.map_err(|error| document.broken(ResponseRule::ClientIdMetadata(Box::new(error))))?;
        Ok(Step::Done(RetrievedClient { document: read, freshness: document.freshness() }))
    }
}
