//! [`AuthorizationDiscovery`]: what a discovery starts from, and its settings.

use super::{
    budget::Budget,
    challenged::{named_metadata, named_scope},
    rules::DiscoveryRules,
    server_choice::ServerChoice,
};
use crate::{
    base::{
        endpoint_url::{EndpointUrl, UrlPolicy},
        visible::without_query,
    },
    flow::contract::{Error, MAX_DOCUMENT},
};
use http::HeaderMap;
use std::fmt;

/// The most requests of an [`AuthorizationDiscovery`], unless
/// [`max_requests`](AuthorizationDiscovery::max_requests) sets another limit. It never needs more than five: two places of
/// the resource, and three of its authorization server.
pub const MAX_DISCOVERY_REQUESTS: usize = 6;

/// The most bytes that an [`AuthorizationDiscovery`] reads of all responses together, unless
/// [`max_bytes`](AuthorizationDiscovery::max_bytes) sets another limit.
pub const MAX_DISCOVERY_BYTES: usize = MAX_DISCOVERY_REQUESTS * MAX_DOCUMENT;

/// The flow from the URL of a protected resource to the metadata of the resource and of its authorization server.
///
/// 1. It asks the resource for its metadata (RFC 9728): at the URL that the challenge names, and then nowhere else; or at
///    the well-known URL of the resource, and if the rules say so, at that of its origin.
/// 2. It chooses one of the issuers that the resource lists.
/// 3. It asks that issuer for its metadata (RFC 8414): in the OAuth form, with the OpenID name between host and path, and in
///    the OpenID form.
///
/// A place without metadata leads to the next: 4xx (but 429), a redirect, a page. Metadata that is wrong ends the flow, and
/// so does a server that is busy or down. Redirects are not followed. The flow sends no request to a URL that the policy
/// does not allow.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::{AuthorizationDiscovery, DiscoveryRules, Step}};
///
/// // An MCP server has refused a request to https://mcp.example/v1 with this header:
/// let mut headers = http::HeaderMap::new();
/// headers.insert("www-authenticate", r#"Bearer scope="tools.read""#.parse()?);
///
/// let call = AuthorizationDiscovery::new("https://mcp.example/v1", &UrlPolicy::default())
///     .challenge(&headers)
///     .rules(DiscoveryRules::mcp())
///     .start()?;
/// # let moment = || Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// # let json = |text: &'static str| http::Response::builder().header("content-type", "application/json").body(text);
/// let (request, _terms, pending) = call.into_parts();
/// assert_eq!(request.uri(), "https://mcp.example/.well-known/oauth-protected-resource/v1");
/// let document = r#"{"resource": "https://mcp.example/v1", "authorization_servers": ["https://as.example"]}"#;
/// let Step::Send(call) = pending.receive(json(document)?, moment())? else { panic!("the issuer is asked") };
///
/// let (request, _terms, pending) = call.into_parts();
/// assert_eq!(request.uri(), "https://as.example/.well-known/oauth-authorization-server");
/// let document = r#"{"issuer": "https://as.example", "response_types_supported": ["code"],
///     "authorization_endpoint": "https://as.example/authorize", "token_endpoint": "https://as.example/token",
///     "code_challenge_methods_supported": ["S256"]}"#;
/// let Step::Done(found) = pending.receive(json(document)?, moment())? else { panic!("it is done") };
///
/// assert_eq!(found.resource.resource, "https://mcp.example/v1"); // what to send as `resource`
/// assert_eq!(found.server.issuer, "https://as.example");
/// assert_eq!(found.scope, Some(vec!["tools.read".to_owned()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a discovery does nothing until it is started"]
pub struct AuthorizationDiscovery {
    pub(super) settings: Settings,
    /// The URL of the metadata, by the challenge.
    pub(super) named: Result<Option<EndpointUrl>, Error>,
    pub(super) budget: Budget,
}

/// What does not change while the flow runs.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) resource: String,
    pub(super) policy: UrlPolicy,
    pub(super) rules: DiscoveryRules,
    pub(super) servers: ServerChoice,
    /// The scopes of the challenge.
    pub(super) scope: Option<Vec<String>>,
    pub(super) max_document: usize,
    pub(super) of_any_type: bool,
    /// What the flow had at its start.
    pub(super) budget: Budget,
}

impl AuthorizationDiscovery {
    /// Starts from the URL of a resource: the URL to which the request went that was refused, unchanged. The policy says to
    /// which URLs requests may go.
    pub fn new(resource: &str, policy: &UrlPolicy) -> Self {
        let budget = Budget { requests: MAX_DISCOVERY_REQUESTS, bytes: MAX_DISCOVERY_BYTES };
        Self {
            settings: Settings {
                resource: resource.to_owned(),
                policy: policy.clone(),
                rules: DiscoveryRules::default(),
                servers: ServerChoice::default(),
                scope: None,
                max_document: MAX_DOCUMENT,
                of_any_type: false,
                budget,
            },
            named: Ok(None),
            budget,
        }
    }

    /// Reads the headers of the response with which the resource has refused a request: the URL of the metadata
    /// (`resource_metadata`), and the scopes (`scope`), of challenges of any scheme (RFC 9728 section 5.1). If they name the
    /// metadata, it is looked for nowhere else.
    pub fn challenge(mut self, headers: &HeaderMap) -> Self {
        self.named = named_metadata(headers, &self.settings.policy);
        self.settings.scope = named_scope(headers);
        self
    }

    /// Sets where the metadata may be, and what it must say. The default is RFC 9728 to the letter.
    pub const fn rules(mut self, rules: DiscoveryRules) -> Self {
        self.settings.rules = rules;
        self
    }

    /// Sets which authorization server is taken, if the resource lists several. The default is the first.
    pub fn servers(mut self, choice: ServerChoice) -> Self {
        self.settings.servers = choice;
        self
    }

    /// Sets the most requests of the whole flow. The default is [`MAX_DISCOVERY_REQUESTS`], and one is the least.
    pub const fn max_requests(mut self, requests: usize) -> Self {
        self.budget.requests = if requests == 0 { 1 } else { requests };
        self
    }

    /// Sets the most bytes that are read of all responses together. The default is [`MAX_DISCOVERY_BYTES`].
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.budget.bytes = bytes;
        self
    }

    /// Sets the largest document, in bytes; the default is [`MAX_DOCUMENT`]. It does not change how much is read in all.
    pub const fn max_document(mut self, bytes: usize) -> Self {
        self.settings.max_document = bytes;
        self
    }
}

/// Shows the resource without its query.
impl fmt::Debug for AuthorizationDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationDiscovery")
            .field("resource", &without_query(&self.settings.resource))
            .field("rules", &self.settings.rules)
            .field("servers", &self.settings.servers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
