//! Providers of the field: the deviations that users of real providers met, each refused by default, and each with a way
//! on that the refusal names.

mod claims;
mod form_post;
mod limits;
mod messages;
mod peer_keys;
mod peers;
mod published_keys;
mod refreshes;
mod refusals;
pub(crate) mod signed_userinfo;
mod told;
mod unbound;
