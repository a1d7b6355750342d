//! Room `base`: what every other room stands on. Nothing in it knows a protocol.

pub mod base64url;
pub mod bounded;
pub mod endpoint_url;
pub mod form;
pub(crate) mod freshness;
pub mod header;
pub mod json;
pub mod moment;
pub mod secret;
pub(crate) mod sentence;
pub(crate) mod visible;
