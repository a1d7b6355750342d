//! Client-Initiated Backchannel Authentication (OpenID Connect CIBA Core 1.0): the provider asks a user on a device of
//! theirs, and the client polls for the tokens, is told that they are ready (ping), or gets them (push).
//!
//! ```text
//! BackchannelAuthenticationRequest ─▶ BackchannelAuthentication    saved, until the user has decided
//!     poll                                  ─▶ BackchannelGrant ─▶ BackchannelTokens
//!     ping   ClientNotification ─▶ Ping     ─▶ BackchannelGrant ─▶ BackchannelTokens
//!     push   ClientNotification ─▶ Push     ─▶ PushedTokens     ─▶ BackchannelTokens
//! ```

mod authentication;
#[cfg(test)]
mod diagrams_tests;
mod grant;
mod notification;
mod pushed;
mod request;
mod signed;
mod start;
mod tokens;

pub use authentication::{BACKCHANNEL_LIFETIME_CAP, BackchannelAuthentication, Begun};
pub use grant::BackchannelGrant;
pub use notification::{ClientNotification, Delivery, NotificationError, Ping};
pub use pushed::{Push, PushedTokens, Verifying};
pub use request::{BackchannelAuthenticationRequest, DeliveryMode};
pub use signed::SignedAuthenticationRequest;
pub use start::BackchannelAuthenticationStart;
pub use tokens::BackchannelTokens;
