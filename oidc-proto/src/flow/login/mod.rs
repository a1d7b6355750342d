//! Flows in which a user goes to the provider and comes back: a login, a login by ID token alone, and access.

mod access;
mod authenticated;
mod authorize;
mod code_exchange;
#[cfg(test)]
mod diagrams_tests;
mod front;
mod front_channel;
mod pending;
mod pending_authorizations;
mod request;
mod sent;
mod third_party;
mod userinfo;

pub use access::{AccessGrant, AccessGranted, PendingAccess};
pub use authenticated::{Authenticated, Context as LoginContext, Exchanging, Granted, Login};
pub use code_exchange::{Came, CodeExchange, Coding, Exchanged, Sending};
pub use front::{Asked as FrontContext, Front, FrontChannel, Fronted, Fronting};
pub use front_channel::{FrontLogin, Identified, PendingFrontLogin};
pub use pending::PendingAuthorization;
pub use pending_authorizations::{MAX_OPEN_LOGINS, PendingAuthorizations};
pub use request::{
    PreparedRequest, Pushed, PushedAuthorization, ReferencedRequest, RequestObject, RequestObjectToSign,
};
pub use third_party::{ThirdPartyLogin, ThirdPartyLoginError, ThirdPartyLogins};
pub use userinfo::{Asked as UserInfoContext, Informed, Inquiring, UserInfoExchange, UserInfoRetrieval};
