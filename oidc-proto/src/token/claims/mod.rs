//! Room `token::claims`: reads the claims of a JWT in one pass and borrows them from it.

mod audience;
mod binding;
mod full;
mod member;
mod name;
mod path;
mod places;
mod quick;
mod read;
mod registered;
mod visible;

pub use audience::Audience;
pub use binding::{Confirmation, Possession};
pub(super) use member::Text;
pub(crate) use path::{claim_at, is_or_has};
pub(super) use places::Places;
pub(crate) use places::{List, Place};
pub(super) use registered::Acting;
pub(crate) use registered::{ActorLimit, check_times, leeway_seconds};
pub use registered::{Claims, DEFAULT_LEEWAY, MAX_ACTORS, MAX_LEEWAY};
pub(super) use visible::{check_visible, is_plain};
