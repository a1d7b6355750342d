//! [`Io`]: the HTTP client and the runtime of a gate or a handle, and what is remembered of failed exchanges.

mod lost;
mod stack;

pub(crate) use lost::{Fell, Lost, NoResponse};
pub use stack::Io;
