//! [`ForgottenClient`]: a server has forgotten a client that had registered itself, which then registers anew, once.

use super::{identity::ClientIdentity, kind::IdentityKind};
use crate::{
    flow::contract::{CallbackError, Endpoint, Error},
    message::ErrorResponse,
};

/// How often the program may forget a registration and register anew, in one attempt to get access: once.
///
/// A server may lose its dynamic clients, in a restart or by a time limit of its own. It then answers `invalid_client` to
/// each request with the old `client_id`, for ever. But `invalid_client` may have another cause, and then a new
/// registration does not help, nor would a hundred of them.
///
/// ```
/// # use oidc_proto::{Error, flow::{ClientIdentity, ForgottenClient}};
/// # fn f(identity: &ClientIdentity, error: Error, forgotten: &mut ForgottenClient) -> Result<(), Error> {
/// // Make it where the user's attempt begins, and keep it through that attempt.
/// if forgotten.learn(identity, &error) {
///     // Delete the kept registration, choose again, and log in again.
///     Ok(())
/// } else {
///     Err(error) // the second time, or not the fault of the registration
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForgottenClient {
    registered_anew: bool,
}

impl ForgottenClient {
    /// No client was forgotten yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { registered_anew: false }
    }

    /// Takes an error of a flow with this identity. Returns whether to delete the kept registration and to register anew:
    /// if the server says that it does not know the client, the program had registered it itself, and this is the first
    /// time.
    #[must_use = "`true` asks for a new registration"]
    pub fn learn(&mut self, identity: &ClientIdentity, error: &Error) -> bool {
        is_unknown_client(error) && self.told(identity)
    }

    /// Takes what the user has seen: most servers answer an authorization request of an unknown client with a page, and
    /// send nobody back. Returns whether to delete the kept registration and to register anew.
    #[must_use = "`true` asks for a new registration"]
    pub fn told(&mut self, identity: &ClientIdentity) -> bool {
        let first = identity.kind() == IdentityKind::Registered && !self.registered_anew;
        self.registered_anew |= first;
        first
    }
}

/// Whether the server says that it does not know the client: at the token endpoint, where the request is pushed, or to the
/// user's browser.
fn is_unknown_client(error: &Error) -> bool {
    let unknown = |response: &ErrorResponse| response.error == "invalid_client";
    match error {
        Error::OAuth(refused) => {
            matches!(refused.endpoint, Endpoint::Token | Endpoint::PushedAuthorizationRequest)
                && unknown(&refused.response)
        }
        Error::Callback(CallbackError::Denied(response)) => {
            unknown(response) || response.error == "unauthorized_client"
        }
        Error::Refresh { cause, .. } => is_unknown_client(cause),
        Error::Response(_)
        | Error::Unavailable(_)
        | Error::Callback(_)
        | Error::Token(_)
        | Error::DeviceCodeExpired
        | Error::AuthenticationRequestExpired
        | Error::AuthenticationFailed(_)
        | Error::Registration { .. }
        | Error::Sign(_)
        | Error::Config(_)
        | Error::UnsupportedDetails(_) => false,
    }
}
