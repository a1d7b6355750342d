//! Room `backend`: the only place over a crypto crate, which is ring. It knows bytes and numbers, and no
//! specification of tokens; with another crate, nothing but this folder changes.

mod digest;
mod mac;
mod private_key;
mod public_key;
mod scheme;
mod seal;

pub(crate) use digest::{Fingerprint, Hash, sha256};
pub(crate) use mac::Mac;
pub(crate) use private_key::{PrivateKey, PublicHalf, RsaNumbers};
pub(crate) use public_key::PublicKey;
pub(crate) use scheme::Scheme;
pub(crate) use seal::{TAG, open, seal};
