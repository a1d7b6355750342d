//! [`DiscoveryError`]: the reason why metadata that can be read does not lead from a resource to an authorization server.

use crate::base::sentence::sentences_about;

/// Why metadata that can be read does not lead from a protected resource to an authorization server.
///
/// [`AuthorizationDiscovery`](crate::flow::AuthorizationDiscovery) ends with it, inside of a
/// [`ResponseRule`](crate::flow::ResponseRule).
///
/// ```
/// use oidc_proto::metadata::DiscoveryError;
///
/// let several = DiscoveryError::SeveralServers { found: 2 };
/// assert_eq!(several.code(), "discovery_several_servers");
/// assert!(several.to_string().contains("2 authorization servers"));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The metadata of the resource has no `authorization_servers`, or an empty list (RFC 9728 section 2).
    #[error(
        "the metadata names no authorization server (`DiscoveryRules::or_origin_as_issuer` takes the origin of the resource for one)"
    )]
    NoServer,
    /// None of the listed issuers is one of those that the program allows.
    #[error("the metadata names no authorization server that `ServerChoice` allows")]
    ServerNotAllowed,
    /// The resource lists several issuers, and the program takes one alone.
    #[error("the metadata names {found} authorization servers, and `ServerChoice::Only` takes one alone")]
    SeveralServers {
        /// The number of issuers.
        found: usize,
    },
    /// The metadata is of a resource at a parent path of the URL (RFC 9728 section 3.3 demands the URL itself).
    #[error(
        "the metadata is of the resource `{found}`, above `{expected}`, and they must be equal to the letter (`DiscoveryRules::or_parent_path` accepts it)"
    )]
    ParentResource {
        /// The URL that was asked for.
        expected: Box<str>,
        /// The resource in the metadata.
        found: Box<str>,
    },
    /// The challenge names a URL for the metadata that is of another origin than the resource.
    #[error(
        "the metadata is at another origin than the resource, by its challenge (`DiscoveryRules::or_other_origin` accepts that)"
    )]
    OtherOrigin,
    /// The rules demand PKCE, and the metadata of the authorization server does not say that it checks `S256`.
    #[error(
        "the metadata {}",
        if *.silent {
            "says nothing of PKCE: it has no `code_challenge_methods_supported` (`DiscoveryRules::or_unstated_pkce` accepts that)"
        } else {
            "has a `code_challenge_methods_supported` without `S256`, and these `DiscoveryRules` demand PKCE"
        }
    )]
    NoS256 {
        /// Whether `code_challenge_methods_supported` is absent.
        silent: bool,
    },
    /// More would have to be asked or read than the discovery may.
    #[error(
        "the metadata takes more than a discovery may ask for and read: {requests} requests and {bytes} bytes (`max_requests` and `max_bytes` of `AuthorizationDiscovery` set the limits)"
    )]
    OverBudget {
        /// The limit of requests.
        requests: usize,
        /// The limit of bytes of all responses together.
        bytes: usize,
    },
}

sentences_about!(DiscoveryError: "the metadata ");

impl DiscoveryError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoServer => "discovery_no_server",
            Self::ServerNotAllowed => "discovery_server_not_allowed",
            Self::SeveralServers { .. } => "discovery_several_servers",
            Self::ParentResource { .. } => "discovery_parent_resource",
            Self::OtherOrigin => "discovery_other_origin",
            Self::NoS256 { .. } => "discovery_no_s256",
            Self::OverBudget { .. } => "discovery_over_budget",
        }
    }
}
