//! What names a token in memory.

use oidc_proto::Secret;

/// A hash of a token.
pub(crate) type TokenHash = [u8; 32];

/// What names a token in memory.
pub(crate) fn hash(token: &Secret) -> TokenHash {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.expose().as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}
