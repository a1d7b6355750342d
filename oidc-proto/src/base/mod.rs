//! Room `base`: what every other room stands on. Nothing in it knows a protocol.

pub mod base64url;
pub(crate) mod bounded;
pub(crate) mod endpoint_url;
pub(crate) mod form;
pub(crate) mod freshness;
pub(crate) mod header;
pub(crate) mod json;
pub(crate) mod moment;
pub(crate) mod secret;
pub(crate) mod visible;

pub use bounded::Bounded;
pub use endpoint_url::{EndpointUrl, UrlError, UrlPolicy};
pub use form::{FormError, MAX_PARAMETERS};
pub use freshness::Freshness;
pub use header::Challenge;
pub use json::{Extra, JsonError, MAX_DEPTH};
pub use moment::{Moment, Timestamp};
pub use secret::Secret;
