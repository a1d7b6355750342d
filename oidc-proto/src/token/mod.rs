//! Room `token`: verifies signed tokens and returns their claims.
//!
//! A token is a signed JSON object (a JWT, RFC 7519). Its claims may be believed only after the signature, the issuer,
//! the audience and the times have been checked. Each kind of token has its own verifier, because each kind has its own
//! rules:
//!
//! | token | verifier | specification |
//! |---|---|---|
//! | access token, at an API | [`AccessTokenVerifier`] | RFC 9068 section 4 |
//! | ID token, at a client | [`IdTokenVerifier`] | OpenID Connect Core 1.0 section 3.1.3.7 |
//! | signed authorization response, at a client | [`AuthorizationResponseVerifier`] | JARM section 2.4 |
//! | logout token, at a client | [`LogoutTokenVerifier`] | Back-Channel Logout 1.0 section 2.6 |
//! | ID-JAG, at an authorization server | [`IdJagVerifier`] | draft-ietf-oauth-identity-assertion-authz-grant section 4.4.1 |
//!
//! The verifier decides which claims must be there. The token itself never does: an attacker could have written it.
//!
//! A login verifies its ID tokens itself: see [`flow`](crate::flow). To protect an API, prefer a
//! [`ResourceServer`](crate::resource::ResourceServer): it also reads the request, checks DPoP proofs and writes the
//! challenges. This is the shortest check of an access token:
//!
//! ```
//! use oidc_proto::{Timestamp, jose::KeySet, token::{AccessTokenVerifier, Scratch}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example");
//! let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
//!     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
//! let token = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUiLCJzd\
//!     WIiOiJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJjbGllbnRfaWQiOiJhcHAiLCJqdGkiOiJ0MSIsImlhd\
//!     CI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMzAwLCJzY29wZSI6Im9yZGVycy5yZWFkIiwidGVuYW50IjoiYWNtZSJ9.e4ag\
//!     dvWd_RxjIiy9mCE6CcvyIUPHNG6Jq7FevhRbv2igvkkptfNKMj5DLlsO6HNElVoOcUSW4nPfDSTSNyPVCw";
//!
//! let mut scratch = Scratch::new();
//! let verified = verifier.verify(token, &keys, &mut scratch, Timestamp(1_800_000_060))?;
//! assert!(verified.has_scope("orders.read"));
//! # Ok(())
//! # }
//! ```

mod access_token;
mod assertion;
mod authorization_response;
mod cache;
mod claims;
mod id_token;
mod introspection;
mod jwt;
mod logout;
mod plain;
mod required_claim;
mod scopes;
mod userinfo;
mod verification_error;
mod verified;

pub use crate::{
    jose::Scratch,
    message::Actor,
    metadata::{AllowedTenants, IssuerRule, IssuerRuleError},
};
pub use access_token::AccessTokenVerifier;
pub use assertion::{IdJagClaims, IdJagVerifier};
pub use authorization_response::AuthorizationResponseVerifier;
pub(crate) use cache::recall;
pub use cache::{ENTRY_BYTES, RememberedToken, SignatureCache, SignatureMemory};
pub use claims::{Audience, Claims, Confirmation, DEFAULT_LEEWAY, MAX_ACTORS, MAX_LEEWAY, Possession};
pub(crate) use claims::{List, Place, check_times, claim_at, is_or_has, leeway_seconds};
pub(crate) use id_token::{Backchannel, KeptIdToken, is_sub};
pub use id_token::{Expected, IdToken, IdTokenVerifier, SetAside, VerifiedIdToken};
pub(crate) use introspection::{IntrospectionVerifier, Said};
pub use jwt::MAX_TOKEN;
pub(crate) use jwt::{Given, ReadJwt};
pub use logout::{DEFAULT_MAX_LOGOUT_TOKEN_AGE, EndedSessions, LogoutToken, LogoutTokenVerifier};
pub use required_claim::RequiredClaim;
pub(crate) use userinfo::UserInfoVerifier;
pub use verification_error::VerificationError;
pub use verified::{CustomClaimsError, VerifiedAccessToken};
