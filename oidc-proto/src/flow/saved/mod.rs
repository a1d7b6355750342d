//! Saved states: the checks when a state is read again, and sealing.

mod sealed;
pub(in crate::flow) mod text;

pub use sealed::{AppState, MAX_SEALED, MAX_STORED, Seal, SealError, SealingKeys};

pub(in crate::flow) use sealed::{fits_cookie, private::Sealed, seal_as_json};
