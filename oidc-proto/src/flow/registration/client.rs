//! From a [`RegisteredClient`] to a [`Client`](crate::flow::Client), at its own issuer and before it expires.

use super::authentication::takes_secret;
use crate::{
    base::moment::Timestamp,
    flow::{
        client::{Client, ClientBuilder, check_redirect_uri},
        contract::{ConfigError, Error, RegisteredClientError},
    },
    jose::Algorithm,
    message::{ClientMetadata, RegisteredClient},
    metadata::ProviderMetadata,
};
use std::sync::Arc;

impl RegisteredClient {
    /// Returns a builder of a client, as it is registered: its identifier, its secret, its method of authentication, its
    /// first redirect URI, and what the registration says of signatures and of pushed requests. Add the private key of a
    /// client that signs assertions, or choose another of its redirect URIs.
    ///
    /// # Errors
    /// [`RegisteredClientError::OtherIssuer`] if the metadata are those of another issuer: it must not get the credentials.
    /// [`RegisteredClientError::Expired`] if the client authenticates with a secret that has expired.
    pub fn builder(
        &self,
        provider: impl Into<Arc<ProviderMetadata>>,
        now: Timestamp,
    ) -> Result<ClientBuilder, ConfigError> {
        let provider = provider.into();
        if provider.issuer != self.issuer {
            return Err(RegisteredClientError::OtherIssuer.into());
        }
        if self.is_expired(now) {
            return Err(RegisteredClientError::Expired.into());
        }
        let ClientMetadata {
            redirect_uris,
            token_endpoint_auth_signing_alg,
            id_token_signed_response_alg,
            userinfo_signed_response_alg,
            authorization_signed_response_alg,
            introspection_signed_response_alg,
            request_object_signing_alg,
            require_pushed_authorization_requests,
            require_signed_request_object,
            tls_client_certificate_bound_access_tokens,
            ..
        } = &self.metadata;
        let mut builder = Client::builder(provider, &self.client_id).authentication(self.authentication);
        if let Some(secret) = self.client_secret.as_ref().filter(|_| takes_secret(self.authentication)) {
            builder = builder.secret(secret.clone());
        }
        if let Some(uri) = redirect_uris.iter().flatten().next() {
            builder = builder.redirect_uri(uri);
        }
        // An algorithm that is unknown here is one that no message may have, which the metadata of the provider decide.
        let with = |builder: ClientBuilder,
                    name: &Option<String>,
                    set: fn(ClientBuilder, Algorithm) -> ClientBuilder| {
            match name.as_deref().and_then(Algorithm::from_name) {
                Some(algorithm) => set(builder, algorithm),
                None => builder,
            }
        };
        builder =
            with(builder, token_endpoint_auth_signing_alg, ClientBuilder::token_endpoint_auth_signing_alg);
        builder = with(builder, id_token_signed_response_alg, ClientBuilder::id_token_signed_response_alg);
        builder = with(builder, userinfo_signed_response_alg, ClientBuilder::userinfo_signed_response_alg);
        builder = with(
            builder,
            authorization_signed_response_alg,
            ClientBuilder::authorization_signed_response_alg,
        );
        builder = with(
            builder,
            introspection_signed_response_alg,
            ClientBuilder::introspection_signed_response_alg,
        );
        builder = with(builder, request_object_signing_alg, ClientBuilder::request_object_signing_alg);
        if *require_pushed_authorization_requests == Some(true) {
            builder = builder.require_pushed_authorization_requests();
        }
        if *require_signed_request_object == Some(true) {
            builder = builder.require_signed_request_object();
        }
        if *tls_client_certificate_bound_access_tokens == Some(true) {
            builder = builder.tls_client_certificate_bound_access_tokens();
        }
        Ok(builder)
    }

    /// Whether the client authenticates with a secret that has expired.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        takes_secret(self.authentication) && self.client_secret_expires_at.is_some_and(|end| end <= now)
    }
}

impl Error {
    /// Returns the client of a registration that failed after the provider had made or changed the client: delete it, or
    /// use it if you know better. After a read or an update, it is what to keep in place of the old one, because the old
    /// token may be worth nothing.
    #[must_use]
    pub fn registered_client(&self) -> Option<&RegisteredClient> {
        if let Self::Registration { client, .. } = self { Some(client) } else { None }
    }
}

/// Refuses redirect URIs that no client can use, before they are registered.
pub(super) fn check_redirect_uris(metadata: &ClientMetadata) -> Result<(), ConfigError> {
    metadata.redirect_uris.iter().flatten().try_for_each(|uri| check_redirect_uri(uri))
}
