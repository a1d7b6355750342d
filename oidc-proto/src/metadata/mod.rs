//! Room `metadata`: what a provider says of itself (OpenID Connect Discovery 1.0, RFC 8414) and
//! what a protected resource does (RFC 9728), read
//! from hostile bytes and checked once.

mod capability;
mod issuer_rule;
mod members;
mod provider;
mod resource;
mod signed;
mod well_known;

pub use issuer_rule::{AllowedTenants, IssuerRule, IssuerRuleError};
pub use members::{MemberError, MtlsEndpointAliases, ProviderMetadata, UnusableMember};
pub(crate) use provider::Demands;
pub use provider::{MetadataError, Profile};
pub use resource::ResourceMetadata;
pub use signed::SignedMetadataError;
pub use well_known::{WellKnown, resource_well_known, well_known};
