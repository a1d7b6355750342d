//! Keys as providers publish them. Each key is parsed and checked once.

mod curve;
mod embedded;
mod jwk;
mod key;
mod key_set;
mod roca;
mod spelling;
mod thumbprint;

pub(crate) use embedded::EmbeddedKey;
pub use embedded::MAX_EMBEDDED_RSA;
pub use jwk::Jwk;
pub use key::{Key, KeyError};
pub use key_set::{KeySet, KeySetError, MAX_CANDIDATES, MAX_KEYS, MAX_WORK, UnusableKey};
