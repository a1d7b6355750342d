//! Verifies `signed_metadata`: a JWT whose values take precedence over those of the document (RFC 8414 section 2.1).

use super::members::ProviderMetadata;
use crate::base::sentence::{debug_is_sentence, predicate};
use crate::{
    base::{
        json::{JsonError, Members},
        moment::Timestamp,
    },
    jose::{AlgorithmSet, JwsError, KeySet, Scratch, verify_compact},
};

/// How far the clock of the signer may be from ours, in seconds.
const LEEWAY: i64 = 30;

/// The claims that describe the JWT and not the provider.
const OF_THE_JWT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Why signed metadata is refused (RFC 8414 section 2.1).
///
/// Metadata is verified if [`DiscoveryOptions::signed_by`](crate::flow::DiscoveryOptions::signed_by) names the keys
/// of its signer. A document without a signature is refused then, too.
///
/// ```
/// use oidc_proto::{
///     Error, Moment, Timestamp, UrlPolicy,
///     flow::{Discovery, DiscoveryOptions},
///     jose::KeySet,
/// };
/// use std::sync::Arc;
///
/// let keys = KeySet::parse(br#"{"keys": [{
///     "kty": "EC", "crv": "P-256",
///     "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
///     "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
/// }]}"#)?;
/// let options = DiscoveryOptions::new(&UrlPolicy::default()).signed_by(Arc::new(keys));
/// let (_request, _terms, pending) = Discovery::with("https://op.example", options)?.into_parts();
///
/// let unsigned = br#"{"issuer": "https://op.example"}"#.to_vec();
/// let response = http::Response::builder().header("content-type", "application/json").body(unsigned)?;
/// let Err(error) = pending.receive(response, Moment::new(Timestamp(1_800_000_000), [7; 32])) else {
///     return Err("the signature is missing".into());
/// };
/// assert_eq!(error.code(), "metadata_missing_members");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Discovery returns it, if [`DiscoveryOptions::signed_by`](crate::flow::DiscoveryOptions::signed_by) was called.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedMetadataError {
    /// No given key verifies its signature.
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// The claims are not a JSON object, or a claim has another type than it must.
    #[error("the payload of the signed metadata {}", predicate(.0))]
    Claims(#[from] JsonError),
    /// The `iss` is not the issuer asked for.
    #[error("the `iss` of the signed metadata is not the issuer that was asked for")]
    Issuer,
    /// The signed metadata has expired (`exp`), or is not valid yet (`nbf`).
    #[error("the signed metadata has expired (`exp`) or is not valid yet (`nbf`)")]
    Time,
    /// The signed metadata contains `signed_metadata` itself, which RFC 8414 section 2.1 advises against.
    #[error("the signed metadata contains `signed_metadata` itself")]
    Nested,
    /// The JWT has no member of provider metadata: it is a JWT for another purpose, such as an ID token.
    #[error("the signed metadata has no member about the provider, so it is a JWT for something else")]
    Nothing,
}

debug_is_sentence!(SignedMetadataError);

/// Verifies signed metadata. Its values replace those of the document that contains it.
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
    let jws = verify_compact(text, keys, AlgorithmSet::DEFAULT, &mut buffers)?;
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
    // The key signs other JWTs, too. An attacker that can change the document can get one of them.
    if !ProviderMetadata::MEMBERS.iter().any(|member| claims.has(member)) {
        return Err(SignedMetadataError::Nothing);
    }
    Ok(claims)
}
