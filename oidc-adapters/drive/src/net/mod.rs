//! For whoever opens connections: where names may lead, how much an exchange may take from the wire, and one
//! exchange over hyper.

pub mod egress;
pub mod meter;
#[cfg(feature = "hyper")]
pub mod wire;
