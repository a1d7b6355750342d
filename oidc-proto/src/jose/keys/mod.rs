//! Keys as providers publish them. Each key is parsed and checked once.

mod curve;
mod embedded;
mod jwk;
mod key;
mod key_error;
mod key_set;
mod members;
mod name_index;
mod numbers;
mod roca;
mod thumbprint;

pub use embedded::MAX_EMBEDDED_RSA;
pub(crate) use embedded::{EmbeddedKey, HeaderKey};
pub use jwk::Jwk;
pub use key::Key;
pub use key_error::KeyError;
pub use key_set::{KeySet, KeySetError, KeySetReader, MAX_CANDIDATES, MAX_KEYS, MAX_WORK, UnusableKey};
