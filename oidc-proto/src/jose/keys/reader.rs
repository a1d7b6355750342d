//! [`KeySetReader`]: how key sets are read.

use crate::backend::Backend;
use crate::jose::algorithm_set::AlgorithmSet;
use std::{fmt, sync::Arc};

/// The default maximum number of keys in a set. [`KeySetReader::max_keys`] sets another.
pub const MAX_KEYS: usize = 100;

/// How key sets are read: the maximum number of keys, and the backend that verifies with them.
///
/// ```
/// use oidc_proto::jose::{KeySetError, KeySetReader};
///
/// let jwks = br#"{"keys": [{"kty": "new"}, {"kty": "new"}, {"kty": "new"}]}"#;
/// let reader = KeySetReader::new().max_keys(2);
/// assert_eq!(reader.parse(jwks).err(), Some(KeySetError::TooManyKeys { max_keys: 2 }));
/// assert_eq!(reader.max_keys(3).parse(jwks)?.set_aside().len(), 3);
/// # Ok::<(), KeySetError>(())
/// ```
#[derive(Clone)]
pub struct KeySetReader {
    pub(super) max_keys: usize,
    pub(super) backend: Option<Arc<dyn Backend>>,
}

impl KeySetReader {
    /// Reads sets of at most [`MAX_KEYS`] keys, with which ring verifies.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_keys: MAX_KEYS, backend: None }
    }

    /// Sets the maximum number of keys in a set. The default is [`MAX_KEYS`]. Reading a key takes up to 10 µs, and a
    /// token is verified with a key that it names at the same cost in a set of any size.
    #[must_use]
    pub const fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Sets the backend that verifies with the keys. Without one, and for the keys that it does not serve, it is ring.
    #[must_use]
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backend = Some(backend);
        self
    }
}

impl KeySetReader {
    /// The asymmetric algorithms that a key of a set may be used with: ES512 and ML-DSA only with a backend.
    pub(crate) const fn algorithms(&self) -> AlgorithmSet {
        match self.backend {
            Some(_) => AlgorithmSet::ASYMMETRIC,
            None => AlgorithmSet::DEFAULT,
        }
    }
}

impl Default for KeySetReader {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeySetReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySetReader")
            .field("max_keys", &self.max_keys)
            .field("has_backend", &self.backend.is_some())
            .finish()
    }
}
