//! Room `flow::login`: a user goes to the provider and comes back.

mod access;
mod authenticated;
mod authorize;
mod code_exchange;
mod front;
mod front_channel;
mod open_logins;
mod pending;
mod sent;
mod userinfo;

pub use access::{AccessGrant, AccessGranted, PendingAccess};
pub use authenticated::{Authenticated, Login};
pub use front::FrontChannel;
pub use front_channel::{FrontLogin, Identified, PendingFrontLogin};
pub use open_logins::{MAX_OPEN_LOGINS, OpenLogins};
pub use pending::PendingAuthorization;
pub use userinfo::UserInfoRequest;
