//! [`ClientMetadataError`]: the rules that the metadata of a client keeps before it is sent.

use super::{ClientMetadata, client_metadata::OF_PROVIDER};
use crate::{base::sentence::sentences_about, metadata::ClientAuthentication};

/// Why the metadata of a client is not sent: its members contradict each other, or would give a secret away.
///
/// [`ClientMetadata::check`] returns it, and each flow that sends metadata.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientMetadataError {
    /// There are both `jwks` and `jwks_uri` (RFC 7591 section 2).
    #[error("the client metadata has both `jwks` and `jwks_uri`: leave one out")]
    KeysTwice,
    /// The authentication method needs public keys of the client, and there are none.
    #[error(
        "the client metadata has the `token_endpoint_auth_method` `{0}` without keys: set `ClientMetadata::jwks` or its `jwks_uri`"
    )]
    NoKeys(&'static str),
    /// `jwks` has a symmetric key.
    #[error("the client metadata has a symmetric key in `jwks`: it has public keys only")]
    SymmetricKey,
    /// A grant with a redirect has no URI to return to (RFC 7591 section 2).
    #[error(
        "the client metadata has no redirect URI, and the grant `{0}` needs one: set `redirect_uris`, or begin with `ClientMetadata::service`"
    )]
    NoRedirectUri(&'static str),
    /// A response type needs a grant that is not listed (RFC 7591 section 2.1).
    #[error("the client metadata has a response type that needs the grant `{0}`, and `grant_types` lacks it")]
    NoGrant(&'static str),
    /// A member that has a field stands among the other members.
    #[error(
        "the client metadata has the member `{0}` twice: set it by its own method, and not by `ClientMetadata::member`"
    )]
    Misplaced(&'static str),
    /// A member that only the provider sets stands among the other members (RFC 7591 section 3.2.1).
    #[error("the client metadata has the member `{0}`, which the provider sets: leave it out")]
    OfProvider(&'static str),
}

sentences_about!(ClientMetadataError: "the client metadata ");

const CODE: &str = "authorization_code";
const IMPLICIT: &str = "implicit";

impl ClientMetadata {
    /// Checks that the metadata can be sent: no member contradicts another, and no key is secret. What a software
    /// statement says is unknown here, so with one, less must be there.
    ///
    /// # Errors
    /// [`ClientMetadataError`] names what must be changed.
    pub fn check(&self) -> Result<(), ClientMetadataError> {
        let among_others = |names: &'static [&'static str]| {
            names.iter().copied().find(|name| self.extra.contains_key(*name))
        };
        if let Some(name) = among_others(Self::MEMBERS) {
            return Err(ClientMetadataError::Misplaced(name));
        }
        if let Some(name) = among_others(&OF_PROVIDER) {
            return Err(ClientMetadataError::OfProvider(name));
        }
        if self.jwks.is_some() && self.jwks_uri.is_some() {
            return Err(ClientMetadataError::KeysTwice);
        }
        let mut keys = self.jwks.iter().flatten();
        if keys.any(|key| key.kty == "oct" || key.k.is_some()) {
            return Err(ClientMetadataError::SymmetricKey);
        }
        if self.software_statement.is_some() { Ok(()) } else { self.is_whole() }
    }

    /// Checks that nothing is missing.
    fn is_whole(&self) -> Result<(), ClientMetadataError> {
        let has_keys = self.jwks.as_ref().is_some_and(|keys| !keys.is_empty()) || self.jwks_uri.is_some();
        for method in [ClientAuthentication::PrivateKeyJwt, ClientAuthentication::SelfSignedTlsClientAuth] {
            if self.token_endpoint_auth_method.as_deref() == Some(method.name()) && !has_keys {
                return Err(ClientMetadataError::NoKeys(method.name()));
            }
        }
        let grants = |grant: &str| match &self.grant_types {
            Some(grants) => grants.iter().any(|known| known == grant),
            None => grant == CODE,
        };
        let has_uris = self.redirect_uris.as_ref().is_some_and(|uris| !uris.is_empty());
        if let Some(grant) = [CODE, IMPLICIT].into_iter().find(|grant| grants(grant) && !has_uris) {
            return Err(ClientMetadataError::NoRedirectUri(grant));
        }
        let code = ["code".to_owned()];
        for response_type in self.response_types.as_deref().unwrap_or(&code) {
            for part in response_type.split(' ') {
                let grant = match part {
                    "code" => CODE,
                    "id_token" | "token" => IMPLICIT,
                    _ => continue,
                };
                if !grants(grant) {
                    return Err(ClientMetadataError::NoGrant(grant));
                }
            }
        }
        Ok(())
    }
}
