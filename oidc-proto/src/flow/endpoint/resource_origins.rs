//! [`ResourceOrigins`]: the servers that may get an access token, and [`ResourceRequestError`]: why a request gets none.

use crate::{
    base::{
        endpoint_url::{EndpointUrl, UrlError, UrlPolicy},
        sentence::{Remedy, debug_is_sentence, predicate},
    },
    sender::{DPOP, normal_target, origin_of},
};
use http::{HeaderMap, Uri, header};

/// The servers that may get an access token: the origins of an API, each a scheme, a host and a port.
///
/// A token goes to the servers that the program names, and to no other. A link in a response of the API, a redirect or
/// a URL that a user has chosen cannot lead the token elsewhere.
///
/// ```
/// use http::Uri;
/// use oidc_proto::{UrlPolicy, flow::{ResourceOrigins, ResourceRequestError}};
///
/// let policy = UrlPolicy::default(); // https, and no address of this machine
/// let origins = ResourceOrigins::new("https://api.example", &policy)?.and("https://files.example:8443")?;
///
/// let allowed = |url: &'static str| origins.check(&Uri::from_static(url));
/// assert_eq!(allowed("https://api.example/orders?page=2"), Ok(()));
/// assert_eq!(allowed("https://api.example.evil.example/"), Err(ResourceRequestError::OtherOrigin));
/// assert_eq!(allowed("https://files.example/"), Err(ResourceRequestError::OtherOrigin), "another port");
/// # Ok::<(), ResourceRequestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceOrigins {
    /// Each as scheme, host and port.
    named: Vec<String>,
    policy: UrlPolicy,
}

impl ResourceOrigins {
    /// Names the first origin, such as `https://api.example`. The policy decides which URLs may be requested at all.
    ///
    /// # Errors
    /// [`ResourceRequestError::Origin`] if the policy does not allow the URL; [`ResourceRequestError::NotAnOrigin`] if
    /// it has a path or a query.
    pub fn new(origin: &str, policy: &UrlPolicy) -> Result<Self, ResourceRequestError> {
        Self { named: Vec::new(), policy: policy.clone() }.and(origin)
    }

    /// Names one more origin.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn and(mut self, origin: &str) -> Result<Self, ResourceRequestError> {
        let url = EndpointUrl::parse(origin, &self.policy).map_err(ResourceRequestError::Origin)?;
        if url.as_url().path() != "/" || url.as_url().query().is_some() {
            return Err(ResourceRequestError::NotAnOrigin);
        }
        self.named.extend(origin_of(&url.uri()));
        Ok(self)
    }

    /// Checks that a request to this URL may have the access token.
    ///
    /// # Errors
    /// [`ResourceRequestError::Url`] if no request may go there; [`ResourceRequestError::OtherOrigin`] if nobody named
    /// this server.
    pub fn check(&self, uri: &Uri) -> Result<(), ResourceRequestError> {
        self.target(uri).map(drop)
    }

    /// Returns the target of a request in its normal form, without the query (RFC 9449 section 4.3).
    pub(super) fn target(&self, uri: &Uri) -> Result<EndpointUrl, ResourceRequestError> {
        let text = uri.to_string();
        let url = EndpointUrl::parse(&text, &self.policy).map_err(ResourceRequestError::Url)?;
        // An empty user name is gone from the normal form, but the HTTP stack has the URL as it is.
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(ResourceRequestError::Url(UrlError::Credentials));
        }
        // The HTTP stack reads the URL with another parser. Where the two see different servers, neither is believed.
        let origin = origin_of(uri).filter(|origin| Some(origin) == origin_of(&url.uri()).as_ref());
        if origin.is_none_or(|origin| !self.named.contains(&origin)) {
            return Err(ResourceRequestError::OtherOrigin);
        }
        let normal = normal_target(&text).ok_or(ResourceRequestError::Url(UrlError::Characters))?;
        EndpointUrl::parse(&normal, &self.policy).map_err(ResourceRequestError::Url)
    }
}

/// Checks that the application has not put credentials into the request itself (RFC 6750 section 2: one method for each
/// request).
pub(super) fn has_no_credentials(uri: &Uri, headers: &HeaderMap) -> Result<(), ResourceRequestError> {
    let places = [(header::AUTHORIZATION, "header Authorization"), (DPOP, "header DPoP")];
    if let Some((_, name)) = places.into_iter().find(|(name, _)| headers.contains_key(name)) {
        return Err(ResourceRequestError::Credentials(name));
    }
    let in_query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .any(|(name, _)| name == "access_token");
    if in_query { Err(ResourceRequestError::Credentials("parameter access_token")) } else { Ok(()) }
}

/// Why a request to an API gets no access token. Nothing was sent.
///
/// ```
/// use oidc_proto::{Remedy, UrlPolicy, flow::{ResourceOrigins, ResourceRequestError}};
///
/// let refused = ResourceOrigins::new("https://api.example/v1", &UrlPolicy::default()).unwrap_err();
/// assert_eq!(refused, ResourceRequestError::NotAnOrigin);
/// assert_eq!((refused.code(), refused.remedy()), ("config_resource_origin", Remedy::FixConfiguration));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceRequestError {
    /// An origin of the API is not a URL that may be requested.
    #[error("the origin of the API {}", predicate(.0))]
    Origin(UrlError),
    /// An origin of the API has more than a scheme, a host and a port.
    #[error("the origin of the API has a path or a query: name the scheme, the host and the port alone")]
    NotAnOrigin,
    /// The URL of the request is not one that may be requested.
    #[error("the request gets no access token, because its URL {}", predicate(.0))]
    Url(UrlError),
    /// The request goes to a server that was not named.
    #[error(
        "the request gets no access token, because it goes to a server that was not named (`ResourceOrigins::and` and `ApiBuilder::and_origin` name one more)"
    )]
    OtherOrigin,
    /// The request has credentials already, in this header or parameter.
    #[error(
        "the request has credentials of its own, in the {0}: leave them out, or send it without this client"
    )]
    Credentials(&'static str),
}

debug_is_sentence!(ResourceRequestError);

impl ResourceRequestError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Origin(_) | Self::NotAnOrigin => "config_resource_origin",
            Self::Url(_) => "config_resource_url",
            Self::OtherOrigin => "config_other_origin",
            Self::Credentials(_) => "config_credentials",
        }
    }

    /// Returns that a developer changes the settings or the request. If somebody else has chosen the URL, the error has
    /// kept the token from them.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Origin(_) | Self::NotAnOrigin | Self::Url(_) | Self::OtherOrigin | Self::Credentials(_) => {
                Remedy::FixConfiguration
            }
        }
    }
}
