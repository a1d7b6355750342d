//! Room `base`: the small types that every other room uses. Nothing in this room knows a protocol.
//!
//! | type | what it does |
//! |---|---|
//! | [`EndpointUrl`], [`UrlPolicy`] | a URL that requests may be sent to, and the rule that decides this |
//! | [`Moment`], [`Timestamp`] | the current time and fresh entropy, passed in by the caller |
//! | [`Secret`] | text that is never printed, such as a client secret or a token |
//! | [`Remedy`] | who can do what about an error |
//! | [`Bounded`] | a map that never grows past a limit |
//! | [`JsonError`], [`FormError`], [`base64url`] | the readers of the three encodings that the specifications use are strict |
//!
//! This library reads no clock, draws no randomness for a flow, and opens no socket. So a caller passes these
//! values in:
//!
//! ```
//! use oidc_proto::{EndpointUrl, Moment, Secret, Timestamp, UrlPolicy};
//!
//! // In a program: the time of the system clock, and 32 bytes from the random generator of the system.
//! let moment = Moment::new(Timestamp(1_700_000_000), [7; 32]);
//! assert_eq!(moment.now(), Timestamp(1_700_000_000));
//!
//! let secret = Secret::new("tGzv3JOkF0XG5Qx2TlKWIA");
//! assert_eq!(format!("{secret:?}"), "Secret(..)");
//!
//! let url = EndpointUrl::parse("https://op.example/token", &UrlPolicy::default())?;
//! assert_eq!(url.as_str(), "https://op.example/token");
//! # Ok::<(), oidc_proto::base::UrlError>(())
//! ```
//!
//! [`Bounded`]: bounded::Bounded
//! [`EndpointUrl`]: endpoint_url::EndpointUrl
//! [`Moment`]: moment::Moment
//! [`Remedy`]: sentence::Remedy
//! [`Secret`]: secret::Secret
//! [`Timestamp`]: moment::Timestamp
//! [`UrlPolicy`]: endpoint_url::UrlPolicy

pub mod base64url;
pub(crate) mod bounded;
pub(crate) mod endpoint_url;
pub(crate) mod form;
pub(crate) mod freshness;
pub(crate) mod header;
pub(crate) mod json;
pub(crate) mod moment;
pub(crate) mod secret;
pub(crate) mod sentence;
pub(crate) mod visible;

pub use bounded::Bounded;
pub use endpoint_url::{EndpointUrl, UrlError, UrlPolicy};
pub use form::{FormError, MAX_PARAMETERS};
pub use freshness::Freshness;
pub use json::{Extra, JsonError, MAX_DEPTH};
pub use moment::{Moment, Timestamp};
pub use secret::Secret;
pub use sentence::Remedy;
