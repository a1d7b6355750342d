//! [`RegisteredClientError`]: a registered client cannot be used.

use crate::base::{
    endpoint_url::UrlError,
    sentence::{predicate, sentences_about},
};

/// Why a registered client cannot be used here or now, or its registration cannot be managed.
///
/// [`ConfigError::Registered`](crate::flow::ConfigError::Registered) has it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisteredClientError {
    /// The client is registered at another issuer.
    #[error(
        "the registered client belongs to another issuer than that of the metadata, which must not get its credentials: register a client there, too"
    )]
    OtherIssuer,
    /// The secret of the client has expired (RFC 7591 section 3.2.1).
    #[error(
        "the registered client has a secret that has expired: `RegisteredClient::read` may bring a new one, or register once more"
    )]
    Expired,
    /// The provider has given no URL or no token to manage the registration.
    #[error(
        "the registered client has no `registration_client_uri` or no token for it, so nobody can manage it"
    )]
    NotManaged,
    /// The URL of the registration is not one that requests may be sent to.
    #[error("the registered client has a `registration_client_uri` that may not be used: the URL {}", predicate(.0))]
    Url(UrlError),
}

sentences_about!(RegisteredClientError: "the registered client ");

impl RegisteredClientError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherIssuer => "registered_at_other_issuer",
            Self::Expired => "registered_client_expired",
            Self::NotManaged | Self::Url(_) => "registration_not_managed",
        }
    }
}
