//! [`RegisteredClient`]: a client that a provider has registered, and what it needs to be used or managed.

use super::{ClientMetadata, client_metadata::registered_name};
use crate::{
    base::{moment::Timestamp, secret::Secret},
    metadata::ClientAuthentication,
};
use serde_json::Value;
use std::fmt;

/// A client that a provider has registered: its credentials, its metadata as they are registered, and the token with
/// which the registration is read, changed and deleted (RFC 7591 section 3.2.1, RFC 7592 section 3).
///
/// It is the output of [`Registration`](crate::flow::Registration), and belongs to one issuer: no other gets its
/// credentials. [`builder`](Self::builder) makes a client of it. Save it with serde, or sealed
/// ([`SealingKeys::seal_stored`](crate::flow::SealingKeys::seal_stored)): it has the client secret, and the token that
/// deletes the client. All times in it are absolute.
///
/// A provider may forget a client. Its token endpoint then answers `invalid_client`. Forget this value, and register once
/// more; do not try again with it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredClient {
    /// The issuer at which the client is registered.
    pub issuer: String,
    /// The identifier of the client.
    pub client_id: String,
    /// The time at which the provider issued the identifier, if it has told.
    pub client_id_issued_at: Option<Timestamp>,
    /// The client secret, if the provider has issued one. An empty one is none.
    pub client_secret: Option<Secret>,
    /// The time at which the client secret expires. `None` means never, or that the provider has not told.
    pub client_secret_expires_at: Option<Timestamp>,
    /// The method with which the client authenticates: see
    /// [`Registration`](crate::flow::Registration#the-authentication-method).
    pub authentication: ClientAuthentication,
    /// The token with which the registration is read, changed and deleted, if it can be.
    pub registration_access_token: Option<Secret>,
    /// The URL at which the registration is read, changed and deleted, if it can be. It is checked when it is used.
    pub registration_client_uri: Option<String>,
    /// The metadata as they are registered. A member that the provider has not repeated is as it was asked for.
    pub metadata: ClientMetadata,
    /// What the last answer of the provider has otherwise than it was asked for. It is not saved.
    pub changes: Vec<ClientMetadataChange>,
}

/// A member of the metadata of a client that the provider has registered otherwise than it was asked for (RFC 7591
/// section 3.2.1).
///
/// ```
/// use oidc_proto::{flow::RegisteredClient, message::ClientMetadataChange};
///
/// /// Whether the client can refresh its tokens.
/// fn may_refresh(registered: &RegisteredClient) -> bool {
///     let told = |change: &&ClientMetadataChange| change.member == "grant_types";
///     match registered.changes.iter().find(told).and_then(|change| change.registered.as_ref()?.as_array()) {
///         Some(grants) => grants.iter().any(|grant| grant == "refresh_token"),
///         None => true, // as it was asked for
///     }
/// }
/// # let _ = may_refresh;
/// ```
///
/// `Debug` shows no values, and no name that is not registered.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientMetadataChange {
    /// The name of the member.
    pub member: String,
    /// The value that was asked for. `None` if the member was left to the provider.
    pub asked: Option<Value>,
    /// The value that is registered. `None` if the provider does not say that it has registered the member.
    pub registered: Option<Value>,
}

impl fmt::Debug for ClientMetadataChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = registered_name(&self.member);
        f.debug_struct("ClientMetadataChange").field("member", &member).finish_non_exhaustive()
    }
}

/// Shows neither the secret nor the token.
impl fmt::Debug for RegisteredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredClient")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .field("client_secret_expires_at", &self.client_secret_expires_at)
            .field("authentication", &self.authentication)
            .field("registration_access_token", &self.registration_access_token)
            .field("has_registration_client_uri", &self.registration_client_uri.is_some())
            .field("metadata", &self.metadata)
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}
