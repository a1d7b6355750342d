//! Parts for code that opens connections: which addresses a name may resolve to, how much one exchange may read, and
//! one exchange over hyper.

pub mod egress;
pub mod meter;

#[cfg(feature = "hyper")]
mod connect;
#[cfg(feature = "hyper")]
mod error;
#[cfg(feature = "hyper")]
pub(crate) mod tls;
#[cfg(feature = "hyper")]
pub(crate) mod wire;

#[cfg(feature = "hyper")]
pub(crate) use connect::connect_timeout;
#[cfg(feature = "hyper")]
pub use connect::{Connect, addresses};
#[cfg(feature = "hyper")]
pub use error::Error;
