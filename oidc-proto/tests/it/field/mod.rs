//! Providers of the field: the deviations that users of real providers met, each refused by default, and each with a way
//! on that the refusal names.

mod claims;
mod demanded;
pub(crate) mod endpoints;
mod form_post;
pub(crate) mod jarm;
mod limits;
mod messages;
mod odd_tokens;
mod peer_keys;
mod peers;
mod published_keys;
mod refreshes;
mod refusals;
mod second_names;
pub(crate) mod signed_userinfo;
mod told;
mod unbound;
