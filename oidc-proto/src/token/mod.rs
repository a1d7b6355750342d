//! Room `token`: from bytes to claims one may believe (OpenID Connect Core 1.0 section 3.1.3.7, RFC
//! 7519, RFC 9068). Each profile says what must be there; no token says so of itself.

mod access_token;
mod audience;
mod binding;
mod cache;
mod claims;
mod id_token;
mod jwt;
mod member;
mod plain;
mod rejected;
mod scopes;

pub use crate::{
    jose::Scratch,
    metadata::{AllowedTenants, IssuerRule, IssuerRuleError},
};
pub use access_token::{CustomClaimsError, Verified, Verifier};
pub use audience::Audience;
pub use binding::{Confirmation, Possession};
pub use cache::{CacheKey, ENTRY_BYTES, Remember, VerifiedCache};
pub(crate) use claims::check_times;
pub use claims::{Claims, DEFAULT_LEEWAY, MAX_LEEWAY};
pub(crate) use id_token::is_sub;
pub use id_token::{Expected, IdToken, IdTokenVerifier};
pub use jwt::MAX_TOKEN;
pub(crate) use jwt::claimed_issuer;
pub use rejected::Rejected;
