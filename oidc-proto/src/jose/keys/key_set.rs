//! [`KeySet`]: the keys of one issuer, and the choice of the key that verifies a token
//! (RFC 7517 section 5, OpenID Connect Core 1.0 section 10.1).

use super::{
    super::{algorithm_set::AlgorithmSet, compact::JwsError, header::Header},
    jwk::{self, Jwk},
    key::{self, Key, KeyError},
    spelling,
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

/// The maximum number of keys in a set. It is no setting: each key costs work, and the largest recorded set has 20.
pub const MAX_KEYS: usize = 100;

/// The maximum number of keys that are tried for one token. Their cost together may not exceed [`MAX_WORK`].
pub const MAX_CANDIDATES: usize = 8;

/// The maximum cost of one token: the [work](Key::work) of all keys that are tried for it, together.
///
/// The number, the length and the exponent of the keys are each limited, but an attacker could combine them: the
/// cost of a forged token is their product. So this limits the product. It is the cost of two keys on P-384, the
/// most expensive curve: 1.5 ms on a machine that takes 0.02 ms for an RSA key of 2048 bits. Eight RSA keys of 4096
/// bits fit, or four of 8192 bits, each with the exponent 65537. Of RSA keys of 8192 bits whose exponent is 33
/// ones, one fits.
pub const MAX_WORK: u32 = 2_100_000;

/// The keys of one issuer: the keys that verify, and the keys that were set aside, each with the reason. A set never
/// changes.
///
/// ```
/// use oidc_proto::jose::{AlgorithmSet, KeyError, KeySet, Scratch, verify_compact};
///
/// // The public key and the token of RFC 8037 appendix A, and a key on a curve that is not supported.
/// let keys = KeySet::parse(br#"{"keys": [
///     {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty": "EC", "crv": "P-521", "kid": "exotic"}]}"#)?;
/// let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
///     hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
/// assert!(verify_compact(token, &keys, AlgorithmSet::ASYMMETRIC, &mut Scratch::new()).is_ok());
///
/// let [unusable] = keys.set_aside() else { return Err("one key is set aside".into()) };
/// assert_eq!(unusable.kid.as_deref(), Some("exotic"));
/// assert_eq!(unusable.reason, KeyError::UnknownCurve);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct KeySet {
    keys: Vec<Key>,
    set_aside: Vec<UnusableKey>,
    generation: Generation,
}

/// A digest of everything in a key set that a verdict can depend on. Two sets of the same generation give the same
/// verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Generation(pub(crate) [u8; 32]);

/// A key of a set that cannot verify signatures, with the reason.
///
/// ```
/// use oidc_proto::jose::KeySet;
///
/// let keys = KeySet::parse(br#"{"keys": [{"kty": "RSA", "kid": "old", "n": "AQAB", "e": "AQAB"}]}"#)?;
/// for key in keys.set_aside() {
///     let line = format!("{:?}: {}", key.kid, key.reason);
///     assert_eq!(line, r#"Some("old"): the key is an RSA key of less than 2048 bits"#);
/// }
/// assert!(keys.is_empty());
/// # Ok::<(), oidc_proto::jose::KeySetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableKey {
    /// The name of the key (`kid`).
    pub kid: Option<String>,
    /// The reason why the key cannot be used.
    pub reason: KeyError,
}

/// The reason why a whole key set is refused. One unusable key is no such reason: it is
/// [set aside](KeySet::set_aside).
///
/// ```
/// use oidc_proto::{base::JsonError, jose::{KeySet, KeySetError}};
///
/// let refused = KeySet::parse(b"<html>Bad Gateway</html>").err();
/// assert_eq!(refused, Some(KeySetError::Json(JsonError::NotJson)));
/// ```
///
/// [`KeySet::parse`] returns it, and every flow that fetches keys.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// The text is not acceptable JSON, or its `keys` are no array.
    #[error("the key set {}", predicate(.0))]
    Json(JsonError),
    /// The document has no `keys`: it may be a single key, or certificates, or a document of another kind.
    #[error("the key set lacks the member `keys`")]
    NoKeys,
    /// The set has more than [`MAX_KEYS`] keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooManyKeys,
}

sentences_about!(KeySetError: "the key set ");

impl KeySet {
    /// Parses a JWK Set.
    ///
    /// A key that cannot be used is [set aside](Self::set_aside); the other keys stay usable. Numbers in base64 and with
    /// padding, empty members and `key_ops` in one string are read as what they mean. An asymmetric key that
    /// is published with its private half is set aside too, because every reader of the set can sign with it. For a
    /// private key of your own, use [`Jwk::parse`], which drops the private half, and [`Self::from_jwks`].
    ///
    /// # Errors
    /// The text is not acceptable JSON, or `keys` is not an array or has more than [`MAX_KEYS`] keys.
    pub fn parse(jwks: &[u8]) -> Result<Self, KeySetError> {
        let mut members = Members::parse(jwks).map_err(KeySetError::Json)?;
        let keys = match members.any("keys") {
            Some(Value::Array(keys)) => keys,
            Some(_) => {
                let expected = "an array";
                return Err(KeySetError::Json(JsonError::WrongType { member: "keys", expected }));
            }
            None => return Err(KeySetError::NoKeys),
        };
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut set = Self::default();
        for key in keys {
            let kid = key.get("kid").and_then(Value::as_str).filter(|kid| !kid.is_empty()).map(str::to_owned);
            set.add(kid, read(key));
        }
        Ok(set.sealed())
    }

    /// Makes a set of one secret that is shared with the issuer, such as a `client_secret`. The key has no name. It
    /// is used with the HMAC algorithms whose hash is not longer than the secret (RFC 7518 section 3.2). A secret
    /// that is too short for all of them is set aside.
    #[must_use]
    pub fn from_secret(secret: &Secret) -> Self {
        let mut set = Self::default();
        set.add(None, Key::from_secret(secret));
        set.sealed()
    }

    /// Makes a set of parsed keys. A key that cannot be used is [set aside](Self::set_aside).
    ///
    /// # Errors
    /// There are more than [`MAX_KEYS`] keys.
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

    /// Computes the generation. The order of the keys and the names of keys set aside are part of it, because both can
    /// change a verdict.
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

    /// Returns the keys that verify.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// Returns the keys that cannot be used, each with the reason.
    #[must_use]
    pub fn set_aside(&self) -> &[UnusableKey] {
        &self.set_aside
    }

    /// Whether the set has no key that verifies.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the set has a key of this name that verifies.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Finds the key that signed: the key that `kid` names, or else the key that `x5t#S256` names, or else any key
    /// that fits.
    ///
    /// If the token uses a name that no key has, the keys without a name are tried. They do not contradict the
    /// token, and a shared secret never has a name.
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
            let set_aside = || self.set_aside.iter().find(|key| key.kid.as_deref() == Some(kid));
            let why = || set_aside().map(|key| key.reason);
            self.verify_named(name, why, header, signed, signature)
        } else if let Some(x5t) = header.x5t_s256() {
            let name = (x5t, Key::x5t_s256 as fn(&Key) -> Option<&str>);
            self.verify_named(name, || None, header, signed, signature)
        } else {
            self.attempt(|_| true, header, signed, signature).unwrap_or(Err(JwsError::UnknownKey))
        }
    }

    fn verify_named(
        &self,
        (wanted, name): (&str, fn(&Key) -> Option<&str>),
        set_aside: impl FnOnce() -> Option<KeyError>,
        header: &Header<'_>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<&Key, JwsError> {
        let is_named = |key: &Key| name(key) == Some(wanted);
        if let Some(verdict) = self.attempt(is_named, header, signed, signature) {
            return verdict;
        }
        if self.keys.iter().any(is_named) {
            return Err(JwsError::KeyMismatch);
        }
        if let Some(reason) = set_aside() {
            return Err(JwsError::KeySetAside(reason));
        }
        // A failure of a nameless key proves nothing: the named key may not be fetched yet.
        match self.attempt(|key| name(key).is_none(), header, signed, signature) {
            Some(Ok(key)) => Ok(key),
            Some(Err(_)) | None => Err(JwsError::UnknownKey),
        }
    }

    /// Tries the wanted keys that fit the algorithm, up to the limits. Returns `None` if there is no such key.
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
    let Value::Object(mut members) = key else { return Err(KeyError::NotAnObject) };
    spelling::mend(&mut members);
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
