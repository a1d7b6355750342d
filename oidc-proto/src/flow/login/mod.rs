//! Room `flow::login`: a user goes to the provider and comes back.

mod access;
mod authorize;
mod code_exchange;
mod front_channel;
mod open_logins;
mod pending;
mod sent;
mod userinfo;

pub use access::{AccessGrant, AccessGranted, PendingAccess};
pub use code_exchange::{Authenticated, Login};
pub use front_channel::{FrontLogin, Identified, PendingFrontLogin};
pub use open_logins::{MAX_OPEN_LOGINS, OpenLogins};
pub use pending::PendingAuthorization;
pub use userinfo::UserInfoRequest;
