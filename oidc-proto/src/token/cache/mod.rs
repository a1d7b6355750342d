//! [`SignatureCache`]: remembers the tokens that had a valid signature. There is no cache unless you make one.
//!
//! The cache keeps the bytes of a token, what was read of it, and which key signed it. Of a request with the same bytes,
//! nothing is decoded and no signature is checked. Everything that depends on the time, on the caller or on the verifier
//! is checked each time: the issuer, the audience, the times, the algorithm, the type, the keys that the sender holds. So
//! the cache can neither skip an audience nor miss an expiry.
//!
//! A token is found by a keyed hash of the end of its signature, and counts only if all its bytes are the same. It stops counting
//! when the key set has another generation, for example because a key is gone. A refused token leaves nothing behind.

mod remembered;
mod signatures;
mod verify;

pub use remembered::{ENTRY_BYTES, RememberedToken};
pub use signatures::{SignatureCache, SignatureMemory};
pub(crate) use verify::recall;
