//! [`RememberedToken`]: a token that had a valid signature, and what was read of it.

use crate::{
    base::moment::Timestamp,
    jose::{Generation, Key, KeySet},
    token::jwt::{ReadJwt, Unverified},
};
use std::{fmt, sync::Arc};

/// The memory reckoned for one remembered token, in bytes, besides its text and its decoded payload: what was read of it,
/// and its place in the tables. A token of 1 KB costs about 2.4 KB in all.
pub const ENTRY_BYTES: usize = 640;

/// The most bytes that one entry takes in the tables, while they grow.
const TABLES: usize = 128;

const _: () = assert!(size_of::<Kept>() + 4 * size_of::<usize>() + TABLES <= ENTRY_BYTES);

/// A token that had a valid signature, and what was read of it. It is cheap to clone.
///
/// It is only for a [`SignatureMemory`](super::SignatureMemory), and says nothing about the token. Whatever a memory
/// returns, a verifier uses it only for a token of the same bytes, with the keys that have verified it.
#[derive(Clone)]
pub struct RememberedToken(Arc<Kept>);

struct Kept {
    token: Box<str>,
    read: ReadJwt,
    expires: Timestamp,
    generation: Generation,
    /// Where the key that signed the token is, in a set of this generation.
    position: usize,
}

impl RememberedToken {
    /// Remembers a token that this key of the set has signed. `None` if it is too long for places.
    pub(super) fn new(token: &str, read: &Unverified<'_, '_>, keys: &KeySet, key: &Key) -> Option<Self> {
        Some(Self(Arc::new(Kept {
            token: token.into(),
            read: ReadJwt::of(read)?,
            // There is an `exp`: without one, the earlier checks would have refused the token.
            expires: read.claims.exp?,
            generation: keys.generation(),
            position: keys.position(key)?,
        })))
    }

    /// Whether it is this token, byte by byte.
    #[must_use]
    pub fn is(&self, token: &str) -> bool {
        *self.0.token == *token
    }

    /// Returns the memory reckoned for it, in bytes: [`ENTRY_BYTES`] and its texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        ENTRY_BYTES + self.0.token.len() + self.0.read.text().len()
    }

    /// Returns when the token expires (`exp`).
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.0.expires
    }

    pub(super) fn token(&self) -> &str {
        &self.0.token
    }

    /// Returns what was read of the token.
    pub(crate) fn read(&self) -> &ReadJwt {
        &self.0.read
    }

    /// Returns the key that signed the token. `None` if this set is another one than the set that verified it: then the
    /// signature must be checked again.
    pub(crate) fn key<'k>(&self, keys: &'k KeySet) -> Option<&'k Key> {
        if self.0.generation == keys.generation() { keys.at(self.0.position) } else { None }
    }
}

impl fmt::Debug for RememberedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberedToken").field("expires", &self.0.expires).finish_non_exhaustive()
    }
}
