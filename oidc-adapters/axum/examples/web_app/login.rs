//! Begins and ends logins with a handle, which discovers the provider and keeps its metadata and keys fresh.

use super::site::{Logins, Registered, Trouble};
use oidc_drive::{Clock, Provider, ProviderError};
use oidc_hyper::Http;
use oidc_proto::{
    flow::{Authenticated, CallbackError, PendingAuthorization},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use std::sync::Arc;
use url::Url;

/// Logs users in at one provider.
pub(crate) struct ByHandle(Provider);

impl ByHandle {
    /// Makes the handle. It sends no request before the first login.
    pub(crate) fn new(at: Registered, clock: Arc<dyn Clock>) -> Result<Self, ProviderError> {
        let urls = at.url_policy();
        let mut builder = Http::new()
            .provider(at.issuer)
            .client_id(at.client_id)
            .redirect_uri(at.redirect_uri)
            .client(|client| match client.metadata().userinfo_endpoint {
                Some(_) => client.fetch_userinfo(),
                None => client,
            })
            .url_policy(urls)
            .clock(move || clock.moment());
        if let Some(secret) = at.secret {
            builder = builder.secret(secret);
        }
        Ok(Self(builder.build()?))
    }
}

impl Logins for ByHandle {
    async fn begin(&self) -> Result<(Url, PendingAuthorization), Trouble> {
        Ok(self.0.authorize(&AuthorizationRequest::new(["profile"])).await?)
    }

    async fn end(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Result<Authenticated, Trouble> {
        Ok(self.0.callback(pending, response).await?)
    }
}

impl From<ProviderError> for Trouble {
    fn from(error: ProviderError) -> Self {
        let code = error.code();
        let why = error.to_string();
        if let ProviderError::Protocol(error) = error {
            Self::Protocol(error)
        } else if matches!(error, ProviderError::CodeSpent) {
            // A code of another login does not answer this one, and the page says so.
            Self::Protocol(CallbackError::State.into())
        } else {
            Self::NoAnswer { code, why }
        }
    }
}
