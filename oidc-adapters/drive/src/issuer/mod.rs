//! A trusted issuer, for whoever verifies its tokens: a gate, or a handle.

mod hash;
mod scratch;
mod seats;
mod source;
mod trusted;

pub(crate) use hash::{TokenHash, hash};
pub(crate) use scratch::{give_back, take_scratch};
pub use source::KeySource;
pub(crate) use trusted::{Common, FailureHook, Issuer, failure};
