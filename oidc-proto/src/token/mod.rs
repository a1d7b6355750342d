//! Room `token`: from bytes to claims one may believe (OpenID Connect Core 1.0 section 3.1.3.7, RFC
//! 7519, RFC 9068). Each profile says what must be there; no token says so of itself.

mod access_token;
mod authorization_response;
mod cache;
mod claims;
mod id_token;
mod jwt;
mod plain;
mod scopes;
mod verification_error;

pub use crate::{
    jose::Scratch,
    metadata::{AllowedTenants, IssuerRule, IssuerRuleError},
};
pub use access_token::{AccessTokenVerifier, CustomClaimsError, VerifiedAccessToken};
pub use authorization_response::AuthorizationResponseVerifier;
pub use cache::{CacheKey, ENTRY_BYTES, SignatureCache, SignatureMemory};
pub use claims::{Audience, Claims, Confirmation, DEFAULT_LEEWAY, MAX_LEEWAY, Possession};
pub(crate) use claims::{check_times, leeway_seconds};
pub(crate) use id_token::is_sub;
pub use id_token::{Expected, IdToken, IdTokenVerifier};
pub use jwt::MAX_TOKEN;
pub(crate) use jwt::claimed_issuer;
pub use verification_error::VerificationError;
