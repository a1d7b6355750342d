//! [`SignatureCache`]: remembers which tokens had a valid signature. There is no cache unless you make one.
//!
//! The cache remembers only that the *signature* of a token was valid, under these keys and this policy. The verifier
//! reads the token again each time and repeats every other check, so the cache can neither skip an audience nor miss an
//! expiry. It saves the one expensive step.
//!
//! An entry is the SHA-256 of the whole token, the policy ([`AccessTokenVerifier`]) and the generation of the key set.
//! So an entry stops counting when any of them changes: a key set without the key has another generation, and another
//! verifier has another policy. An expired token is refused because the time is always checked. A refused token leaves
//! no entry.

use super::{AccessTokenVerifier, Given, Possession, Scratch, VerificationError, VerifiedAccessToken};
use crate::{
    backend::Fingerprint,
    base::{bounded::Bounded, moment::Timestamp},
    jose::KeySet,
};
use std::fmt;

/// The memory reckoned for one entry, in bytes, with the tables around it. The cache remembers as many tokens as its
/// bound divided by this number.
pub const ENTRY_BYTES: usize = 320;

/// The key of an entry: a hash of a token, a policy and a generation of keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey([u8; 32]);

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// A store of valid signatures. [`SignatureCache`] is one.
///
/// To share a cache between threads, wrap it in a lock. Hold the lock during each of the two calls and no longer: the
/// signature is checked between them.
///
/// ```
/// use oidc_proto::{Timestamp, token::{CacheKey, SignatureCache, SignatureMemory}};
/// use std::sync::{Mutex, PoisonError};
///
/// struct Shared(Mutex<SignatureCache>);
///
/// impl SignatureMemory for &Shared {
///     fn knows(&mut self, key: &CacheKey) -> bool {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).knows(key)
///     }
///     fn remember(&mut self, key: CacheKey, expires: Timestamp) {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).remember(key, expires);
///     }
/// }
///
/// let shared = Shared(Mutex::new(SignatureCache::new(1024 * 1024)));
/// let mut memory = &shared; // Each thread takes one and passes it to `verify_cached`.
/// # let _: &mut dyn SignatureMemory = &mut memory;
/// ```
pub trait SignatureMemory {
    /// Whether this entry is remembered.
    fn knows(&mut self, key: &CacheKey) -> bool;
    /// Remembers this entry, until `expires` at the latest.
    fn remember(&mut self, key: CacheKey, expires: Timestamp);
}

/// A cache of valid signatures, bounded in bytes. To make room, it forgets the entry that was used longest ago.
///
/// ```
/// use oidc_proto::{
///     Timestamp,
///     jose::KeySet,
///     token::{AccessTokenVerifier, Scratch, SignatureCache},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example");
/// let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let token = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUiLCJzd\
///     WIiOiJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJjbGllbnRfaWQiOiJhcHAiLCJqdGkiOiJ0MSIsImlhd\
///     CI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMzAwLCJzY29wZSI6Im9yZGVycy5yZWFkIiwidGVuYW50IjoiYWNtZSJ9.e4ag\
///     dvWd_RxjIiy9mCE6CcvyIUPHNG6Jq7FevhRbv2igvkkptfNKMj5DLlsO6HNElVoOcUSW4nPfDSTSNyPVCw";
/// let (mut cache, mut scratch) = (SignatureCache::new(1024 * 1024), Scratch::new());
///
/// // The second request does not check the signature again:
/// for now in [1_800_000_060, 1_800_000_061] {
///     verifier.verify_cached(token, &keys, &mut cache, &mut scratch, Timestamp(now))?;
/// }
/// assert_eq!(cache.len(), 1);
///
/// // The cache does not help an expired token:
/// let late = Timestamp(1_800_009_999);
/// assert!(verifier.verify_cached(token, &keys, &mut cache, &mut scratch, late).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SignatureCache(Bounded<CacheKey, Timestamp>);

impl SignatureCache {
    /// Makes a cache that takes about `max_bytes` of memory at most: `max_bytes` divided by [`ENTRY_BYTES`] is its
    /// number of entries. A cache too small for one entry remembers nothing.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self(Bounded::new(max_bytes))
    }

    /// Returns how many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no token is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the memory reckoned for the remembered tokens, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.0.cost()
    }

    /// Forgets the expired entries. Neither safety nor the bound needs this. It takes linear time.
    pub fn purge(&mut self, now: Timestamp) {
        self.0.retain(|_, expires| *expires > now);
    }

    /// Forgets every entry.
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
    /// Verifies a token as [`verify`](Self::verify) does, with the same verdict. It skips the signature check of a
    /// token that the cache knows.
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

    /// Verifies a token as [`verify_bound`](Self::verify_bound) does, with the same verdict. It skips the signature
    /// check of a token that the cache knows. Whether the sender holds the right keys is checked each time.
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
        self.verify_given_cached(Given { token, read: None }, keys, cache, scratch, now, shown)
    }

    /// Verifies like [`Self::verify_cached_bound`] a token that may have been read before.
    pub(crate) fn verify_given_cached<'s>(
        &self,
        given: Given<'s, '_>,
        keys: &KeySet,
        cache: &mut impl SignatureMemory,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Result<VerifiedAccessToken<'s>, VerificationError> {
        let verified = self.verify_by(given, scratch, now, shown, |unverified| {
            let key = self.cache_key(given.token, keys);
            if cache.knows(&key) {
                return Ok(());
            }
            self.check_signature(unverified, keys)?;
            // There is an `exp`: without one, the earlier checks would have refused the token.
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
