//! Room `backend`: digests, authentication codes, encryption and signatures, all by ring.
//!
//! It is the only room whose code names a crypto crate; tests elsewhere name ring too. It knows bytes, numbers and
//! signature schemes, and no specification of tokens. Two checks of public keys need arithmetic but no crypto
//! crate, so they are in `jose/keys/numbers`: `curve.rs` and `roca.rs`.
//!
//! Another crypto crate verifies the signatures of tokens through [`Backend`]. To replace ring altogether, replace this
//! folder. Elsewhere, ring shows in the name of
//! [`RingSigner`](crate::jose::RingSigner), in the limits of RSA keys, and in the measured costs behind
//! [`MAX_WORK`](crate::jose::MAX_WORK).

mod digest;
mod encryption;
mod keccak;
mod mac;
mod other;
mod private_key;
mod public_key;
mod ring;
mod scheme;
mod seal;
mod signing;

pub use digest::Hash;
pub(crate) use digest::{Fingerprint, sha256};
pub use encryption::{
    AgreeingKey, ContentEncryption, ContentKey, Curve, DecryptingKey, EncryptingKey, Oaep, WrappingKey,
};
pub(crate) use keccak::shake256;
pub(crate) use mac::Mac;
pub use other::{Backend, VerifyingKey};
pub(crate) use private_key::PrivateKey;
pub(crate) use public_key::PublicKey;
pub use ring::Ring;
pub use scheme::Scheme;
pub(crate) use seal::{TAG, open, seal};
pub use signing::{PrivateMaterial, PublicHalf, RsaNumbers, SigningKey};
pub use zeroize::Zeroizing;
