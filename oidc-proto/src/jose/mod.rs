//! Room `jose`: signed tokens and the keys that sign them (RFC 7515, 7517, 7518, 7638, 8037).
//!
//! A [`Key`] is parsed once and bound to the [`Algorithm`]s it may serve; a token names an algorithm
//! and a key, and both must agree. So `none`, HMAC with a public key, and an algorithm of another
//! curve are not refused somewhere: there is no way to say them.

mod algorithm;
mod algorithm_set;
mod backend;
mod compact;
mod curve;
mod embedded;
mod header;
mod jwk;
mod key;
mod key_set;
mod roca;
mod sign;
#[cfg(test)]
mod testdata;
mod thumbprint;
mod to_sign;
mod verify;

pub use algorithm::Algorithm;
pub use algorithm_set::AlgorithmSet;
pub(crate) use algorithm_set::Allowed;
pub(crate) use backend::{Mac, sha256};
pub(crate) use compact::Compact;
pub use compact::JwsError;
pub(crate) use embedded::EmbeddedKey;
pub use embedded::MAX_EMBEDDED_RSA;
pub use header::Header;
pub use jwk::Jwk;
pub use key::{Key, Unusable};
pub use key_set::{KeySet, KeySetError, MAX_CANDIDATES, MAX_KEYS, MAX_WORK, SetAside};
pub use sign::{RingSigner, Sign, SignError, sign_compact};
pub(crate) use to_sign::FromSigned;
pub use to_sign::ToSign;
pub use verify::{Buffers, Jws, verify_compact};
