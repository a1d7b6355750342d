//! Keys as providers publish them. Each key is parsed and checked once.

mod attempt;
mod embedded;
mod jwk;
mod key;
mod key_error;
mod key_set;
mod members;
mod name_index;
mod numbers;
mod reader;
mod spelling;
mod thumbprint;

pub use attempt::{MAX_CANDIDATES, MAX_WORK};
pub use embedded::MAX_EMBEDDED_RSA;
pub(crate) use embedded::{EmbeddedKey, HeaderKey};
pub use jwk::Jwk;
pub use key::Key;
pub use key_error::KeyError;
pub(crate) use key_set::Generation;
pub use key_set::{KeySet, KeySetError, UnusableKey};
pub use reader::{KeySetReader, MAX_KEYS};
