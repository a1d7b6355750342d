//! What a gate or a handle needs of the world outside, and what is kept of exchanges that failed.

mod lost;
mod stack;

pub(crate) use lost::{Lost, NoResponse};
pub use stack::Io;
