//! [`KeySet`]: the keys of one issuer, and which of them a token is held against
//! (RFC 7517 section 5, OpenID Connect Core 1.0 section 10.1).

use super::{
    super::{algorithm_set::AlgorithmSet, compact::JwsError, header::Header},
    jwk::{self, Jwk},
    key::{self, Key, KeyError},
};
use crate::base::sentence::{predicate, sentences_about};
use crate::{
    backend::Fingerprint,
    base::{
        json::{JsonError, Members},
        secret::Secret,
    },
};
use serde_json::Value;
use std::fmt;

/// How many keys a set may have.
pub const MAX_KEYS: usize = 100;

/// How many keys a token is tried with, if they cost no more than [`MAX_WORK`] together.
pub const MAX_CANDIDATES: usize = 8;

/// How much may be done for one token before it is known to be forged: the [work](Key::work) of the keys that
/// it is tried with, together.
///
/// Number, length and exponent of keys are each bounded, and what a token costs is their product. So it is
/// the product that is bounded, at that of two keys on P-384, the dearest curve: 1.5 ms where an RSA key of
/// 2048 bits takes 0.02. Eight RSA keys of 4096 bits fit into it, or four of 8192, each with the exponent
/// 65537; of 8192 bits with an exponent of 33 bits, one does.
pub const MAX_WORK: u32 = 2_100_000;

/// Keys that verify, and those that cannot with the reason why. Never changes.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<Key>,
    set_aside: Vec<UnusableKey>,
    generation: Generation,
}

/// A digest of everything in a key set that a verdict can depend on: two sets of one generation give
/// the same verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Generation(pub(crate) [u8; 32]);

/// A key of a set that cannot verify signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableKey {
    /// The name of the key.
    pub kid: Option<String>,
    /// What is wrong with it.
    pub reason: KeyError,
}

/// Why a text is no key set at all.
///
/// [`KeySet::parse`] returns it, and every flow that fetches keys.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// Not acceptable JSON, or no array `keys`.
    #[error("the key set {}", predicate(.0))]
    Json(JsonError),
    /// More than [`MAX_KEYS`] keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooManyKeys,
}

sentences_about!(KeySetError: "the key set ");

impl KeySet {
    /// Reads a JWK Set.
    ///
    /// A key that cannot be used is set aside, so that one exotic key does not take down the others.
    /// So is an asymmetric key that is published with its private half: whoever fetched the set can
    /// sign with it. A private key of one's own goes through [`Jwk::parse`], which drops that half,
    /// and [`Self::from_jwks`].
    ///
    /// # Errors
    /// The text is not acceptable JSON, `keys` is not an array, or has more than [`MAX_KEYS`].
    pub fn parse(jwks: &[u8]) -> Result<Self, KeySetError> {
        let mut members = Members::parse(jwks).map_err(KeySetError::Json)?;
        let Some(Value::Array(keys)) = members.any("keys") else {
            return Err(KeySetError::Json(JsonError::WrongType { member: "keys", expected: "an array" }));
        };
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut set = Self::default();
        for key in keys {
            let kid = key.get("kid").and_then(Value::as_str).map(str::to_owned);
            set.add(kid, read(key));
        }
        Ok(set.sealed())
    }

    /// One secret shared with the issuer, such as a `client_secret`, without a name; for those HMAC
    /// algorithms whose hash is no longer than the secret (RFC 7518 section 3.2). A secret too short
    /// for all of them makes an empty set.
    #[must_use]
    pub fn from_secret(secret: &Secret) -> Self {
        let mut set = Self::default();
        set.add(None, Key::from_secret(secret));
        set.sealed()
    }

    /// Keys that are read already.
    ///
    /// # Errors
    /// More than [`MAX_KEYS`].
    pub fn from_jwks(jwks: impl IntoIterator<Item = Jwk>) -> Result<Self, KeySetError> {
        let mut set = Self::default();
        for (index, jwk) in jwks.into_iter().enumerate() {
            if index == MAX_KEYS {
                return Err(KeySetError::TooManyKeys);
            }
            set.add(jwk.kid.clone(), Key::from_jwk(jwk));
        }
        Ok(set.sealed())
    }

    /// The order counts, too, and so do the names of keys set aside: both can change a verdict.
    fn sealed(mut self) -> Self {
        let mut hash = Fingerprint::new();
        hash.count(self.keys.len());
        self.keys.iter().for_each(|key| key.feed(&mut hash));
        for aside in &self.set_aside {
            hash.text(aside.kid.as_deref());
        }
        self.generation = Generation(hash.finish());
        self
    }

    pub(crate) const fn generation(&self) -> Generation {
        self.generation
    }

    fn add(&mut self, kid: Option<String>, key: Result<Key, KeyError>) {
        match key {
            Ok(key) => self.keys.push(key),
            Err(reason) => self.set_aside.push(UnusableKey { kid, reason }),
        }
    }

    /// The keys that verify.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// The keys that cannot.
    #[must_use]
    pub fn set_aside(&self) -> &[UnusableKey] {
        &self.set_aside
    }

    /// Whether no key verifies.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key of this name verifies.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Finds the key that signed: the one named by `kid`, else by `x5t#S256`, else any that fits.
    ///
    /// A key without the name that the token uses is tried only if no key has that name: it cannot
    /// contradict the token, and a shared secret never has one.
    pub(crate) fn verify(
        &self,
        header: &Header<'_>,
        allowed: AlgorithmSet,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<&Key, JwsError> {
        if !allowed.contains(header.alg) {
            return Err(JwsError::AlgorithmNotAllowed);
        }
        if let Some(kid) = header.kid() {
            let name = (kid, Key::kid as fn(&Key) -> Option<&str>);
            let why = self.set_aside.iter().find(|key| key.kid.as_deref() == Some(kid));
            self.verify_named(name, why.map(|key| key.reason), header, signed, signature)
        } else if let Some(x5t) = header.x5t_s256() {
            let name = (x5t, Key::x5t_s256 as fn(&Key) -> Option<&str>);
            self.verify_named(name, None, header, signed, signature)
        } else {
            self.attempt(|_| true, header, signed, signature).unwrap_or(Err(JwsError::UnknownKey))
        }
    }

    fn verify_named(
        &self,
        (wanted, name): (&str, fn(&Key) -> Option<&str>),
        set_aside: Option<KeyError>,
        header: &Header<'_>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<&Key, JwsError> {
        if self.keys.iter().any(|key| name(key) == Some(wanted)) {
            return self
                .attempt(|key| name(key) == Some(wanted), header, signed, signature)
                .unwrap_or(Err(JwsError::KeyMismatch));
        }
        if let Some(reason) = set_aside {
            return Err(JwsError::KeySetAside(reason));
        }
        // That a nameless key fails says nothing: the named key may be one not fetched yet.
        match self.attempt(|key| name(key).is_none(), header, signed, signature) {
            Some(Ok(key)) => Ok(key),
            Some(Err(_)) | None => Err(JwsError::UnknownKey),
        }
    }

    /// Tries the keys that are wanted and fit, up to the cap; `None` if there is none.
    fn attempt(
        &self,
        wanted: impl Fn(&Key) -> bool,
        header: &Header<'_>,
        signed: &[u8],
        signature: &[u8],
    ) -> Option<Result<&Key, JwsError>> {
        let mut found = None;
        let (mut tried, mut work) = (0, 0_u32);
        for key in self.keys.iter().filter(|key| wanted(key) && key.algorithms().contains(header.alg)) {
            work = work.saturating_add(key.work());
            if tried == MAX_CANDIDATES || work > MAX_WORK {
                return Some(Err(JwsError::TooManyCandidates));
            }
            tried += 1;
            if key.verify(header.alg, signed, signature) {
                return Some(Ok(key));
            }
            found = Some(Err(JwsError::Signature));
        }
        found
    }
}

fn read(key: Value) -> Result<Key, KeyError> {
    let Value::Object(members) = key else { return Err(KeyError::NotAnObject) };
    let private = jwk::tells_private_members(&members);
    let key = Key::from_jwk(key::typed(members)?)?;
    if private { Err(KeyError::PrivateMembers) } else { Ok(key) }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("keys", &self.keys).field("set_aside", &self.set_aside).finish()
    }
}

#[cfg(test)]
#[path = "key_set_tests.rs"]
mod tests;
