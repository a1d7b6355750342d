//! [`KeySet`]: the keys of one issuer, and the choice of the key that verifies a token
//! (RFC 7517 section 5, OpenID Connect Core 1.0 section 10.1).

use super::{
    super::{algorithm_set::AlgorithmSet, compact::JwsError, header::Header},
    attempt::attempt,
    jwk::Jwk,
    key::Key,
    key_error::KeyError,
    members::{KeyMembers, WrittenKey},
    name_index::NameIndex,
    reader::KeySetReader,
};
use crate::base::sentence::{predicate, sentences_about};
use crate::{
    backend::{Backend, Fingerprint},
    base::{
        json::{
            Checked, JsonError, MAX_DEPTH, Names,
            object::{Object, Read, Target},
        },
        secret::Secret,
        visible::without_mark,
    },
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::{fmt, sync::Arc};

/// The keys of one issuer: the keys that verify, and the keys that were set aside, each with the reason. A set never
/// changes.
///
/// ```
/// use oidc_proto::jose::{AlgorithmSet, KeyError, KeySet, Scratch, verify_compact};
///
/// // The public key and the token of RFC 8037 appendix A, and a key on a curve that is not supported.
/// let keys = KeySet::parse(br#"{"keys": [
///     {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty": "EC", "crv": "secp256k1", "kid": "exotic"}]}"#)?;
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
    by_kid: NameIndex,
    by_x5t_s256: NameIndex,
    set_aside_by_kid: NameIndex,
    generation: Generation,
}

/// A digest of everything in a key set on which it depends whether a token is accepted, and by which key. Two sets of
/// the same generation accept the same tokens. They may differ in the reasons why keys were set aside: such a reason
/// shows in a refusal, and makes no token acceptable.
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
    /// The set has more keys than [`KeySetReader::max_keys`] allows. The default is [`MAX_KEYS`](super::MAX_KEYS).
    #[error("the key set has more than {max_keys} keys (`max_keys` sets the limit)")]
    TooManyKeys {
        /// The maximum number of keys.
        max_keys: usize,
    },
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
    /// The text is not acceptable JSON, or `keys` is not an array or has more than [`MAX_KEYS`](super::MAX_KEYS) keys. A
    /// [`KeySetReader`] reads larger sets.
    pub fn parse(jwks: &[u8]) -> Result<Self, KeySetError> {
        KeySetReader::new().parse(jwks)
    }

    /// Parses a JWK Set, whose signatures this backend verifies, as far as it serves its keys. For all else, it is
    /// [`parse`](Self::parse).
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub fn parse_by(backend: &Arc<dyn Backend>, jwks: &[u8]) -> Result<Self, KeySetError> {
        KeySetReader::new().backend(Arc::clone(backend)).parse(jwks)
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
    /// There are more than [`MAX_KEYS`](super::MAX_KEYS) keys.
    pub fn from_jwks(jwks: impl IntoIterator<Item = Jwk>) -> Result<Self, KeySetError> {
        KeySetReader::new().from_jwks(jwks)
    }

    /// Computes the generation and the indexes. The order of the keys and the names of keys set aside are part of the
    /// generation, because both can decide whether a token is accepted.
    fn sealed(mut self) -> Self {
        self.by_kid = NameIndex::new(self.keys.iter().map(Key::kid));
        self.by_x5t_s256 = NameIndex::new(self.keys.iter().map(Key::x5t_s256));
        self.set_aside_by_kid = NameIndex::new(self.set_aside.iter().map(|key| key.kid.as_deref()));
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

    /// Returns where a key of this set is. Two sets of one [generation](Self::generation) have the same key there.
    pub(crate) fn position(&self, key: &Key) -> Option<usize> {
        self.keys.iter().position(|ours| std::ptr::eq(ours, key))
    }

    /// Returns the key at this [position](Self::position).
    pub(crate) fn at(&self, position: usize) -> Option<&Key> {
        self.keys.get(position)
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
        self.named(&self.by_kid, Key::kid, kid).next().is_some()
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
            return Err(self.or_needs_backend(header, JwsError::AlgorithmNotAllowed));
        }
        if let Some(kid) = header.kid() {
            let named = self.named(&self.by_kid, Key::kid, kid);
            self.verify_named(named, &self.by_kid, || self.why_set_aside(kid), header, signed, signature)
        } else if let Some(x5t) = header.x5t_s256() {
            let named = self.named(&self.by_x5t_s256, Key::x5t_s256, x5t);
            self.verify_named(named, &self.by_x5t_s256, || None, header, signed, signature)
        } else {
            let tried = attempt(self.keys.iter(), header, signed, signature);
            tried.unwrap_or_else(|| Err(self.or_needs_backend(header, JwsError::UnknownKey)))
        }
    }

    /// Returns why a token is refused: for want of a backend, if the issuer publishes the key that it names, and no
    /// backend has read it. Otherwise nobody would learn that. A token that names no key says nothing about the issuer:
    /// anybody can write it.
    #[cold]
    fn or_needs_backend(&self, header: &Header<'_>, otherwise: JwsError) -> JwsError {
        let reason = KeyError::NeedsBackend(header.alg);
        let vouched = |key: &UnusableKey| {
            key.reason == reason && header.kid().is_some_and(|kid| key.kid.as_deref() == Some(kid))
        };
        match self.set_aside.iter().any(vouched) {
            true => JwsError::KeySetAside(reason),
            false => otherwise,
        }
    }

    /// Returns the keys of this name, in the order of the set.
    fn named<'k>(
        &'k self,
        index: &'k NameIndex,
        name: fn(&Key) -> Option<&str>,
        wanted: &str,
    ) -> impl Iterator<Item = &'k Key> + Clone {
        let candidates = index.candidates(wanted).filter_map(|position| self.keys.get(position));
        candidates.filter(move |key| name(key) == Some(wanted))
    }

    /// Returns the reason why the first key of this name was set aside.
    fn why_set_aside(&self, kid: &str) -> Option<KeyError> {
        let candidates = self.set_aside_by_kid.candidates(kid);
        let mut keys = candidates.filter_map(|position| self.set_aside.get(position));
        keys.find(|key| key.kid.as_deref() == Some(kid)).map(|key| key.reason)
    }

    fn verify_named<'k>(
        &'k self,
        named: impl Iterator<Item = &'k Key> + Clone,
        index: &NameIndex,
        set_aside: impl FnOnce() -> Option<KeyError>,
        header: &Header<'_>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<&'k Key, JwsError> {
        if named.clone().next().is_some() {
            return attempt(named, header, signed, signature).unwrap_or(Err(JwsError::KeyMismatch));
        }
        if let Some(reason) = set_aside() {
            return Err(JwsError::KeySetAside(reason));
        }
        // A failure of a nameless key proves nothing: the named key may not be fetched yet.
        let nameless = index.nameless().filter_map(|position| self.keys.get(position));
        match attempt(nameless, header, signed, signature) {
            Some(Ok(key)) => Ok(key),
            Some(Err(_)) | None => Err(JwsError::UnknownKey),
        }
    }
}

impl KeySetReader {
    /// Parses a JWK Set, as [`KeySet::parse`] does.
    ///
    /// # Errors
    /// The text is not acceptable JSON, or `keys` is not an array or has too many keys.
    pub fn parse(&self, jwks: &[u8]) -> Result<KeySet, KeySetError> {
        let text = without_mark(jwks);
        let mut names = Names::default();
        let mut document = Document { set: KeySet::default(), keys: Listing::Absent, reader: self };
        let checked = Checked { text, names: &mut names, depth: MAX_DEPTH };
        Object { checked, target: &mut document }.parse().map_err(KeySetError::Json)?;
        match document.keys {
            Listing::Absent => Err(KeySetError::NoKeys),
            Listing::Other => {
                Err(KeySetError::Json(JsonError::WrongType { member: "keys", expected: "an array" }))
            }
            Listing::Of(keys) if keys > self.max_keys => {
                Err(KeySetError::TooManyKeys { max_keys: self.max_keys })
            }
            Listing::Of(_) => Ok(document.set.sealed()),
        }
    }

    /// Makes a set of parsed keys, as [`KeySet::from_jwks`] does.
    ///
    /// # Errors
    /// There are too many keys.
    pub fn from_jwks(&self, jwks: impl IntoIterator<Item = Jwk>) -> Result<KeySet, KeySetError> {
        let mut set = KeySet::default();
        for (index, jwk) in jwks.into_iter().enumerate() {
            if index == self.max_keys {
                return Err(KeySetError::TooManyKeys { max_keys: self.max_keys });
            }
            let key = Key::of(&KeyMembers::from(&jwk), self.backend.as_deref());
            set.add(jwk.kid, key);
        }
        Ok(set.sealed())
    }
}

/// A JWK Set as it is read.
struct Document<'r> {
    set: KeySet,
    keys: Listing,
    reader: &'r KeySetReader,
}

/// The member `keys`.
enum Listing {
    Absent,
    /// A value that is not an array.
    Other,
    /// An array of this many elements.
    Of(usize),
}

impl Document<'_> {
    fn add(&mut self, value: Read, key: &WrittenKey<'_>) {
        let backend = self.reader.backend.as_deref();
        let judged = match value {
            Read::Object => {
                key.published().and_then(|members| Key::of(&members, backend)).and_then(|judged| {
                    if key.tells_private_members() { Err(KeyError::PrivateMembers) } else { Ok(judged) }
                })
            }
            Read::Null | Read::Other => Err(KeyError::NotAnObject),
        };
        match judged {
            Ok(key) => self.set.keys.push(key),
            Err(reason) => {
                self.set.set_aside.push(UnusableKey { kid: key.named().map(str::to_owned), reason })
            }
        }
    }
}

impl<'t> Target<'t> for Document<'_> {
    type Member = bool;

    fn member(name: &str) -> bool {
        name == "keys"
    }

    fn read<A: MapAccess<'t>>(
        &mut self,
        is_keys: bool,
        members: &mut A,
        inner: Checked<'_, '_>,
    ) -> Result<(), A::Error> {
        if is_keys {
            members.next_value_seed(Keys { checked: inner, document: self })
        } else {
            members.next_value_seed(inner)
        }
    }
}

/// Reads the value of `keys`.
struct Keys<'a, 'n, 'd, 'r> {
    checked: Checked<'a, 'n>,
    document: &'d mut Document<'r>,
}

impl<'t> DeserializeSeed<'t> for Keys<'_, '_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl Keys<'_, '_, '_, '_> {
    fn other<E>(self) -> Result<(), E> {
        self.document.keys = Listing::Other;
        Ok(())
    }
}

impl<'t> Visitor<'t> for Keys<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.other()
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.other()
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.other()
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.other()
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.other()
    }
    fn visit_map<A: MapAccess<'t>>(self, members: A) -> Result<(), A::Error> {
        self.document.keys = Listing::Other;
        self.checked.visit_map(members)
    }
    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { checked: Checked { text, names, depth }, document } = self;
        let Some(depth) = depth.checked_sub(1) else { return Err(names.fail(JsonError::TooDeep)) };
        let mut count = 0;
        loop {
            let mut key = WrittenKey::default();
            let checked = Checked { text, names: &mut *names, depth };
            let Some(value) = items.next_element_seed(Object { checked, target: &mut key })? else { break };
            count += 1;
            if count <= document.reader.max_keys {
                document.add(value, &key);
            }
        }
        document.keys = Listing::Of(count);
        Ok(())
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("keys", &self.keys).field("set_aside", &self.set_aside).finish()
    }
}

#[cfg(test)]
#[path = "tests/key_set_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "tests/by_value_tests.rs"]
mod by_value_tests;
