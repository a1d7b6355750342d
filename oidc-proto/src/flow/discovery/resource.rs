//! The discovery of a protected resource (RFC 9728 sections 3 and 5): from a resource, or from its challenge, to the
//! issuers whose tokens it accepts.
//!
//! ```text
//! Getting ──document──▶ Done(ResourceMetadata)
//! ```

use super::authorization::named_metadata;
use crate::{
    base::{
        endpoint_url::{EndpointUrl, UrlPolicy},
        moment::Moment,
    },
    flow::{
        contract::{Along, Call, ConfigError, Endpoint, Error, ResponseRule, Step, Then},
        exchange::{Document, Get},
    },
    metadata::{ResourceMetadata, resource_well_known},
};
use http::HeaderMap;

/// The flow from a protected resource to its metadata: one request, one response.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::{ResourceDiscovery, Step}};
///
/// // An API has refused a request to https://api.example/orders with this header:
/// let challenge = r#"Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource/orders""#;
/// let mut headers = http::HeaderMap::new();
/// headers.insert("www-authenticate", challenge.parse()?);
/// let requested = "https://api.example/orders";
///
/// let call = ResourceDiscovery::from_challenge(&headers, requested, &UrlPolicy::default())?;
/// let (request, _terms, pending) = call.ok_or("the challenge names no metadata")?.into_parts();
/// assert_eq!(request.uri().path(), "/.well-known/oauth-protected-resource/orders");
///
/// let document = r#"{"resource": "https://api.example/orders",
///     "authorization_servers": ["https://op.example"]}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(document)?;
/// let step = pending.receive(response, Moment::new(Timestamp(1_800_000_000), [7; 32]))?;
/// let Step::Done(api) = step else { panic!("one response is enough") };
/// assert_eq!(api.authorization_servers, Some(vec!["https://op.example".to_owned()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ResourceDiscovery;

/// The resource that was asked, and the policy for URLs in its metadata.
#[derive(Debug)]
pub struct Asked {
    resource: String,
    policy: UrlPolicy,
}

impl ResourceDiscovery {
    /// Asks a resource for its metadata, at the URL that follows from its identifier.
    ///
    /// # Errors
    /// [`ConfigError::Resource`] if no resource may have this identifier, or if the policy does not allow it.
    pub fn start(resource: &str, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        let url = resource_well_known(resource, policy).map_err(ConfigError::Resource)?;
        Ok(Self::at(&url, resource, policy))
    }

    /// Asks at the URL that the resource named when it refused a request: the parameter `resource_metadata` of its
    /// challenge, whatever the scheme (section 5.1). It returns `None` if the challenges name no such URL.
    ///
    /// `requested` is the URL that the refused request went to, unchanged. The metadata must be of exactly that
    /// resource (section 3.3), so that no resource can speak for another.
    ///
    /// # Errors
    /// [`Error::Response`] if the policy does not allow the URL, or if the challenges name several URLs.
    pub fn from_challenge(
        headers: &HeaderMap,
        requested: &str,
        policy: &UrlPolicy,
    ) -> Result<Option<Call<Self>>, Error> {
        let Some(url) = named_metadata(headers, policy)? else { return Ok(None) };
        Ok(Some(Self::at(&url, requested, policy)))
    }

    fn at(url: &EndpointUrl, resource: &str, policy: &UrlPolicy) -> Call<Self> {
        let asked = Asked { resource: resource.to_owned(), policy: policy.clone() };
        Get::start(Endpoint::ResourceMetadata, url, "application/json", false).carrying(asked)
    }
}

impl Call<ResourceDiscovery> {
    /// Accepts the metadata of the resource with any media type. Nothing but the media type is tolerated: the metadata must
    /// be JSON of the resource that was asked for.
    ///
    /// # Danger
    /// It takes a check away: a file that others may put there passes for metadata. See [`danger`](crate::danger).
    pub fn any_media_type(self) -> Self {
        self.map(|Along { state, carried }| Along { state: state.of_any_type(), carried })
    }
}

impl Then for ResourceDiscovery {
    type First = Get;
    type Carried = Asked;
    type Output = ResourceMetadata;

    fn then(document: Document, asked: Asked, _: Moment) -> Result<Step<Self>, Error> {
        let json = document.json(&["application/json"])?;
        let metadata = ResourceMetadata::parse(json, &asked.resource, &asked.policy);
        Ok(Step::Done(metadata.map_err(|error| document.broken(ResponseRule::Metadata(error)))?))
    }
}
