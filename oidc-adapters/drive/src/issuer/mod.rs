//! [`Issuer`]: a trusted issuer, as a gate or a handle uses it to verify tokens.

mod hash;
mod scratch;
mod seats;
mod source;
mod trusted;

pub(crate) use hash::{TokenHash, hash};
pub(crate) use scratch::with_scratch;
pub use source::KeySource;
pub(crate) use trusted::{Common, FailureHook, Issuer, failure};
