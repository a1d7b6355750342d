//! `signed_metadata`: metadata in a JWT, whose values take precedence (RFC 8414 section 2.1).

use super::members::ProviderMetadata;
use crate::base::sentence::{debug_is_sentence, predicate};
use crate::{
    base::{
        json::{JsonError, Members},
        moment::Timestamp,
    },
    jose::{AlgorithmSet, JwsError, KeySet, Scratch, verify_compact},
};

/// How far, in seconds, the clock of the signer may be from ours.
const LEEWAY: i64 = 30;

/// The claims that say something of the JWT, and nothing of the provider.
const OF_THE_JWT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Why signed metadata is not acceptable.
///
/// Discovery returns it, if [`DiscoveryOptions::signed_by`](crate::flow::DiscoveryOptions::signed_by) was called.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedMetadataError {
    /// No key that was given vouches for it.
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// Its claims are not acceptable JSON.
    #[error("the payload of the signed metadata {}", predicate(.0))]
    Claims(#[from] JsonError),
    /// Its `iss` is not the issuer.
    #[error("the `iss` of the signed metadata is not the issuer that was asked for")]
    Issuer,
    /// Its time is over, or has not come.
    #[error("the signed metadata has expired (`exp`) or is not valid yet (`nbf`)")]
    Time,
    /// It has `signed_metadata` in it.
    #[error("the signed metadata contains `signed_metadata` itself")]
    Nested,
    /// It has no member of provider metadata: it is a JWT for something else, such as an ID token.
    #[error("the signed metadata has no member about the provider, so it is a JWT for something else")]
    Nothing,
}

debug_is_sentence!(SignedMetadataError);

/// Verifies signed metadata and lays its values over those of the document that it came in.
pub(super) fn overlay(
    members: &mut Members,
    text: String,
    issuer: &str,
    keys: &KeySet,
    now: Timestamp,
) -> Result<(), SignedMetadataError> {
    members.overlay(verified(&text, issuer, keys, now)?);
    members.put("signed_metadata", text.into());
    Ok(())
}

fn verified(text: &str, issuer: &str, keys: &KeySet, now: Timestamp) -> Result<Members, SignedMetadataError> {
    let mut buffers = Scratch::default();
    let jws = verify_compact(text, keys, AlgorithmSet::ASYMMETRIC, &mut buffers)?;
    let mut claims = Members::parse(jws.payload())?;
    if claims.string("iss")?.as_deref() != Some(issuer) {
        return Err(SignedMetadataError::Issuer);
    }
    if claims.has("signed_metadata") {
        return Err(SignedMetadataError::Nested);
    }
    let over = claims.date("exp")?.is_some_and(|exp| exp <= now.plus(-LEEWAY).0);
    if over || claims.date("nbf")?.is_some_and(|nbf| nbf > now.plus(LEEWAY).0) {
        return Err(SignedMetadataError::Time);
    }
    for claim in OF_THE_JWT {
        claims.any(claim);
    }
    // The key signs other JWTs, too, and whoever can change a document can get one of those.
    if !ProviderMetadata::MEMBERS.iter().any(|member| claims.has(member)) {
        return Err(SignedMetadataError::Nothing);
    }
    Ok(claims)
}
