//! [`Issuer`]: a trusted issuer, as a gate or a handle uses it to verify tokens.

mod hash;
mod scratch;
mod seats;
mod source;
mod trusted;

pub(crate) use hash::{TokenHash, hash};
pub(crate) use scratch::{give_back, take_scratch};
pub use source::KeySource;
pub(crate) use trusted::{Common, FailureHook, Issuer, failure};
