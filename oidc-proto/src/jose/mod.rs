//! Room `jose`: signed tokens and the keys that sign them (RFC 7515, 7517, 7518, 7638, 8037).
//!
//! A [`Key`] is parsed once and bound to the [`Algorithm`]s it may serve; a token names an algorithm
//! and a key, and both must agree. So `none`, HMAC with a public key, and an algorithm of another
//! curve are not refused somewhere: there is no way to say them.

mod algorithm;
mod algorithm_set;
mod compact;
mod header;
mod keys;
mod sign;
mod signer;
#[cfg(test)]
mod testdata;
mod to_sign;
mod verify;

pub use algorithm::Algorithm;
pub use algorithm_set::AlgorithmSet;
pub(crate) use algorithm_set::Allowed;
pub(crate) use compact::Compact;
pub use compact::{JwsError, Scratch};
pub use header::Header;
pub(crate) use keys::EmbeddedKey;
pub use keys::{
    Jwk, Key, KeyError, KeySet, KeySetError, MAX_CANDIDATES, MAX_EMBEDDED_RSA, MAX_KEYS, MAX_WORK,
    UnusableKey,
};
pub use sign::{Sign, SignError};
pub use signer::RingSigner;
pub(crate) use to_sign::FromSigned;
pub use to_sign::{ToSign, sign_compact};
pub use verify::{Jws, verify_compact};
