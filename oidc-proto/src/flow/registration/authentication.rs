//! With which method a registered client authenticates.

use crate::{
    message::ClientMetadata,
    metadata::{ClientAuthentication, ClientAuthenticationSet},
};

/// What the choice depends on.
pub(super) struct Choice<'c> {
    /// The metadata that were asked for.
    pub(super) asked: &'c ClientMetadata,
    /// The method that the provider tells.
    pub(super) told: Option<&'c str>,
    pub(super) has_secret: bool,
    /// The methods that the provider lists. With an earlier registration, its method alone.
    pub(super) offered: ClientAuthenticationSet,
}

impl Choice<'_> {
    /// Returns the method. `None` means that the client has nothing to authenticate with as the provider tells it to.
    pub(super) fn method(&self) -> Option<ClientAuthentication> {
        match self.told {
            Some(told) => self.told(told),
            None => Some(self.untold()),
        }
    }

    fn told(&self, name: &str) -> Option<ClientAuthentication> {
        let method = ClientAuthentication::from_name(name)?;
        // A public client was asked for, and there is no secret: the method is a default that was never registered.
        if takes_secret(method) && !self.has_secret && self.asked() == Some(ClientAuthentication::None) {
            return Some(ClientAuthentication::None);
        }
        self.fits(method).then_some(method)
    }

    /// Chooses where the provider says nothing. The registration counts if the provider lists its method. Otherwise the
    /// metadata of the provider decide, and the default of RFC 7591 comes first.
    fn untold(&self) -> ClientAuthentication {
        use ClientAuthentication::{ClientSecretBasic, ClientSecretJwt, ClientSecretPost, None as Public};
        let asked = self.asked().filter(|method| self.fits(*method));
        if !self.has_secret {
            return asked.unwrap_or(Public);
        }
        let candidates =
            asked.into_iter().chain([ClientSecretBasic, ClientSecretPost, ClientSecretJwt, Public]);
        let mut listed = candidates.filter(|method| self.offered.contains(*method));
        listed.next().unwrap_or(ClientSecretBasic)
    }

    fn asked(&self) -> Option<ClientAuthentication> {
        ClientAuthentication::from_name(self.asked.token_endpoint_auth_method.as_deref()?)
    }

    /// Whether the client has what it needs for this method, as far as this crate can know.
    fn fits(&self, method: ClientAuthentication) -> bool {
        let of_statement = self.asked.software_statement.is_some();
        match method {
            ClientAuthentication::None => true,
            ClientAuthentication::ClientSecretBasic
            | ClientAuthentication::ClientSecretPost
            | ClientAuthentication::ClientSecretJwt => self.has_secret,
            ClientAuthentication::PrivateKeyJwt => {
                self.asked.jwks.is_some() || self.asked.jwks_uri.is_some() || of_statement
            }
            ClientAuthentication::TlsClientAuth | ClientAuthentication::SelfSignedTlsClientAuth => {
                self.asked() == Some(method) || of_statement
            }
        }
    }
}

/// Whether a client authenticates with its secret in this method.
pub(super) const fn takes_secret(method: ClientAuthentication) -> bool {
    match method {
        ClientAuthentication::ClientSecretBasic
        | ClientAuthentication::ClientSecretPost
        | ClientAuthentication::ClientSecretJwt => true,
        ClientAuthentication::None
        | ClientAuthentication::PrivateKeyJwt
        | ClientAuthentication::TlsClientAuth
        | ClientAuthentication::SelfSignedTlsClientAuth => false,
    }
}
