//! Verifies an access token with a [`SignatureMemory`].

use super::{RememberedToken, SignatureMemory};
use crate::{
    base::moment::Timestamp,
    jose::{Key, KeySet},
    token::{AccessTokenVerifier, Given, Possession, Scratch, VerificationError, VerifiedAccessToken},
};
use std::sync::Arc;

impl AccessTokenVerifier {
    /// Verifies a token as [`verify`](Self::verify) does, with the same verdict. It neither decodes nor reads a token that
    /// the cache knows, and skips the check of its signature.
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

    /// Verifies a token as [`verify_bound`](Self::verify_bound) does, with the same verdict, and by the cache as
    /// [`verify_cached`](Self::verify_cached) does. Whether the sender holds the right keys is checked each time.
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
        let verified = match recall(cache, token).as_ref().and_then(|known| Some((known, known.key(keys)?))) {
            Some((known, key)) => {
                let text = &**scratch.kept.insert(Arc::clone(known.read().text()));
                self.verify_known(token, (known.read(), text), key, now, shown)
            }
            None => self.verify_to_remember(Given { token, read: None }, keys, cache, scratch, now, shown),
        };
        verified.map(|(verified, _)| verified)
    }

    /// Verifies a token, with its signature, and has the memory remember it.
    pub(crate) fn verify_to_remember<'s, 'k, M: SignatureMemory + ?Sized>(
        &self,
        given: Given<'s, '_>,
        keys: &'k KeySet,
        cache: &mut M,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Result<(VerifiedAccessToken<'s>, &'k Key), VerificationError> {
        self.verify_by(given, scratch, now, shown, |unverified| {
            let key = self.check_signature(unverified, keys)?;
            if let Some(token) = RememberedToken::new(given.token, unverified, keys, key) {
                cache.remember(token);
            }
            Ok(key)
        })
    }
}

/// Returns what is remembered of this token, and of no other.
pub(crate) fn recall<M: SignatureMemory + ?Sized>(cache: &mut M, token: &str) -> Option<RememberedToken> {
    cache.recall(token).filter(|known| known.is(token))
}
