//! [`hash`]: the name of a token in memory, so that the token itself is not kept.

use oidc_proto::Secret;

/// The SHA-256 hash of a token.
pub(crate) type TokenHash = [u8; 32];

/// Returns the hash of a token.
pub(crate) fn hash(token: &Secret) -> TokenHash {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.expose().as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}
