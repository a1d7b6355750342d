//! Room `flow::saved`: what saved states are held to as they come back, and how they are sealed.

mod sealed;
pub(in crate::flow) mod text;

pub use sealed::{AppState, MAX_SEALED, Seal, SealError, SealingKeys};

pub(in crate::flow) use sealed::{private::Sealed, seal_as_json};
