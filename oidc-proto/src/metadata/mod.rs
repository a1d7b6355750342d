//! Provider metadata (OpenID Connect Discovery 1.0, RFC 8414) and protected resource metadata (RFC 9728).
//!
//! A provider publishes a JSON document that names its endpoints, its keys and the features that it supports.
//! [`WellKnown`] derives the URL of that document from the issuer. [`ProviderMetadata::parse`] reads the document,
//! which may come from an attacker, and checks it once: it must name the very issuer that was asked for.
//! [`Discovery`](crate::flow::Discovery) is the flow that does both.
//!
//! ```
//! use oidc_proto::{
//!     UrlPolicy,
//!     metadata::{Profile, ProviderMetadata, WellKnown},
//! };
//!
//! let (issuer, policy) = ("https://op.example", UrlPolicy::default());
//! let url = WellKnown::OpenId.url(issuer, &policy)?;
//! assert_eq!(url.as_str(), "https://op.example/.well-known/openid-configuration");
//!
//! // Your HTTP client fetches this from that URL.
//! let document = br#"{
//!     "issuer": "https://op.example",
//!     "authorization_endpoint": "https://op.example/authorize",
//!     "token_endpoint": "https://op.example/token",
//!     "jwks_uri": "https://op.example/jwks",
//!     "response_types_supported": ["code"],
//!     "subject_types_supported": ["public"],
//!     "id_token_signing_alg_values_supported": ["RS256"]
//! }"#;
//! let metadata = ProviderMetadata::parse(document, issuer, Profile::OpenIdProvider, &policy)?;
//! assert_eq!(metadata.token_endpoint.ok_or("no token endpoint")?.as_str(), "https://op.example/token");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A protected resource publishes such a document, too: see [`ResourceMetadata`]. A provider that serves many
//! tenants with one document has a template for its issuer: see [`IssuerRule`].

mod authentication;
mod capability;
mod discovery_error;
mod issuer_rule;
mod members;
mod provider;
mod resource;
mod signed;
mod well_known;

pub use authentication::{ClientAuthentication, ClientAuthenticationSet};
pub use discovery_error::DiscoveryError;
pub use issuer_rule::{AllowedTenants, IssuerRule, IssuerRuleError};
pub(crate) use members::typed;
pub use members::{MemberError, MtlsEndpointAliases, ProviderMetadata, UnusableMember};
pub(crate) use provider::Demands;
pub use provider::{MetadataError, Profile};
pub use resource::ResourceMetadata;
pub use signed::SignedMetadataError;
pub use well_known::{WellKnown, resource_well_known, well_known};
pub(crate) use well_known::{origin, resource_places, server_places};
