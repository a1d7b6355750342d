//! The verified-token cache: which signatures have been right before. Off unless you make one.
//!
//! What is remembered of a token is that its *signature* is right: under these keys, by this policy. The
//! token is read anew each time, and every check but the signature is made anew, by the verifier that
//! asks: no verdict can be older than the request, no audience can be skipped, no clock missed. What is
//! saved is the one dear step.
//!
//! An entry is the SHA-256 of the whole token, of the policy ([`AccessTokenVerifier`]), and of the generation of the
//! key set. So it ends with any of them: with its key as soon as a key set without it is used, with the
//! policy as soon as another one asks, with its time because the time is checked. A token that is refused
//! leaves nothing behind.

use super::{AccessTokenVerifier, Possession, Scratch, VerificationError, VerifiedAccessToken};
use crate::{
    backend::Fingerprint,
    base::{bounded::Bounded, moment::Timestamp},
    jose::KeySet,
};
use std::fmt;

/// What one entry may cost, in bytes, with all that holds it: the bound divided by this is the number of
/// tokens that are remembered.
pub const ENTRY_BYTES: usize = 320;

/// The name of an entry: a token, a policy, a generation of keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey([u8; 32]);

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// What remembers right signatures. [`SignatureCache`] does; wrap it for several threads as you like, and
/// hold a lock no longer than each of the two calls.
pub trait SignatureMemory {
    /// Whether this is remembered.
    fn knows(&mut self, key: &CacheKey) -> bool;
    /// Remembers this, until `expires` at the latest.
    fn remember(&mut self, key: CacheKey, expires: Timestamp);
}

/// A cache of verified tokens, bounded in bytes. To make room, it forgets what was used longest ago.
#[derive(Clone)]
pub struct SignatureCache(Bounded<CacheKey, Timestamp>);

impl SignatureCache {
    /// A cache that takes no more than about `max_bytes` of memory: that many times [`ENTRY_BYTES`] fit
    /// into it. Less than one entry remembers nothing.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self(Bounded::new(max_bytes))
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The memory that is reckoned for them, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.0.cost()
    }

    /// Forgets what has expired. Not needed for safety, nor for the bound; takes linear time.
    pub fn purge(&mut self, now: Timestamp) {
        self.0.retain(|_, expires| *expires > now);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl SignatureMemory for SignatureCache {
    fn knows(&mut self, key: &CacheKey) -> bool {
        self.0.get(key).is_some()
    }

    fn remember(&mut self, key: CacheKey, expires: Timestamp) {
        self.0.insert(key, expires, ENTRY_BYTES);
    }
}

impl<R: SignatureMemory + ?Sized> SignatureMemory for &mut R {
    fn knows(&mut self, key: &CacheKey) -> bool {
        (**self).knows(key)
    }

    fn remember(&mut self, key: CacheKey, expires: Timestamp) {
        (**self).remember(key, expires);
    }
}

impl fmt::Debug for SignatureCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCache").field("tokens", &self.len()).field("bytes", &self.bytes()).finish()
    }
}

impl AccessTokenVerifier {
    /// Verifies a token as [`verify`](Self::verify) does, with the same verdict, and spares the signature
    /// of one that it has verified before.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_cached<'s>(
        &self,
        token: &str,
        keys: &KeySet,
        cache: &mut impl SignatureMemory,
        scratch: &'s mut Scratch,
        now: Timestamp,
    ) -> Result<VerifiedAccessToken<'s>, VerificationError> {
        self.verify_cached_bound(token, keys, cache, scratch, now, Possession::none())
    }

    /// The same for a token whose sender has shown to hold keys: whether they are those that it is
    /// bound to is checked each time, as without a cache.
    ///
    /// # Errors
    /// As [`verify_bound`](Self::verify_bound).
    pub fn verify_cached_bound<'s>(
        &self,
        token: &str,
        keys: &KeySet,
        cache: &mut impl SignatureMemory,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Result<VerifiedAccessToken<'s>, VerificationError> {
        let verified = self.verify_by(token, scratch, now, shown, |unverified| {
            let key = self.cache_key(token, keys);
            if cache.knows(&key) {
                return Ok(());
            }
            self.check_signature(unverified, keys)?;
            // There is an `exp`, or the checks before the signature would have refused the token.
            cache.remember(key, unverified.claims.exp.unwrap_or(Timestamp(i64::MIN)));
            Ok(())
        });
        verified.map(|(verified, ())| verified)
    }

    fn cache_key(&self, token: &str, keys: &KeySet) -> CacheKey {
        let mut hash = Fingerprint::new();
        hash.fixed(&keys.generation().0);
        self.feed(&mut hash);
        hash.text(Some(token));
        CacheKey(hash.finish())
    }
}
